#!/usr/bin/python3
"""Shows FlaskScale at work: a Flask application, a wave of load, instances that follow it.

Starts build/release/flaskscale (or FLASKSCALE_BINARY) with this folder's configuration, on ports of
its own, and ends with status 0 only if no request failed and the pool was seen to go from 1
instance to at least 4 and back to 1. Whatever happens, no process stays behind.
"""

import re
import shutil
import signal
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from subprocess import SubprocessError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "support"))

from flaskscale_process import MARK_VARIABLE, FlaskscaleProcess, binary_path  # noqa: E402
from live_view import LiveView, in_words, instances_of  # noqa: E402
from load_wave import CALM_AFTER, LIMIT, LoadWave, phase_at  # noqa: E402

POOL = "demo"
WANTED_PEAK = 4
CALM_SECONDS = 3  # so long must the pool stay at one instance before the wave is over
EXIT_INTERRUPTED = 130


class Observations:
    """What was seen of the pool, second by second."""

    def __init__(self):
        self.seen_one_first = False
        self.peak = 0
        self.calm = 0  # seconds in a row at one instance, after the peak

    def note(self, pool):
        """Looks at one status of the pool."""
        count = instances_of(pool)
        serving = count["ready"] + count["warming"]
        alone = serving == 1 and sum(count.values()) == 1
        if alone and self.peak <= 1:
            self.seen_one_first = True
        self.peak = max(self.peak, serving)
        self.calm = self.calm + 1 if alone and self.went_out else 0

    @property
    def went_out(self):
        """Seen at one instance, then at enough of them."""
        return self.seen_one_first and self.peak >= WANTED_PEAK

    @property
    def came_back(self):
        """Seen at one instance again."""
        return self.went_out and self.calm > 0


def private_copy(text, mark):
    """The configuration with free ports and its own state, so that a second demo, or a server that
    runs with the file itself, is not in the way."""
    process = f'directory = "{HERE}"\nenvironment = {{ {MARK_VARIABLE} = "{mark}" }}'
    changes = (
        (r'^listen = "127\.0\.0\.1:\d+"', 'listen = "127.0.0.1:0"'),
        (r'^listen = \["127\.0\.0\.1:\d+"\]', 'listen = ["127.0.0.1:0"]'),
        (r'^state_dir = ".*"', 'state_dir = "state"'),
        (r'^directory = ".*"', process),
    )
    for pattern, replacement in changes:
        text, count = re.subn(pattern, lambda _, new=replacement: new, text, flags=re.MULTILINE)
        if count != 1:
            raise RuntimeError(f"flaskscale.toml: {count} lines match {pattern}")
    return text


def missing_tools():
    """What the demo needs and this machine lacks."""
    missing = [tool for tool in ("wrk", "/usr/bin/gunicorn") if shutil.which(tool) is None]
    if not binary_path().is_file():
        missing.append(str(binary_path()))
    return missing


def drive(server, view):
    """Sends the wave through; returns (observations, measured, last status of the pool, seconds,
    instance-seconds)."""
    seen = Observations()
    first = server.pool(POOL)["scaling"]["instance_seconds"]
    with LoadWave(server.url()) as wave:
        start = time.monotonic()
        second = 0
        while True:
            elapsed = time.monotonic() - start
            wave.advance(elapsed)
            pool = server.pool(POOL)
            seen.note(pool)
            view.second(elapsed, phase_at(elapsed), pool)
            view.decisions(server.decisions(POOL))
            if elapsed >= LIMIT or (elapsed >= CALM_AFTER and seen.calm >= CALM_SECONDS):
                break
            second += 1
            time.sleep(max(0.0, start + second - time.monotonic()))
        measured = wave.finish()
    elapsed = time.monotonic() - start
    pool = server.pool(POOL)
    return seen, measured, pool, elapsed, pool["scaling"]["instance_seconds"] - first


def summarise(view, seen, measured, pool, elapsed, used):
    """Prints the summary; returns the reasons why the demo did not show what it is to show."""
    fixed = seen.peak * elapsed
    saved = 100.0 * (1.0 - used / fixed) if fixed else 0.0
    failures = ", ".join(f"{count} {kind}" for kind, count in measured.failures.items())
    wait = pool["queue_wait_seconds"]
    view.line()
    view.line("Summary", "decision")
    view.fact("requests", measured.requests)
    view.fact("failed", failures or "0", "bad" if measured.failed else "good")
    view.fact("latency", f"p50 {in_words(measured.quantile(0.5))}, "
                         f"p99 {in_words(measured.quantile(0.99))}")
    view.fact("queue wait", f"p50 {in_words(wait['p50'])}, p99 {in_words(wait['p99'])}")
    view.fact("instances", f"1 to {seen.peak}" + (" and back to 1" if seen.came_back else ""))
    view.fact("instance-seconds", f"{used:.0f}; a fixed fleet of {seen.peak}: {fixed:.0f} "
                                  f"({saved:.0f} % saved)")
    problems = []
    if measured.requests == 0:
        problems.append("no request was answered")
    if measured.failed:
        problems.append(f"{measured.failed} requests failed; answers without 2xx by reason: "
                        f"{pool['reasons'] or 'none counted'}")
    if not seen.went_out:
        problems.append(f"the pool was not seen to grow from 1 to {WANTED_PEAK} instances")
    elif not seen.came_back:
        problems.append(f"the pool was not seen back at 1 instance within {LIMIT} s")
    return problems


def interrupt(*_):
    """SIGTERM and SIGHUP end the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def run(view, directory):
    """One demo; returns the exit status."""
    server = FlaskscaleProcess("", directory=directory, wait="serving")
    server.write_config(private_copy((HERE / "flaskscale.toml").read_text(), server.mark))
    try:
        with server:
            view.line(f"FlaskScale at {server.url()}, admin at {server.admin_url}, "
                      f"process {server.pid}")
            view.header()
            try:
                results = drive(server, view)
            except KeyboardInterrupt:
                view.line("interrupted: ending FlaskScale and its instances", "bad")
                server.stop()
                return EXIT_INTERRUPTED
            problems = summarise(view, *results)
    except (AssertionError, RuntimeError, OSError, HTTPException, SubprocessError) as error:
        view.line(f"{type(error).__name__}: {error}", "bad")
        return 1
    for problem in problems:
        view.line(f"  not as it should be: {problem}", "bad")
    if not problems:
        view.line("  every request was answered, and no process was left behind", "good")
    return 1 if problems else 0


def main():
    """Entry point."""
    view = LiveView(sys.stdout)
    if missing := missing_tools():
        view.line(f"missing: {', '.join(missing)}; `./dev demo` installs and builds all", "bad")
        return 1
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    with tempfile.TemporaryDirectory(prefix="flaskscale-demo-") as directory:
        try:
            return run(view, directory)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
