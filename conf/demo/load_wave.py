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
STOP_TIMEOUT = 60.0  # wrk adds up slowly when an answer took long
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


@dataclass(frozen=True)
class Wave:
    """Who comes when. The last phase is that of the way back, and its end the end of all patience."""

    visitors: tuple
    phases: tuple

    @property
    def limit(self):
        """Seconds after which the wave is over, whatever the pool does."""
        return self.phases[-1].end

    @property
    def calm_after(self):
        """From here on only few visitors are left."""
        return self.phases[-2].end

    def phase_at(self, seconds):
        """Name of the phase."""
        return next((phase.name for phase in self.phases if seconds < phase.end),
                    self.phases[-1].name)


def wave(rise, step, peak_end, limit):
    """8 visitors, from `rise` on 14 more every `step` seconds until there are 92, which leave from
    `peak_end` on, then 2: so few that one instance is enough for them on a slow machine too."""
    last = rise + 5 * step
    crowd = tuple(Visitors(rise + i * step, peak_end + 5 - i, 14) for i in range(6))
    return Wave(
        visitors=(Visitors(0, limit + 5, 2), Visitors(0, peak_end + 5, 6), *crowd),
        phases=(Phase(rise, "light"), Phase(last + 1, "rising"), Phase(peak_end, "peak"),
                Phase(peak_end + 6, "falling"), Phase(limit, "light")))


# Short on purpose: the scaler's slow average (30 s) remembers a peak longer than this whole wave
# lasts, and the way back must fit into two minutes too. (It takes half of the limit's time; the rest
# is patience with a machine that is slow or busy.)
QUICK = wave(rise=8, step=1, peak_end=28, limit=168)
# For machines that take half a minute to come.
SLOW = wave(rise=8, step=8, peak_end=90, limit=285)


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

    def __init__(self, url, shape):
        self._url = url
        self._waiting = sorted(shape.visitors, key=lambda group: group.start)
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
