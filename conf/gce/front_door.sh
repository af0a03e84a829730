#!/bin/bash
# Start-up script of the front door, run at each boot: installs Docker once, then a service that runs
# FlaskScale's container and one that brings a changed configuration into force.
set -euo pipefail

if ! command -v docker >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends docker.io curl ca-certificates
fi
install -d /etc/flaskscale /usr/local/lib/flaskscale
# The container's user.
install -d -o 10001 -g 10001 -m 750 /var/lib/flaskscale

cat >/usr/local/lib/flaskscale/attribute <<'SCRIPT'
#!/bin/bash
# attribute PATH [QUERY]: what the metadata server knows of this VM.
exec curl -sSf -H 'Metadata-Flavor: Google' \
  "http://metadata.google.internal/computeMetadata/v1/instance/$1${2:-}"
SCRIPT

cat >/usr/local/lib/flaskscale/prepare <<'SCRIPT'
#!/bin/bash
# Before each start: the image, pulled with the VM's own token, and the configuration.
set -euo pipefail
here=/usr/local/lib/flaskscale
image=$($here/attribute attributes/flaskscale-image)
if ! docker image inspect "$image" >/dev/null 2>&1; then
  $here/attribute service-accounts/default/token |
    sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p' |
    docker login -u oauth2accesstoken --password-stdin "https://${image%%/*}"
  docker pull "$image"
fi
docker tag "$image" flaskscale-current
$here/take_config docker run --rm --volume=/etc/flaskscale:/etc/flaskscale:ro \
  --entrypoint=flaskscale flaskscale-current || [[ -s /etc/flaskscale/flaskscale.toml ]]
SCRIPT

cat >/usr/local/lib/flaskscale/take_config <<'SCRIPT'
#!/bin/bash
# take_config COMMAND…: fetches the configuration; puts it in its place if `COMMAND… check` finds it
# right. A wrong one never replaces a right one.
set -euo pipefail
file=/etc/flaskscale/flaskscale.toml
/usr/local/lib/flaskscale/attribute attributes/flaskscale-config >$file.new
"$@" check -c $file.new
mv $file.new $file
SCRIPT

cat >/usr/local/lib/flaskscale/follow <<'SCRIPT'
#!/bin/bash
# Reloads FlaskScale whenever its configuration has changed.
set -uo pipefail
here=/usr/local/lib/flaskscale
seen=$(sha256sum </etc/flaskscale/flaskscale.toml)
while true; do
  now=$(set -o pipefail; $here/attribute attributes/flaskscale-config | sha256sum) || now=$seen
  if [[ $now != "$seen" ]]; then
    if $here/take_config docker exec flaskscale flaskscale; then
      docker kill --signal=HUP flaskscale
    else
      echo "not taken; FlaskScale keeps the configuration that it has" >&2
    fi
    seen=$now
  fi
  # Returns as soon as an attribute of this VM changes.
  $here/attribute attributes/ '?recursive=true&wait_for_change=true&timeout_sec=60' >/dev/null ||
    sleep 5
done
SCRIPT
chmod 755 /usr/local/lib/flaskscale/*

cat >/etc/systemd/system/flaskscale.service <<'UNIT'
[Unit]
Description=FlaskScale load balancer and autoscaler
Wants=network-online.target
Requires=docker.service
After=network-online.target docker.service

[Service]
ExecStartPre=/usr/local/lib/flaskscale/prepare
ExecStartPre=-/usr/bin/docker rm --force flaskscale
ExecStart=/usr/bin/docker run --rm --name=flaskscale --network=host \
  --ulimit=nofile=1048576:1048576 \
  --volume=/etc/flaskscale:/etc/flaskscale:ro --volume=/var/lib/flaskscale:/var/lib/flaskscale \
  flaskscale-current
ExecStop=/usr/bin/docker stop --time=45 flaskscale
TimeoutStartSec=10min
TimeoutStopSec=60
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT

cat >/etc/systemd/system/flaskscale-follow.service <<'UNIT'
[Unit]
Description=Brings a changed FlaskScale configuration into force
After=flaskscale.service

[Service]
ExecStart=/usr/local/lib/flaskscale/follow
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT

systemctl daemon-reload
systemctl enable --now flaskscale.service flaskscale-follow.service
