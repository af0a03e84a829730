#!/usr/bin/python3
"""Shows FlaskScale at work: a Flask application, a wave of load, instances that follow it.

    demo.py [process | docker | gce]

Starts build/release/flaskscale (or FLASKSCALE_BINARY) with this folder's configuration, on ports of
its own, and ends with status 0 only if no request failed and the pool was seen to go from 1
instance to at least 4 and back to 1. Instances are processes, containers of a Docker engine, or
virtual machines of an emulated Compute Engine: the module demo_PROVIDER.py sets the stage. Whatever
happens, nothing stays behind.
"""

import importlib
import signal
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from subprocess import SubprocessError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "support"))

from flaskscale_process import FlaskscaleProcess, binary_path  # noqa: E402
from live_view import LiveView, in_words, instances_of  # noqa: E402
from load_wave import LoadWave  # noqa: E402

POOL = "demo"
PROVIDERS = ("process", "docker", "gce")
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


def missing_tools(stage):
    """What the demo needs and this machine lacks."""
    missing = stage.missing()
    if not binary_path().is_file():
        missing.append(str(binary_path()))
    return missing


def drive(server, view, shape):
    """Sends the wave through; returns (observations, measured, last status of the pool, seconds,
    instance-seconds)."""
    seen = Observations()
    first = server.pool(POOL)["scaling"]["instance_seconds"]
    with LoadWave(server.url(), shape) as wave:
        start = time.monotonic()
        second = 0
        while True:
            elapsed = time.monotonic() - start
            wave.advance(elapsed)
            pool = server.pool(POOL)
            seen.note(pool)
            view.second(elapsed, shape.phase_at(elapsed), pool)
            view.decisions(server.decisions(POOL))
            if elapsed >= shape.limit or (elapsed >= shape.calm_after and seen.calm >= CALM_SECONDS):
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
        problems.append(f"the pool was not seen back at 1 instance within {elapsed:.0f} s")
    return problems


def interrupt(*_):
    """SIGTERM and SIGHUP end the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def run(view, directory, stage):
    """One demo; returns the exit status."""
    server = FlaskscaleProcess("", directory=directory, wait="serving",
                               environment=stage.environment, start_timeout=stage.start_timeout)
    server.write_config(stage.config((HERE / "flaskscale.toml").read_text(), server.mark))
    try:
        with server:
            view.line(f"FlaskScale at {server.url()}, admin at {server.admin_url}, "
                      f"process {server.pid}; instances: {stage.instances}")
            view.header()
            try:
                results = drive(server, view, stage.wave)
            except KeyboardInterrupt:
                view.line("interrupted: ending FlaskScale and its instances", "bad")
                server.stop()
                return EXIT_INTERRUPTED
            problems = summarise(view, *results)
        problems += stage.left_behind()
    except (AssertionError, RuntimeError, OSError, HTTPException, SubprocessError) as error:
        view.line(f"{type(error).__name__}: {error}", "bad")
        return 1
    for problem in problems:
        view.line(f"  not as it should be: {problem}", "bad")
    if not problems:
        view.line("  every request was answered, and no process was left behind", "good")
    return 1 if problems else 0


def main(arguments):
    """Entry point."""
    view = LiveView(sys.stdout)
    provider = arguments[0] if arguments else PROVIDERS[0]
    if provider not in PROVIDERS or len(arguments) > 1:
        view.line(f"usage: demo.py [{' | '.join(PROVIDERS)}]", "bad")
        return 2
    stage = importlib.import_module(f"demo_{provider}").Stage()
    if missing := missing_tools(stage):
        view.line(f"missing: {', '.join(missing)}; `./dev demo` installs and builds all", "bad")
        return 1
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    with tempfile.TemporaryDirectory(prefix="flaskscale-demo-") as directory:
        try:
            with stage:
                return run(view, directory, stage)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
