"""The demo's Flask application in containers, started and scaled by flaskscale itself."""

from demo_server import POOL
from flaskscale_process import SCALE, FlaskscaleProcess

_CONFIG = """
[server]
workers = 2
state_dir = "state"
shutdown_timeout = "20s"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["{listen}"]
[[routes]]
pool = "demo"
[pools.demo]
slots = 4
slow_start = "500ms"
[pools.demo.health]
path = "/healthz"
interval = "250ms"
timeout = "5s"
rise = 1
[pools.demo.retry]
floor = 4
[pools.demo.scaling]
provider = "docker"
at_shutdown = "{at_shutdown}"
min = {minimum}
max = {maximum}
scale_in_window = "5s"
scale_in_interval = "1s"
boot_estimate = "2s"
service_time_estimate = "120ms"
drain_timeout = "20s"
boot_timeout = "60s"
[pools.demo.scaling.docker]
host = "{host}"
image = "{image}"
port = 8000
memory = "200MiB"
cpus = 0.9
stop_grace = "5s"
{docker}
"""


class DockerServer(FlaskscaleProcess):
    """FlaskscaleProcess whose pool "demo" runs containers of `engine`.

    start() also waits until at least as many as the minimum are ready.
    """

    def __init__(self, engine, image, minimum=1, maximum=1, at_shutdown="delete", docker="",
                 **process):
        super().__init__("", **process)
        self.engine = engine
        self.settings = {"host": engine.host, "image": image, "minimum": minimum,
                         "maximum": maximum, "at_shutdown": at_shutdown, "docker": docker,
                         "listen": "127.0.0.1:0"}
        self.write_config(self.config())

    def start(self):
        super().start()
        self.wait_until(
            lambda: len([b for b in self.backends("ready") if b["up"]]) >= self.settings["minimum"],
            40, "the minimum of instances")

    def _abandon(self):
        """Containers would outlive the failed test, and be in the way of the next one."""
        identity = self.directory / "state" / "identity"
        label = identity.read_text().strip() if identity.exists() else None
        super()._abandon()
        if label and self.engine.answers():
            for name in self._containers_of(label):
                self.engine.remove(name)

    def config(self, **changes):
        """The configuration, with other settings where given, from now on."""
        self.settings.update(changes)
        return _CONFIG.format(**self.settings)

    def change(self, **changes):
        """Reloads with other settings."""
        self.reload(self.config(**changes))

    def pin_listener(self, name="web"):
        """The next start() listens where this run does; until then there must be no reload."""
        super().pin_listener(name)
        self.settings["listen"] = ":".join(map(str, self.listener(name)))

    def wait_until(self, condition, timeout=10.0, what="condition"):
        """As usual; `timeout` is for a build of normal speed."""
        return super().wait_until(condition, timeout * SCALE, what)

    def backends(self, state=None):
        """Backends of the pool, of one state if given."""
        return [b for b in self.pool(POOL)["backends"] if state in (None, b["state"])]

    def wait_for_instances(self, count, timeout=40.0):
        """Waits until exactly `count` backends are there, all of them ready and up."""
        self.wait_until(lambda: [b["state"] == "ready" and b["up"] for b in self.backends()]
                        == [True] * count, timeout, f"{count} instances")

    def containers(self):
        """Our containers by name."""
        return self._containers_of((self.directory / "state" / "identity").read_text().strip())

    def _containers_of(self, identity):
        return {container["Names"][0][1:]: container for container in self.engine.containers(POOL)
                if container["Labels"]["flaskscale.front_door"] == identity}
