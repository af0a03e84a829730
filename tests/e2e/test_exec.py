"""The exec provider over the worked example, conf/exec-example/local.py, as it is."""

import json
import os
import signal
import subprocess

import pytest
from curl import run_curl
from flaskscale_process import ROOT, SCALE, FlaskscaleProcess, binary_path
from process_tree import is_alive, kill_marked
from wrk import Wrk, failures

EXAMPLE = ROOT / "conf" / "exec-example"
POOL = "shop"

_CONFIG = """
[server]
workers = 2
state_dir = "state"
shutdown_timeout = "10s"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
pool = "shop"
[pools.shop]
slots = 4
slow_start = "500ms"
[pools.shop.health]
path = "/healthz"
interval = "250ms"
timeout = "5s"
rise = 1
[pools.shop.retry]
floor = 4
[pools.shop.scaling]
provider = "{provider}"
min = {minimum}
max = {maximum}
scale_in_window = "5s"
scale_in_interval = "1s"
boot_estimate = "3s"
service_time_estimate = "120ms"
drain_timeout = "20s"
boot_timeout = "60s"
at_shutdown = "{at_shutdown}"
[pools.shop.scaling.exec]
create = ["{example}/local.py", "create", "{{name}}"]
list = ["{example}/local.py", "list"]
delete = ["{example}/local.py", "delete", "{{name}}"]
stop = ["{example}/local.py", "stop", "{{name}}"]
start = ["{example}/local.py", "start", "{{name}}"]
timeout = "60s"
list_interval = "500ms"
list_interval_moving = "500ms"
[pools.shop.scaling.exec.environment]
EXAMPLE_STATE = "{state}"
EXAMPLE_MOST = "{most}"
PYTHONDONTWRITEBYTECODE = "1"
[pools.shop.scaling.process]
command = ["/usr/bin/gunicorn", "--bind", "{{address}}", "--workers", "1", "--worker-class",
           "gthread", "--threads", "8", "--log-level", "warning", "app:app"]
directory = "{demo}"
environment = {{ PYTHONDONTWRITEBYTECODE = "1" }}
"""


class ExecServer(FlaskscaleProcess):
    """FlaskscaleProcess whose instances local.py makes."""

    def __init__(self, minimum=1, maximum=1, at_shutdown="delete", most=50,
                 provider="exec"):
        super().__init__("", wait="listening")
        self.settings = {"minimum": minimum, "maximum": maximum, "at_shutdown": at_shutdown,
                         "most": most, "provider": provider, "example": EXAMPLE,
                         "demo": ROOT / "conf" / "demo", "state": self.directory / "instances"}
        self.write_config(self.config())

    def config(self, **changes):
        """The configuration, with other settings where given."""
        return _CONFIG.format(**{**self.settings, **changes})

    def ready_backends(self):
        """Addresses that get requests."""
        return [b["address"] for b in self.pool(POOL)["backends"]
                if b["state"] == "ready" and b["up"]]

    def wait_for(self, count):
        """Waits until exactly so many instances are ready and no other is there."""
        self.wait_until(
            lambda: len(self.ready_backends()) == count == len(self.instances()),
            60 * SCALE, f"{count} instances ready")

    def instances(self):
        """Instances as the status shows them."""
        return self.pool(POOL)["scaling"]["instances"]

    def listed(self):
        """What local.py itself says."""
        done = subprocess.run(
            [str(EXAMPLE / "local.py"), "list"], capture_output=True, text=True, check=True,
            env={**os.environ, "EXAMPLE_STATE": str(self.settings["state"]),
                 "FLASKSCALE_POOL": POOL}, timeout=30 * SCALE)
        return [json.loads(line) for line in done.stdout.splitlines()]


def check(server, *arguments):
    """(exit status, standard output) of `flaskscale check`."""
    done = subprocess.run(
        [str(binary_path()), "check", "-c", str(server.config_path), *arguments],
        capture_output=True, text=True, check=False, timeout=60 * SCALE)
    return done.returncode, done.stdout


def test_follows_the_load_and_loses_no_request():
    with ExecServer(minimum=1, maximum=3) as server:
        server.wait_for(1)

        with Wrk(server.url("/"), connections=12, seconds=60) as load:
            server.wait_for(3)
            result = load.result(wait=False)
        assert failures(result) == {}
        assert result["requests"] > 20

        server.wait_for(1)
        assert [i["name"] for i in server.instances()] == [i["name"] for i in server.listed()]
        assert run_curl(server.url("/healthz")).status == 200
    assert server.process is None


def test_replaces_an_instance_that_died():
    with ExecServer(minimum=2, maximum=2) as server:
        server.wait_for(2)
        victim = server.instances()[0]

        os.killpg(int(victim["id"]), signal.SIGKILL)

        server.wait_until(
            lambda: victim["name"] not in [i["name"] for i in server.instances()], 60 * SCALE,
            "the dead one gone")
        server.wait_for(2)
        assert len(server.listed()) == 2


def test_instances_outlive_a_restart_and_are_found_again():
    with ExecServer(minimum=2, maximum=2, at_shutdown="keep") as server:
        server.wait_for(2)
        before = {i["name"]: i["id"] for i in server.instances()}

        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0

        assert all(is_alive(int(pid)) for pid in before.values())
        server.start()
        server.wait_for(2)
        assert {i["name"]: i["id"] for i in server.instances()} == before
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        kill_marked(server.mark)


def test_full_machine_is_a_stockout_that_is_told_and_served_through():
    with ExecServer(minimum=1, maximum=2, most=1) as server:
        server.wait_for(1)
        server.reload(server.config(minimum=2))

        alarms = server.wait_until(lambda: server.pool(POOL)["scaling"]["alarms"], 60 * SCALE,
                                   "an alarm")

        assert alarms[0]["alarm"] == "stockout"
        assert alarms[0]["text"]
        assert server.metrics()[
            'flaskscale_scaler_alarms{pool="shop",alarm="stockout"}'] == 1
        shown = subprocess.run([str(binary_path()), "status", "--admin", server.ready["admin"]],
                               capture_output=True, text=True, check=True, timeout=30 * SCALE)
        assert "ALARM stockout" in shown.stdout
        assert "has room for 1 instances" in server.stderr()
        assert run_curl(server.url("/healthz")).status == 200
        server.reload(server.config(minimum=2, most=5))
        server.wait_until(lambda: len(server.ready_backends()) == 2, 180 * SCALE,
                          "two instances, once there is room")


def reload_taken(server, **settings):
    """False while it is refused because instances of another provider still end."""
    try:
        server.reload(server.config(**settings), timeout=2.0)
    except AssertionError:
        assert "still ends its instances" in server.status()["last_reload"]["error"]
        return False
    return True


def test_another_provider_takes_over_without_a_lost_request():
    with ExecServer(minimum=2, maximum=2, provider="process") as server:
        server.wait_for(2)
        assert server.listed() == []

        with Wrk(server.url("/"), connections=6, seconds=120, think_ms=20) as load:
            server.reload(server.config(provider="exec"))
            scaling = server.pool(POOL)["scaling"]
            assert scaling["provider"] == "exec"
            server.wait_until(
                lambda: {i["name"] for i in server.instances()}
                == {i["name"] for i in server.listed()} and len(server.ready_backends()) == 2,
                90 * SCALE, "only the new provider's instances")
            result = load.result(wait=False)

        assert failures(result) == {}
        assert result["requests"] > 50
        server.wait_until(lambda: reload_taken(server, provider="process"), 60 * SCALE,
                          "a reload after the end of the first provider's instances")
        server.wait_until(lambda: not server.listed(), 90 * SCALE, "none of the old left")
        server.wait_for(2)


def test_second_flaskscale_over_the_same_state_serves_and_does_not_scale():
    with ExecServer(minimum=1, maximum=1) as first:
        first.wait_for(1)
        second = FlaskscaleProcess(first.config().replace(
            'state_dir = "state"', f'state_dir = "{first.directory}/state"'), wait="listening")
        with second:
            scaling = second.wait_until(
                lambda: (s := second.pool(POOL)["scaling"])["alarms"] and s, 30 * SCALE,
                "the second one's alarm")
            assert scaling["alarms"][0]["alarm"] == "journal"
            assert f"another FlaskScale (process {first.pid})" in second.stderr()
            assert second.is_ready()
            assert len(first.listed()) == 1
            second.signal(signal.SIGTERM)
            assert second.wait_exit() == 0
        assert len(first.listed()) == 1
        assert run_curl(first.url("/healthz")).status == 200


@pytest.mark.parametrize("broken", [False, True])
def test_online_check(broken):
    server = ExecServer()
    config = server.config()
    if broken:
        config = config.replace('local.py", "list"]', 'local.py", "lisst"]')
    server.write_config(config)

    assert check(server)[0] == 0
    code, out = check(server, "--online")

    assert code == (1 if broken else 0), out
    lines = [line for line in out.splitlines() if line.startswith("pool shop: ")]
    assert len(lines) == 6
    assert ("FAILED" in lines[-1]) == broken
    assert all(": ok" in line for line in lines[:-1])
