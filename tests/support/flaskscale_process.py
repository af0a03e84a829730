"""The program under test: started with a configuration, watched, stopped, and its remains checked.

Environment: FLASKSCALE_BINARY names the program (default build/release/flaskscale);
FLASKSCALE_TEST_SCALE says how many times slower than usual it is (sanitizers).
"""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from process_tree import find_marked, kill_marked

ROOT = Path(__file__).resolve().parents[2]
SCALE = float(os.environ.get("FLASKSCALE_TEST_SCALE", "1"))
START_TIMEOUT = 20.0 * SCALE
STOP_TIMEOUT = 40.0 * SCALE
MARK_VARIABLE = "FLASKSCALE_TEST_MARK"

_SANITIZER_REPORT = re.compile(
    r"(ERROR|WARNING): (Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error: ")


def binary_path():
    """The program under test."""
    return Path(os.environ.get("FLASKSCALE_BINARY", ROOT / "build" / "release" / "flaskscale"))


def wait_until(condition, timeout=10.0, what="condition", interval=0.02):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


def static_config(*backends, slots=None, pool="", extra="", health_interval="200ms"):
    """A complete file: one listener, one route, one pool over static backends, ports chosen by the
    system, no access log, quick health checks. `pool` holds further lines of [pools.app], `extra`
    whole further tables; both are TOML.
    """
    addresses = ", ".join(f'"{backend}"' for backend in backends)
    slots_line = f"slots = {slots}" if slots else ""
    return f"""
[server]
workers = 2
state_dir = "state"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
pool = "app"
[pools.app]
backends = [{addresses}]
{slots_line}
{pool}
[pools.app.health]
interval = "{health_interval}"
rise = 1
{extra}
"""


class FlaskscaleProcess:
    """A running flaskscale, as a context manager.

    On the way out it is asked to stop (SIGTERM) and must exit with 0, leave no sanitizer report on
    standard error and no process behind. When the body failed, it is killed instead and its
    standard error printed, for pytest to show. Files are in `directory`, by default a temporary
    one that goes away with it.
    """

    def __init__(self, config, directory=None, environment=None, arguments=(), wait="ready",
                 start_timeout=START_TIMEOUT):
        """`wait`: "listening" (ready file written), "ready" (/readyz says so as well), "serving"
        (each pool has a backend that is up as well), "nothing"."""
        self._own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="flaskscale-test-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config_path = self.directory / "flaskscale.toml"
        self.ready_path = self.directory / "ready.json"
        self.stderr_path = self.directory / "stderr.log"
        self.stdout_path = self.directory / "stdout.log"
        self.mark = uuid.uuid4().hex
        self._config = config
        self._environment = environment or {}
        self._arguments = list(arguments)
        self._wait = wait
        self._start_timeout = start_timeout
        self.process = None
        self.ready = {}

    # Start and stop

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self._abandon()
            return
        try:
            if self.process is not None:
                self.stop()
        except BaseException:
            self._abandon()
            raise
        self._remove_files()

    def start(self):
        """Starts the program; also again after stop() or kill(), over the same state."""
        self.write_config(self._config)
        self.ready_path.unlink(missing_ok=True)
        environment = {
            "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            **os.environ, **self._environment, MARK_VARIABLE: self.mark,
        }
        with open(self.stderr_path, "ab") as stderr, open(self.stdout_path, "ab") as stdout:
            self.process = subprocess.Popen(
                [str(binary_path()), "run", "-c", str(self.config_path),
                 "--ready-file", str(self.ready_path), *self._arguments],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                cwd=self.directory, env=environment, start_new_session=True)
        self._wait_started()

    def _wait_started(self):
        if self._wait == "nothing":
            return
        self.wait_until(self.ready_path.exists, self._start_timeout, "ready file")
        self.ready = json.loads(self.ready_path.read_text())
        if self._wait == "listening":
            return
        self.wait_until(self.is_ready, self._start_timeout, "/readyz answers 200")
        if self._wait == "serving":
            self.wait_until(self._all_pools_up, self._start_timeout, "a backend up in each pool")

    def _all_pools_up(self):
        return all(any(b["up"] for b in pool["backends"]) for pool in self.status()["pools"])

    def stop(self, timeout=STOP_TIMEOUT):
        """SIGTERM, then: exit status 0 within `timeout`, nothing reported, nothing left behind."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit(timeout)
        assert code == 0, f"exit status {code}\n{self.stderr()[-8000:]}"
        self.check_sanitizers()
        wait_until(lambda: not self.descendants(), 5.0 * SCALE, "instances ended with flaskscale")

    def kill(self):
        """kill -9: nothing is tidied; instances stay as orphans for the next start()."""
        self.signal(signal.SIGKILL)
        self.wait_exit(10.0)

    def wait_exit(self, timeout=STOP_TIMEOUT):
        """Exit status, negative for a signal, as subprocess has it."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"still running after {timeout} s\n{self.stderr()[-8000:]}") from None
        self.process = None
        return code

    def _abandon(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
        kill_marked(self.mark)
        print(f"---- standard error of flaskscale in {self.directory}\n{self.stderr()[-16000:]}")
        self._remove_files()

    def _remove_files(self):
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What it says

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def stderr(self):
        """Everything written to standard error so far."""
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def check_sanitizers(self):
        """Fails if a sanitizer has reported anything."""
        text = self.stderr()
        assert not _SANITIZER_REPORT.search(text), f"sanitizer report:\n{text[-16000:]}"

    def descendants(self):
        """Process ids started by this flaskscale (itself excluded), found by their environment."""
        own = {self.process.pid} if self.process is not None else set()
        return sorted(find_marked(self.mark) - own)

    def resident_bytes(self, peak=False):
        """Memory of the program now, or at its highest."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(wanted):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {wanted} for {self.pid}")

    # Addresses

    def listener(self, name="web", index=0):
        """(host, port) of a listener."""
        return _split_address(self.ready["listeners"][name][index])

    def url(self, path="/", name="web"):
        """URL at a listener."""
        host, port = self.listener(name)
        return f"http://{host}:{port}{path}"

    @property
    def admin_address(self):
        """(host, port) of the admin listener."""
        return _split_address(self.ready["admin"])

    @property
    def admin_url(self):
        """URL of the admin listener, without a slash at the end."""
        return f"http://{self.ready['admin']}"

    # Admin calls

    def admin(self, path, method="GET", timeout=5.0):
        """(status, body as text) of one call."""
        connection = http.client.HTTPConnection(*self.admin_address, timeout=timeout)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def admin_json(self, path, method="GET"):
        """Body of one call that must answer 200."""
        code, text = self.admin(path, method)
        assert code == 200, f"{method} {path}: {code} {text}"
        return json.loads(text)

    def is_ready(self):
        """/readyz answers 200."""
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def status(self):
        """/api/v1/status."""
        return self.admin_json("/api/v1/status")

    def pool(self, name="app"):
        """One pool of the status."""
        return next(p for p in self.status()["pools"] if p["name"] == name)

    def decisions(self, name="app"):
        """The scaler's decisions, oldest first."""
        return self.admin_json(f"/api/v1/pools/{name}/decisions")["decisions"]

    def drain(self, backend, pool="app"):
        """Operator's drain of a backend."""
        return self.admin_json(f"/api/v1/pools/{pool}/backends/{backend}/drain", "POST")

    def undrain(self, backend, pool="app"):
        """Takes the backend back."""
        return self.admin_json(f"/api/v1/pools/{pool}/backends/{backend}/undrain", "POST")

    def metrics(self):
        """/metrics as {'name{label="value"}': number}."""
        code, text = self.admin("/metrics")
        assert code == 200, f"/metrics: {code} {text}"
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    # Signals and waiting

    def signal(self, number):
        """Sends a signal to the program alone."""
        os.kill(self.pid, number)

    def write_config(self, config):
        """Replaces the configuration file atomically; reload() makes it count."""
        self._config = config
        fresh = self.config_path.with_suffix(".new")
        fresh.write_text(config)
        fresh.replace(self.config_path)

    def pin_listener(self, name="web"):
        """Lets the next start() listen where the last run did, so that its clients find it again.
        Not while it runs: a reload would bind the same port twice."""
        host, port = self.listener(name)
        self._config = self._config.replace(
            f'[listeners.{name}]\nlisten = ["127.0.0.1:0"]',
            f'[listeners.{name}]\nlisten = ["{host}:{port}"]')

    def kill_and_restart(self, between=lambda: None):
        """kill -9, and a next run over the same state at the same port."""
        self.kill()
        between()
        self.pin_listener()
        self.start()

    def reload(self, config=None, expect_success=True, timeout=10.0):
        """SIGHUP, and waits for the outcome; returns the status after it."""
        if config is not None:
            self.write_config(config)
        before = self.status()
        sent = time.monotonic()
        self.signal(signal.SIGHUP)

        def outcome():
            now = self.status()
            if expect_success:
                return now if now["generation"] > before["generation"] else None
            told = now["last_reload"]
            is_new = told["seconds_ago"] <= time.monotonic() - sent + 0.05
            return now if is_new and not told["success"] else None

        return self.wait_until(outcome, timeout, f"reload with success={expect_success}")

    def wait_until(self, condition, timeout=10.0, what="condition"):
        """wait_until() that gives up at once, with standard error, when the program has ended."""

        def watched():
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}, waiting for {what}\n"
                                     f"{self.stderr()[-8000:]}")
            return condition()

        return wait_until(watched, timeout, what)


def _split_address(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
