"""kill -9 of FlaskScale in the middle of a scale-out and of a scale-in, under load: nothing is lost
but what was in flight at the kill, nothing is leaked, and the next run goes on where it was."""

from contextlib import contextmanager

import pytest
from demo_server import DemoServer
from gce_site import gce_site
from visitors import Visitors

MOST = 4
CROWD, FEW = 14, 2
CUT_OFF = ("RemoteDisconnected", "Reset", "BrokenPipe", "IncompleteRead")


@contextmanager
def processes():
    """The demo's application as processes."""
    with DemoServer(minimum=1, maximum=MOST) as server:
        yield server, server.config, lambda: None


@contextmanager
def machines():
    """Machines of the emulated cloud."""
    with gce_site(minimum=1, maximum=MOST) as (cloud, site):

        def check():
            site.wait_until(lambda: len(cloud.machines()) == 1 and cloud.target() == 1, 30,
                            "one machine left")

        yield site, site.config, check


def scales_out(server):
    """Whether an instance beside the first is under way."""
    by_state = server.status()["pools"][0]["scaling"]["instances_by_state"]
    return by_state.get("booting", 0) > 0 and sum(by_state.values()) > 1


def kill_and_restart(server, visitors):
    """Returns how many failures the kill may have cost: one for each visitor at most."""
    present = visitors.present
    server.kill_and_restart()
    return present


@pytest.mark.parametrize("stage", [processes, machines], ids=["process", "gce"])
def test_killed_front_door_goes_on_where_it_was(stage):
    with stage() as (server, config, check_provider):
        path = "/" if stage is processes else "/?ms=120"
        with Visitors(server.listener(), FEW, path) as visitors:
            visitors.set_count(CROWD)
            server.wait_until(lambda: scales_out(server), 30, "scale-out under way")
            allowed = kill_and_restart(server, visitors)
            server.wait_for_instances(MOST)

            visitors.set_count(FEW)
            server.reload(config(maximum=1).replace('listen = ["127.0.0.1:0"]', pinned(server)))
            server.wait_until(
                lambda: any(b["state"] == "draining" for b in server.backends())
                or len(server.backends()) < MOST, 30, "scale-in under way")
            allowed += kill_and_restart(server, visitors)
            server.wait_for_instances(1)
            server.wait_until(lambda: len(server.backends()) == 1, 30, "one backend left")

        assert len(visitors.failures) <= allowed, visitors.failures
        assert all(what.startswith(CUT_OFF) or "Reset" in what for _, what in visitors.failures), \
            visitors.failures
        check_provider()


def pinned(server):
    """The line of the listener where it is now."""
    host, port = server.listener()
    return f'listen = ["{host}:{port}"]'
