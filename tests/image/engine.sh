# A Docker engine of our own and a base image made from Debian's packages, for where there is
# neither an engine nor a hub. To be sourced; needs $folder, a new folder that the caller removes.
# shellcheck shell=bash
: "${folder:?}"

# Starts dockerd in $folder; false: no engine can run here.
start_engine() {
  local driver
  ((EUID == 0)) || { echo 'no engine: starting one needs root' >&2; return 1; }
  command -v dockerd >/dev/null || { echo 'no engine: dockerd is not installed' >&2; return 1; }
  export DOCKER_HOST=unix://$folder/docker.sock
  for driver in overlay2 vfs; do
    dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/docker.pid" \
      --host "$DOCKER_HOST" --storage-driver "$driver" --bridge none --iptables=false \
      --ip6tables=false >"$folder/dockerd.log" 2>&1 &
    engine=$!
    if await_engine && can_run; then return 0; fi
    stop_engine
  done
  echo 'no engine: dockerd does not work here:' >&2
  tail -n 5 "$folder/dockerd.log" >&2
  return 1
}

await_engine() {
  local turn
  for ((turn = 0; turn < 150; ++turn)); do
    kill -0 "$engine" 2>/dev/null || return 1
    docker info >/dev/null 2>&1 && return 0
    sleep 0.2
  done
  return 1
}

# Whether this engine can unpack a layer and start a process: one static program is enough.
can_run() {
  local probe=$folder/probe
  mkdir -p "$probe"
  cat >"$probe/main.c" <<'PROGRAM'
int main(void) { return 0; }
PROGRAM
  if command -v cc >/dev/null && cc -static -o "$probe/run" "$probe/main.c" 2>/dev/null; then
    tar -C "$probe" -c run | docker import - flaskscale-probe:latest >/dev/null &&
      docker run --rm --network host flaskscale-probe:latest /run 2>>"$folder/dockerd.log"
  fi
}

stop_engine() {
  [[ -n ${engine:-} ]] || return 0
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  engine=
  # What a killed engine leaves mounted must go before the folder can.
  local mount
  awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r mount; do umount -l "$mount" || true; done
}

# Makes sure that the image named in the Dockerfile is there; sets made_base if it had to be made.
provide_base() { # IMAGE
  local image=$1 suite
  docker image inspect "$image" >/dev/null 2>&1 && return 0
  if timeout 120 docker pull -q "$image" 2>/dev/null; then return 0; fi
  echo "$image cannot be pulled: making it with debootstrap"
  case $image in
    debian:12*) suite=bookworm ;;
    debian:13*) suite=trixie ;;
    *) echo "no suite known for $image" >&2; return 1 ;;
  esac
  make_root "$suite" "$folder/root" >"$folder/debootstrap.log" 2>&1 || {
    tail -n 20 "$folder/debootstrap.log" >&2
    return 1
  }
  # shellcheck disable=SC2034  # the caller removes it
  made_base=$image
  tar -C "$folder/root" -c . | docker import - "$image" >/dev/null
  rm -rf -- "$folder/root"
}

# A minimal Debian in a folder, with this machine's way to the packages.
make_root() { # SUITE FOLDER
  local suite=$1 root=$2 sources mirror
  sources=$(apt-get indextargets --format "\$(SITE) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' |
    awk -v suite="$suite" '$2 == suite || index($2, suite "-") == 1 { print "deb", $1, $2, $3 }' | sort -u)
  if [[ -z $sources ]]; then
    echo "apt of this machine has no sources for $suite" >&2
    return 1
  fi
  mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' <<<"$sources")
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" || return
  echo "$sources" >"$root/etc/apt/sources.list"
  apt-config dump Acquire | grep -E '(Check-Valid-Until|Check-Date|::Proxy[:a-z]*) "[^"]' \
    >"$root/etc/apt/apt.conf.d/90machine" || true
  rm -rf -- "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}
