#!/bin/bash
# Builds the container image, runs it over the demo application and fetches a page through it.
#   tests/image/check.sh [--own-engine] [--keep TAG] [--save FILE]
# --keep leaves the image in the engine under that name; --save writes it to a file as well.
# Uses the Docker engine that runs here, or starts one of its own. Exit status 77: neither works.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."
readonly skip=77

own_engine='' keep='' save=''
while (($#)); do
  case $1 in
    --own-engine) own_engine=1 ;;
    --keep) keep=${2:?} && shift ;;
    --save) save=${2:?} && shift ;;
    *) echo "check.sh knows no '$1'" >&2 && exit 2 ;;
  esac
  shift
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/flaskscale-image.XXXXXX")
container=flaskscale-check-$$
image=flaskscale-check:$$
engine='' made_base='' application=''
# shellcheck source=tests/image/engine.sh
source tests/image/engine.sh

clean_up() {
  local status=$?
  if ((status != 0 && status != skip)); then
    docker logs "$container" 2>&1 | tail -n 20 >&2 || true
    [[ ! -s $folder/application.log ]] || tail -n 20 "$folder/application.log" >&2
  fi
  docker rm -f "$container" >/dev/null 2>&1 || true
  docker rmi -f "$image" >/dev/null 2>&1 || true
  [[ -z $made_base ]] || docker rmi "$made_base" >/dev/null 2>&1 || true
  if [[ -n $application ]]; then
    kill "$application" 2>/dev/null || true
    wait "$application" 2>/dev/null || true
  fi
  stop_engine
  rm -rf -- "$folder"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "image: $*" >&2
  exit 1
}

# A free port of the loopback; below 1024 where `low` is said.
free_port() {
  /usr/bin/python3 - "$@" <<'PYTHON'
import socket, sys
for port in (80, *range(1023, 600, -1)) if "low" in sys.argv else (0,):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PYTHON
}

start_application() {
  application_port=$(free_port)
  PYTHONDONTWRITEBYTECODE=1 /usr/bin/gunicorn --chdir conf/demo --workers 2 --threads 4 \
    --bind "127.0.0.1:$application_port" app:app >"$folder/application.log" 2>&1 &
  application=$!
}

write_configuration() {
  front_port=$(free_port low)
  admin_port=$(free_port)
  mkdir "$folder/conf"
  cat >"$folder/conf/flaskscale.toml" <<TOML
[admin]
listen = "127.0.0.1:$admin_port"
[listeners.web]
listen = ["127.0.0.1:$front_port"]
[[routes]]
pool = "demo"
[pools.demo]
backends = ["127.0.0.1:$application_port"]
TOML
  chmod -R a+rX "$folder/conf"
  chmod a+x "$folder"
}

await() { # SECONDS WHAT COMMAND…
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [[ $(docker inspect -f '{{.State.Running}}' "$container") == true ]] || fail "the container ended"
    ((SECONDS < end)) || fail "$what: not within the time"
    sleep 0.2
  done
}

is_healthy() { [[ $(docker inspect -f '{{.State.Health.Status}}' "$container") == healthy ]]; }

if [[ -n $own_engine ]] || ! docker info >/dev/null 2>&1; then
  start_engine || exit "$skip"
fi
echo "engine $(docker version -f '{{.Server.Version}}')"
provide_base "$(sed -n 's/^ARG BASE=//p' Dockerfile)"
docker build --network host -t "$image" \
  --build-arg COMMIT="$(git describe --always --dirty --abbrev=10 --exclude '*' 2>/dev/null || true)" .
[[ -z $keep ]] || docker tag "$image" "$keep"
[[ -z $save ]] || docker save "${keep:-$image}" | gzip >"$save"
echo "image of $(($(docker image inspect -f '{{.Size}}' "$image") / 1048576)) MiB"

start_application
write_configuration
docker run -d --name "$container" --network host --read-only --tmpfs /var/lib/flaskscale \
  -v "$folder/conf:/etc/flaskscale:ro" "$image" >/dev/null
page=http://127.0.0.1:$front_port/
await 30 "$page" curl -fsS "$page"
curl -fsS -o "$folder/page" "$page"
grep -qi '<html' "$folder/page" || fail "$page is not the application's page"
[[ $(docker inspect -f '{{.Config.User}}' "$image") == 10001* ]] || fail 'the image runs as root'
awk '/^Uid:/ && $2 == 10001 { found = 1 } END { exit !found }' \
  "/proc/$(docker inspect -f '{{.State.Pid}}' "$container")/status" || fail 'the program runs as root'
await 40 'the health check' is_healthy
docker exec "$container" flaskscale --version
docker exec "$container" flaskscale status -c /etc/flaskscale/flaskscale.toml
docker stop -t 40 "$container" >/dev/null
status=$(docker inspect -f '{{.State.ExitCode}}' "$container")
[[ $status == 0 ]] || fail "after SIGTERM the exit status is $status"

echo "fetched $page through the container as user 10001:"
sed -n '/<title>/p; /<h1/p' "$folder/page"
echo 'image: all is well'
