"""The demo's Flask application under gunicorn, started and scaled by flaskscale itself."""

from flaskscale_process import MARK_VARIABLE, ROOT, SCALE, FlaskscaleProcess

POOL = "demo"

_CONFIG = """
[server]
workers = 2
state_dir = "state"
shutdown_timeout = "{shutdown}"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["127.0.0.1:0"]
{listener}
[[routes]]
pool = "demo"
[pools.demo]
slots = {slots}
slow_start = "500ms"
[pools.demo.health]
path = "/healthz"
interval = "250ms"
timeout = "5s"
rise = 1
[pools.demo.retry]
floor = {slots}
[pools.demo.scaling]
provider = "process"
min = {minimum}
max = {maximum}
scale_in_window = "5s"
scale_in_interval = "1s"
boot_estimate = "3s"
service_time_estimate = "120ms"
drain_timeout = "20s"
boot_timeout = "30s"
{scaling}
[pools.demo.scaling.process]
command = ["/usr/bin/gunicorn", "--bind", "{{address}}", "--workers", "1",
           "--worker-class", "gthread", "--threads", "{threads}", "--keep-alive", "2",
           "--graceful-timeout", "10", "--worker-tmp-dir", "/dev/shm", "--log-level", "warning",
           "app:app"]
directory = "{directory}"
environment = {{ {mark_variable} = "{mark}", PYTHONDONTWRITEBYTECODE = "1" }}
stop_grace = "5s"
"""


class DemoServer(FlaskscaleProcess):
    """FlaskscaleProcess whose pool "demo" runs the demo application.

    start() also waits until as many instances as the minimum are ready.
    """

    def __init__(self, minimum=1, maximum=1, slots=4, listener="", scaling="",
                 shutdown="15s", **process):
        super().__init__("", **process)
        self.settings = {"minimum": minimum, "maximum": maximum, "slots": slots,
                         "threads": slots + 1, "listener": listener, "scaling": scaling,
                         "shutdown": shutdown}
        self.write_config(self.config())

    def start(self):
        super().start()
        if self.settings["minimum"]:
            self.wait_for_instances(self.settings["minimum"])

    def config(self, **changes):
        """The configuration, with other settings where given."""
        return _CONFIG.format(**{**self.settings, **changes}, mark=self.mark,
                              mark_variable=MARK_VARIABLE, directory=ROOT / "conf" / "demo")

    def wait_until(self, condition, timeout=10.0, what="condition"):
        """As usual; `timeout` is for a build of normal speed."""
        return super().wait_until(condition, timeout * SCALE, what)

    def demo_pool(self):
        """Status of the pool."""
        return self.pool(POOL)

    def backends(self, state=None):
        """Backends of the pool, of one state if given."""
        return [b for b in self.demo_pool()["backends"] if state in (None, b["state"])]

    def wait_for_instances(self, count, state="ready", timeout=40.0):
        """Waits until exactly `count` backends are in `state` and up, and returns them."""

        def enough():
            found = [b for b in self.backends(state) if b["up"]]
            return found if len(found) == count else None

        if count == 0:
            return self.wait_until(lambda: not self.backends(state), timeout, f"no {state} backend")
        return self.wait_until(enough, timeout, f"{count} backends {state}")

    def master_of(self, address):
        """Process id of the gunicorn master that was told to bind `address`."""
        wanted = address.encode()
        for pid in self.descendants():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    arguments = file.read().split(b"\0")
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if wanted in arguments and parent not in self.descendants():
                return pid
        raise AssertionError(f"no process serves {address}")

