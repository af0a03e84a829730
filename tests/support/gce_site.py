"""flaskscale over an emulated Google Compute Engine."""

from contextlib import contextmanager

from flaskscale_process import SCALE, FlaskscaleProcess
from gce_cloud import GROUP, PROJECT, GceCloud
from visitors import Visitors

POOL = "shop"
SLOTS = 2

_CONFIG = """
[server]
workers = 2
state_dir = "state"
shutdown_timeout = "5s"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["{listen}"]
[[routes]]
pool = "shop"
[pools.shop]
slots = {slots}
slow_start = "0s"
{pool}
[pools.shop.queue]
timeout = "60s"
[pools.shop.health]
path = "/healthz"
interval = "200ms"
timeout = "1s"
rise = 1
fall = 2
[pools.shop.scaling]
provider = "gce"
min = {minimum}
max = {maximum}
scale_in_window = "3s"
scale_in_interval = "1s"
boot_estimate = "2s"
service_time_estimate = "150ms"
drain_timeout = "{drain_timeout}"
boot_timeout = "{boot_timeout}"
{scaling}
[pools.shop.scaling.gce]
project = "{project}"
zones = [{zones}]
group = "{group}"
port = {port}
endpoint = "{endpoint}"
list_interval = "{list_interval}"
list_interval_moving = "300ms"
calls_per_minute = {calls_per_minute}
{gce}
"""


class GceSite(FlaskscaleProcess):
    """FlaskscaleProcess whose pool "shop" is scaled over `cloud`. start() also waits until as many
    instances as the minimum are ready, unless told otherwise."""

    def __init__(self, cloud, minimum=1, maximum=5, wait_for=None, environment=None, **settings):
        super().__init__("", environment={"GCE_METADATA_HOST": cloud.ports["metadata"],
                                          **(environment or {})})
        self.cloud = cloud
        self._wait_for = wait_for
        self.settings = {
            "minimum": minimum, "maximum": maximum, "slots": SLOTS, "pool": "", "scaling": "",
            "gce": "", "drain_timeout": "10s", "boot_timeout": "20s", "calls_per_minute": 1200,
            "list_interval": "1s", "listen": "127.0.0.1:0", **settings}
        self.write_config(self.config())

    def config(self, **changes):
        """The configuration, with other settings where given."""
        return _CONFIG.format(**{**self.settings, **changes}, project=PROJECT, group=GROUP,
                              zones=", ".join(f'"{zone}"' for zone in self.cloud.zones),
                              port=self.cloud.ports["backend_port"],
                              endpoint=self.cloud.ports["api"])

    def set(self, **changes):
        """Reloads with other settings, which stay."""
        self.settings.update(changes)
        self.reload(self.config())

    def start(self):
        super().start()
        count = self.settings["minimum"] if self._wait_for is None else self._wait_for
        if count:
            self.wait_for_instances(count)

    def wait_until(self, condition, timeout=10.0, what="condition"):
        """As usual; `timeout` is for a build of normal speed."""
        return super().wait_until(condition, timeout * SCALE, what)

    def pin_listener(self, name="web"):
        self.settings["listen"] = self.ready["listeners"][name][0]
        self._config = self.config()

    # What it knows

    def shop(self):
        """Status of the pool."""
        return self.pool(POOL)

    def shop_decisions(self):
        """Decisions of the pool's scaler, oldest first."""
        return self.decisions(POOL)

    def backends(self, *states):
        """Backends, of some states if given."""
        return [b for b in self.shop()["backends"] if not states or b["state"] in states]

    def serving(self):
        """Addresses of backends that are up and take requests."""
        return {b["address"] for b in self.backends("ready", "warming") if b["up"]}

    def serving_names(self):
        """Their instances' names."""
        by_address = {m.get("address"): m["name"] for m in self.cloud.members()}
        return {by_address.get(a.rpartition(":")[0]) for a in self.serving()}

    def said(self, *words):
        """True when every one of the words is in some line of standard error or in the pool's
        status."""
        text = self.stderr() + str(self.shop()) + str(self.shop_decisions())
        return all(word in text for word in words)

    # Waiting

    def wait_for_instances(self, count, timeout=30.0):
        """Until exactly `count` backends serve."""
        return self.wait_until(lambda: len(self.serving()) == count, timeout, f"{count} serve")

    def settled(self, count):
        """Exactly `count` instances: so many members, wanted, running, and serving here."""
        state = self.cloud.state()
        members = [m for g in state["groups"] for m in g["members"]
                   if m["status"] not in ("TERMINATED", "SUSPENDED")]
        return (sum(g["targetSize"] for g in state["groups"]) == count
                and len(members) == count
                and all(m["action"] == "NONE" and m["status"] == "RUNNING" for m in members)
                and self.serving() == {f"{m['address']}:{self.cloud.ports['backend_port']}"
                                       for m in members}
                and len(self.backends()) == count)

    def wait_settled(self, count, timeout=30.0):
        """Until settled(), and says what is there when it is not."""
        try:
            self.wait_until(lambda: self.settled(count), timeout, f"settled at {count}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nmembers: {self.cloud.members()}\n"
                                 f"target: {self.cloud.target()}\nbackends: {self.backends()}\n"
                                 f"decisions: {self.shop_decisions()[-5:]}") from None

    def visitors(self, count, path="/?ms=150", **options):
        """A load on the site."""
        return Visitors(self.listener(), count, path, **options)


@contextmanager
def gce_site(zones=None, cloud=None, **site):
    """(cloud, site), both running."""
    with GceCloud(**({"zones": zones} if zones else {}), **(cloud or {})) as emulated, \
            GceSite(emulated, **site) as running:
        yield emulated, running
