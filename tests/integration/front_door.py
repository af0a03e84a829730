"""The program under test with a configuration made of Python values, and what tests ask it."""

import json
import os
import re

from flaskscale_process import FlaskscaleProcess
from loopback import own_address
from raw_client import RawClient

# Slow builds (sanitizers) and slow machines: every pause, limit of time and deadline grows with it.
SCALE = float(os.environ.get("FLASKSCALE_TEST_SCALE", "1"))


def seconds(count):
    """`count` seconds, as long as this build needs them to be."""
    return count * SCALE


def duration(count):
    """seconds() as a configuration value."""
    return f"{round(seconds(count) * 1000)}ms"


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value)


def toml(table, path=""):
    """A nested dict as TOML; a list of dicts becomes an array of tables."""
    plain, nested = [], []
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            nested.append(f"[{name}]\n{toml(value, name)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            nested.extend(f"[[{name}]]\n{toml(item, name)}" for item in value)
        elif value is not None:
            plain.append(f"{key} = {_value(value)}\n")
    return "".join(plain) + "".join(nested)


def config(*backends, server=None, limits=None, timeouts=None, listeners=None, listener=None,
           routes=None, pool=None, queue=None, health=None, keepalive=None, retry=None,
           pools=None, access_log="access.log", access_log_format="json", admin=f"{own_address()}:0"):
    """A file with one listener, one route and the pool `app`; each part may be changed."""
    web = {"listen": [f"{own_address()}:0"], **(listener or {})}
    app = {
        "backends": [getattr(backend, "address", backend) for backend in backends],
        "slow_start": "0s",
        **(pool or {}),
        "queue": queue or {},
        "health": {"interval": "250ms", "timeout": duration(1), "rise": 1, **(health or {})},
        "keepalive": keepalive or {},
        "retry": retry or {},
    }
    return toml({
        "server": {"workers": 2, "state_dir": "state", "shutdown_timeout": duration(10),
                   **(server or {})},
        "access_log": {"path": access_log, "format": access_log_format},
        "admin": {"listen": admin},
        "listeners": listeners or {"web": web},
        "limits": limits or {},
        "timeouts": timeouts or {},
        "routes": routes or [{"pool": "app"}],
        "pools": {"app": app, **(pools or {})},
    })


_LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class FrontDoor(FlaskscaleProcess):
    """A running flaskscale with the questions that these tests ask."""

    running = []

    def __init__(self, written, **options):
        super().__init__(written, start_timeout=seconds(20), **options)

    def __enter__(self):
        FrontDoor.running.append(self)
        try:
            return super().__enter__()
        except BaseException:
            FrontDoor.running.remove(self)
            raise

    def __exit__(self, *about):
        FrontDoor.running.remove(self)
        return super().__exit__(*about)

    def client(self, listener="web", **options):
        """A new raw connection to a listener."""
        options.setdefault("timeout", seconds(10))
        return RawClient(self.listener(listener), **options)

    def get(self, target="/", **options):
        """The response to one GET on a connection of its own."""
        with self.client() as client:
            return client.get(target, **options)

    def until(self, condition, what="condition"):
        """Waits for a condition with the usual deadline."""
        return self.wait_until(condition, seconds(10), what)

    def until_counted(self, name, count, pool="app", part=None):
        """Waits until a number of the pool's status is `count`."""
        last = [None]

        def reached():
            status = self.pool(pool)
            last[0] = (status[part] if part else status)[name]
            return last[0] == count

        try:
            self.until(reached, f"{name} = {count}")
        except AssertionError as error:
            raise AssertionError(f"{name} is {last[0]}, not {count}") from error

    def until_queued(self, count):
        """Waits until so many requests wait in the pool's queue."""
        self.until_counted("depth", count, part="queue")

    def backend_status(self, backend, pool="app"):
        """One backend in the status; None when the pool has it not."""
        for status in self.pool(pool)["backends"]:
            if status["address"] == backend.address:
                return status
        return None

    def metric(self, name, **labels):
        """Sum of the samples of a metric that carry these labels."""
        total = 0.0
        for sample, number in self.metrics().items():
            if sample.split("{")[0] == name:
                carried = dict(_LABELS.findall(sample))
                if all(carried.get(key) == value for key, value in labels.items()):
                    total += number
        return total

    def reasons(self):
        """{reason: count} over all that /metrics counts with a reason other than "ok"."""
        counts = {}
        for sample, number in self.metrics().items():
            name = sample.split("{")[0]
            reason = dict(_LABELS.findall(sample)).get("reason")
            if "no_route" in name:
                reason = "no_route"
            if reason and reason != "ok" and "scaler" not in name:
                counts[reason] = counts.get(reason, 0) + number
        return counts

    def expect_reason(self, *words, beside=0):
        """As a context: within it exactly one reason must be counted, of `words` if given.
        `beside`: how many connections are open before it."""
        return _ReasonCounted(self, words, beside)

    def _all_pools_up(self):
        # Every backend, so that a test may count on all of them from its first request on.
        return all(backend["up"] for pool in self.status()["pools"]
                   for backend in pool["backends"])

    # The access log

    def log_lines(self):
        """The JSON access log so far."""
        path = self.directory / "access.log"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]  # whole lines only

    def until_logged(self, wanted, what="an access log line"):
        """The first line of the access log for which `wanted(line)` holds."""
        return self.until(lambda: next(filter(wanted, self.log_lines()), None), what)


class _ReasonCounted:
    def __init__(self, door, words, beside):
        self._door = door
        self._words = set(words)
        self._beside = beside
        self._before = {}
        self.word = None

    def __enter__(self):
        # An answer is counted after it was sent, but before its connection is forgotten.
        self._door.until(lambda: self._door.metric("flaskscale_connections") == self._beside,
                         f"{self._beside} open connections")
        self._before = self._door.reasons()
        return self

    def _new(self):
        return {word: count - self._before.get(word, 0)
                for word, count in self._door.reasons().items()
                if count > self._before.get(word, 0)}

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        self._door.until(self._new, f"a reason counted, of {sorted(self._words) or 'any'}")
        new = self._new()
        assert len(new) == 1, f"reasons counted: {new}"
        self.word = next(iter(new))
        assert not self._words or self.word in self._words, f"reason {self.word}"
