#!/usr/bin/python3
"""A small "cloud" of one machine, as a worked example of FlaskScale's exec provider.

Each instance is a process in a session of its own, on its own port of 127.0.0.1; a folder holds what is
known about it. The same five verbs are all that any other cloud needs:

    local.py create NAME    make it; done when it is asked for, it may take its time to answer
    local.py delete NAME    end it; a name that is not there is fine
    local.py stop NAME      switch it off and keep its place ...
    local.py start NAME     ... and on again: what `standby` is made of
    local.py list           one JSON object a line, everything that this pool has

All may be repeated, and a run that was killed half way is made good by the next one.

Environment: EXAMPLE_STATE, the folder; EXAMPLE_COMMAND, what an instance runs ("{port}" is replaced;
default: the demo application under gunicorn); EXAMPLE_MOST, how many fit on this machine (default 50).
FLASKSCALE_POOL is set by FlaskScale: two pools may share the folder.
"""

import contextlib
import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

OUT_OF_CAPACITY = 69  # EX_UNAVAILABLE: no such machine is to be had now
WRONG_USE = 64        # EX_USAGE

POOL = os.environ.get("FLASKSCALE_POOL", "example")
FOLDER = Path(os.environ.get("EXAMPLE_STATE", "/var/tmp/flaskscale-exec-example")) / POOL
MOST = int(os.environ.get("EXAMPLE_MOST", "50"))
DEMO = Path(__file__).resolve().parents[1] / "demo"
COMMAND = os.environ.get(
    "EXAMPLE_COMMAND",
    f"/usr/bin/gunicorn --chdir {shlex.quote(str(DEMO))} --bind 127.0.0.1:{{port}} --workers 1 "
    "--worker-class gthread --threads 8 --log-level warning app:app")
STOP_GRACE = 10.0  # seconds from SIGTERM to SIGKILL
MARK = "EXAMPLE_INSTANCE"  # in an instance's environment: tells it from a process that has its old number


@contextlib.contextmanager
def alone():
    """One run at a time changes the folder: FlaskScale creates four instances at once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def records():
    """{name: record} of all instances."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def write(name, record):
    """Replaces a record in one step: a reader never sees half of it."""
    fresh = FOLDER / f"{name}.new"
    fresh.write_text(json.dumps(record))
    fresh.replace(FOLDER / f"{name}.json")


def process_of(name):
    """Its process id, or None when it does not run."""
    try:
        pid = int((FOLDER / f"{name}.pid").read_text())
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if f"{MARK}={POOL}/{name}".encode() in environment else None


def free_port(taken):
    """A port that nobody has, and no other instance was promised."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in taken:
            return port


def launch(name, port):
    """Starts the process. It writes down its own number before it becomes the application, so that it
    is found whatever becomes of this run."""
    command = COMMAND.replace("{port}", str(port))
    script = f'echo $$ > "$0.new" && mv "$0.new" "$0" && exec {command}'
    pid_file = FOLDER / f"{name}.pid"
    pid_file.unlink(missing_ok=True)
    with open(FOLDER / f"{name}.log", "ab") as log:
        child = subprocess.Popen(
            ["/bin/sh", "-c", script, str(pid_file)], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True, env={**os.environ, MARK: f"{POOL}/{name}"})
    while not pid_file.exists() and child.poll() is None:
        time.sleep(0.01)


def end(name):
    """SIGTERM, and SIGKILL for what does not go."""
    deadline = time.monotonic() + STOP_GRACE
    told = False
    while (pid := process_of(name)) is not None:
        late = time.monotonic() > deadline
        if late or not told:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL if late else signal.SIGTERM)
            told = True
        time.sleep(0.05)


def create(name):
    with alone():
        known = records()
        if name not in known:
            if len(known) >= MOST:
                print(f"this machine has room for {MOST} instances", file=sys.stderr)
                return OUT_OF_CAPACITY
            record = {"port": free_port({r["port"] for r in known.values()}), "stopped": False}
            write(name, record)  # before it runs: a run that dies here has leaked nothing
            known[name] = record
        if process_of(name) is None and not known[name]["stopped"]:
            launch(name, known[name]["port"])
    return 0


def delete(name):
    end(name)
    with alone():
        for path in FOLDER.glob(f"{name}.*"):
            path.unlink(missing_ok=True)
    return 0


def stop(name):
    with alone():
        record = records().get(name)
        if record is None:
            print(f"there is no {name}", file=sys.stderr)
            return 1
        write(name, {**record, "stopped": True})
    end(name)
    return 0


def start(name):
    with alone():
        record = records().get(name)
        if record is None:
            print(f"there is no {name}", file=sys.stderr)
            return 1
        write(name, {**record, "stopped": False})
        if process_of(name) is None:
            launch(name, record["port"])
    return 0


def show():
    """The list: from the folder and from the kernel, not from what was once asked for."""
    with alone():
        for name, record in records().items():
            pid = process_of(name)
            state = "running" if pid else "stopped" if record["stopped"] else "exited"
            if record["stopped"] and pid:
                state = "leaving"
            print(json.dumps({"name": name, "state": state, "id": str(pid or ""),
                              "address": f"127.0.0.1:{record['port']}"}))
    return 0


def main(arguments):
    verbs = {"create": create, "delete": delete, "stop": stop, "start": start}
    if arguments == ["list"]:
        return show()
    if len(arguments) == 2 and arguments[0] in verbs:
        return verbs[arguments[0]](arguments[1])
    print(__doc__, file=sys.stderr)
    return WRONG_USE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
