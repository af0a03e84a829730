"""Runs Debian's wrk beside a test, and counts everything that is not a 2xx answer as a failure."""

import json
import os
import signal
import subprocess
import tempfile

from flaskscale_process import ROOT

FAILURE_KINDS = ("not_ok", "connect", "read", "write", "timeout")


class Wrk:
    """A load of `connections` for at most `seconds`, as a context manager; see result()."""

    def __init__(self, url, connections, seconds, think_ms=0, threads=1, headers=()):
        self._output = tempfile.TemporaryFile(mode="w+")
        extra = [argument for header in headers for argument in ("-H", header)]
        self._process = subprocess.Popen(
            ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s",
             "-s", str(ROOT / "conf" / "demo" / "wave.lua"), *extra, url],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
            env={**os.environ, "THINK_MS": str(think_ms)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def is_running(self):
        """False when the time is over."""
        return self._process.poll() is None

    def result(self, wait=True):
        """The counts; waits for the end of the run, or ends it now."""
        if not wait and self.is_running():
            self._process.send_signal(signal.SIGINT)
        self._process.wait(120)
        self._output.seek(0)
        text = self._output.read()
        report = next((line for line in reversed(text.splitlines()) if line.startswith("{")), None)
        assert report, f"wrk did not report:\n{text}"
        return json.loads(report)


def failures(result):
    """The kinds of failure that happened, with their counts; {} is what tests want."""
    return {kind: result[kind] for kind in FAILURE_KINDS if result[kind]}
