"""`./dev demo` itself, and that it cleans up when it is interrupted."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from flaskscale_process import ROOT, SCALE, wait_until
from process_tree import find_marked, kill_marked

DEMO = ROOT / "conf" / "demo" / "demo.py"


@pytest.fixture
def mark():
    """In the environment of everything that the demo starts."""
    name = "FLASKSCALE_DEMO_TEST=" + uuid.uuid4().hex
    yield name
    kill_marked(name)


def start_demo(mark, output):
    """Starts it as ./dev does."""
    name, value = mark.split("=")
    return subprocess.Popen([sys.executable, str(DEMO)], stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.STDOUT, env={**os.environ, name: value})


def test_wave_goes_out_and_back_in_without_a_failure(mark, tmp_path):
    log = tmp_path / "demo.log"
    with open(log, "wb") as output, start_demo(mark, output) as demo:
        code = demo.wait(180 + 30 * SCALE)

    text = log.read_text()
    assert code == 0, text[-6000:]
    assert "and back to 1" in text
    assert find_marked(mark) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_leaves_nothing_behind(mark, tmp_path, number):
    log = tmp_path / "demo.log"
    with open(log, "wb") as output, start_demo(mark, output) as demo:
        wait_until(lambda: demo.poll() is not None or " 3s  " in log.read_text(), 40 * SCALE,
                   "demo under way")
        assert demo.poll() is None, log.read_text()
        demo.send_signal(number)
        code = demo.wait(60 * SCALE)

    assert code == 130, Path(log).read_text()[-6000:]
    assert find_marked(mark) == set()
