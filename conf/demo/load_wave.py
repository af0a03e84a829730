"""The demo's load: a wave of wrk runs laid over each other, and what they measured, added up.

Every connection is one visitor who reads for about a second between two pages, so N connections
ask about N / (THINK_SECONDS + page time) pages a second: a smooth load, with no burst in step.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

THINK_SECONDS = 0.9
WRK_TIMEOUT = "60s"  # longer than the front door holds a request: late is not failed
STOP_TIMEOUT = 10.0
FAILURE_KINDS = ("not_ok", "connect", "read", "write", "timeout")


@dataclass(frozen=True)
class Visitors:
    """`connections` visitors from `start` to `end`, seconds since the wave began."""

    start: int
    end: int
    connections: int


@dataclass(frozen=True)
class Phase:
    """A name for the seconds before `end`."""

    end: int
    name: str


# 8 visitors, then 92, then 4. Short on purpose: the scaler's slow average (30 s) remembers a peak
# longer than this whole wave lasts, and the way back must fit into two minutes too.
LIMIT = 108
VISITORS = (
    Visitors(0, LIMIT + 5, 4), Visitors(0, 33, 4),
    Visitors(8, 33, 14), Visitors(9, 32, 14), Visitors(10, 31, 14),
    Visitors(11, 30, 14), Visitors(12, 29, 14), Visitors(13, 28, 14),
)
PHASES = (Phase(8, "light"), Phase(14, "rising"), Phase(28, "peak"), Phase(34, "falling"),
          Phase(LIMIT, "light"))
CALM_AFTER = PHASES[-2].end


def phase_at(seconds):
    """Name of the phase."""
    return next((phase.name for phase in PHASES if seconds < phase.end), PHASES[-1].name)


@dataclass
class Measured:
    """What the visitors saw."""

    requests: int = 0
    failures: Counter = field(default_factory=Counter)
    latency: Counter = field(default_factory=Counter)  # microseconds -> requests

    def add(self, run):
        """Adds one wrk run's JSON line."""
        self.requests += run["requests"]
        self.failures.update({kind: run[kind] for kind in FAILURE_KINDS if run[kind]})
        for microseconds, count in run["latency"]:
            self.latency[microseconds] += count

    @property
    def failed(self):
        """How many requests failed, in any way."""
        return sum(self.failures.values())

    def quantile(self, share):
        """Latency in seconds that `share` of the requests did not exceed; 0 without requests."""
        total = sum(self.latency.values())
        seen = 0
        for microseconds in sorted(self.latency):
            seen += self.latency[microseconds]
            if seen >= share * total:
                return microseconds / 1e6
        return 0.0


class LoadWave:
    """Starts each group of visitors at its time. Ended by finish() or, on a failure, by close()."""

    def __init__(self, url):
        self._url = url
        self._waiting = sorted(VISITORS, key=lambda group: group.start)
        self._runs = []  # (process, file of its output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def advance(self, seconds):
        """Starts the groups whose time has come; call it about once a second."""
        while self._waiting and self._waiting[0].start <= seconds:
            self._start(self._waiting.pop(0))

    def _start(self, group):
        output = tempfile.TemporaryFile(mode="w+")
        environment = {**os.environ, "THINK_MS": str(int(THINK_SECONDS * 1000)),
                       "SEED": str(len(self._runs) + 1)}
        process = subprocess.Popen(
            ["wrk", "-t1", f"-c{group.connections}", f"-d{group.end - group.start}s",
             "--timeout", WRK_TIMEOUT, "-s", str(Path(__file__).with_name("wave.lua")), self._url],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
            start_new_session=True)  # a Ctrl-C is ours to pass on
        self._runs.append((process, output))

    def finish(self):
        """Sends the visitors home and returns what all of them saw."""
        measured = Measured()
        for process, _ in self._runs:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)  # wrk ends its run and reports
        for process, output in self._runs:
            process.wait(STOP_TIMEOUT)
            output.seek(0)
            lines = output.read().splitlines()
            report = next((line for line in reversed(lines) if line.startswith("{")), None)
            if report is None:
                raise RuntimeError("wrk did not report:\n" + "\n".join(lines[-10:]))
            measured.add(json.loads(report))
        return measured

    def close(self):
        """Ends what still runs, without a report."""
        for process, output in self._runs:
            if process.poll() is None:
                process.kill()
                process.wait()
            output.close()
        self._runs = []
