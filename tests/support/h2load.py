"""Runs Debian's h2load and reads what it counted."""

import re
import subprocess
from typing import NamedTuple

from flaskscale_process import SCALE


class Counted(NamedTuple):
    """`requests`: total, started, done, succeeded, failed, errored, timed out; `codes`: 2xx, 3xx,
    4xx, 5xx; `data`: bytes of bodies."""

    requests: list
    codes: list
    data: int


def h2load(url, requests, *arguments):
    """So many requests for one URL."""
    done = subprocess.run(
        ["h2load", "-n", str(requests), *map(str, arguments), url],
        capture_output=True, text=True, timeout=150 * SCALE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded,"
                       r" (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    data = re.search(r"traffic: .*, [\d.]+\w+ \((\d+)\) data", done.stdout)
    assert counts and codes and data, done.stdout
    return Counted([int(n) for n in counts.groups()], [int(n) for n in codes.groups()],
                   int(data[1]))
