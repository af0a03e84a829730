"""FlaskScale is killed at each point of an action, or runs twice; the next one finds its way."""

import pytest
from gce_cloud import GceCloud
from gce_site import GceSite, gce_site

CREATE = "instanceGroupManagers.createInstances"
DELETE = "instanceGroupManagers.deleteInstances"


def assert_only_cut_off(visitors, most):
    """What was in flight at the kill is lost with it, and nothing else."""
    assert len(visitors.failures) <= most, visitors.failures
    assert all("RemoteDisconnected" in what or "Reset" in what or "Incomplete" in what
               or "BrokenPipe" in what for _, what in visitors.failures), visitors.failures


@pytest.mark.parametrize("fault", [
    {"kind": "hang"},  # sent, and nobody knows whether it was acted on: it was not
    {"kind": "reset", "when": "after"},  # acted on, the reply lost
    {"kind": "operation", "outcome": "slow", "seconds": 60},  # the operation pending
], ids=["call_not_acted_on", "reply_lost", "operation_pending"])
def test_killed_while_it_creates(fault):
    """Scenario 30: create sent, or its operation pending."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            struck = cloud.fault(CREATE, **fault)
            site.set(minimum=3, maximum=3)
            site.wait_until(lambda: cloud.hits(struck) >= 1, 10, "create sent")
            site.kill_and_restart(between=cloud.heal)
            site.wait_settled(3, 60)

        assert_only_cut_off(visitors, 2)
        assert len(cloud.machines()) == 3


def test_killed_while_it_drains():
    """Scenario 30: what was draining goes on draining, and nothing else is deleted."""
    with gce_site(minimum=4, maximum=4, drain_timeout="20s") as (cloud, site):
        with site.visitors(8, "/?ms=2500") as visitors:
            site.wait_until(lambda: sum(b["in_flight"] for b in site.backends()) == 8, 10, "busy")
            site.set(minimum=2, maximum=2)
            draining = site.wait_until(
                lambda: (found := site.backends("draining")) and len(found) == 2 and found, 10,
                "two drain")
            names = {cloud.at_address(b["address"])["name"] for b in draining}
            site.kill_and_restart()
            site.wait_settled(2, 60)

        assert_only_cut_off(visitors, 8)
        assert set().union(*cloud.named_in("deleteInstances")) == names


@pytest.mark.parametrize("fault", [{"kind": "hang"}, {"kind": "reset", "when": "after"}],
                         ids=["call_not_acted_on", "reply_lost"])
def test_killed_while_it_deletes(fault):
    """Scenario 30: delete sent."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(2) as visitors:
            struck = cloud.fault(DELETE, **fault)
            site.set(minimum=1, maximum=1)
            site.wait_until(lambda: cloud.hits(struck) >= 1, 20, "delete sent")
            named = set().union(*cloud.named_in("deleteInstances"))
            site.kill_and_restart(between=cloud.heal)
            site.wait_settled(1, 60)

        assert_only_cut_off(visitors, 2)
        assert named & cloud.names() == set()
        assert len(cloud.machines()) == 1


def test_second_front_door_on_the_same_group_stands_by():
    """Scenario 31: two with a state of their own each; one acts, both serve."""
    with GceCloud() as cloud, GceSite(cloud, minimum=2, maximum=2) as first, \
            GceSite(cloud, minimum=3, maximum=3, wait_for=0) as second:
        with first.visitors(2) as visitors:
            second.wait_until(lambda: len(second.serving()) == 2, 20, "the second serves too")
            second.wait_until(lambda: second.said("another_scaler")
                              or second.said("another FlaskScale"), 20, "the second says so")
            assert len(cloud.members()) == 2
            made = cloud.calls(CREATE)
            first.set(minimum=3, maximum=3)
            first.wait_settled(3, 40)
            assert cloud.calls(CREATE) == made + 1

        assert visitors.failures == []


def test_second_program_with_the_same_state_serves_and_does_not_scale():
    """Scenario 31: two over one state_dir."""
    with gce_site(minimum=2, maximum=2) as (cloud, first):
        state = first.directory / "state"
        second = GceSite(cloud, minimum=3, maximum=3, wait_for=0)
        second.write_config(second.config().replace('state_dir = "state"', f'state_dir = "{state}"'))
        with second:
            second.wait_until(lambda: second.said("another FlaskScale"), 20, "it says so")
            assert len(cloud.members()) == 2
            first.set(minimum=3, maximum=3)
            first.wait_settled(3)
            assert cloud.calls(CREATE) == 2
