"""Finds processes by a mark in their environment, whatever their parent or group is by now."""

import os
import signal
import time
from pathlib import Path


def _state(pid):
    """Letter of the process state; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def is_alive(pid):
    """True while the process runs; a zombie has ended."""
    return _state(pid) not in ("", "Z", "X")


def find_marked(mark):
    """Process ids whose environment holds `mark`, our own process excluded."""
    wanted = mark.encode()
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            marked = wanted in Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        if marked and is_alive(int(entry)):
            found.add(int(entry))
    return found


def kill_marked(mark, timeout=10.0):
    """Ends every process that carries `mark`, by its id, and waits until none is left."""
    deadline = time.monotonic() + timeout
    while (found := find_marked(mark)) and time.monotonic() < deadline:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def children_of(pid):
    """Process ids whose parent is `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry))
    return sorted(found)
