"""Operations that fail, never end, or are waited for in vain; policies that forbid what we do."""

from gce_cloud import ZONE
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"


def test_policy_that_refuses_our_names_is_told_and_survived():
    """Scenario 11: the operation ends DONE with error 412, since the group became PROACTIVE."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("policy", group="shop", type="PROACTIVE", replacement="SUBSTITUTE")
            before = cloud.calls(CREATE)
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: site.said("OPPORTUNISTIC"), 20, "the policy told")
            answered = visitors.answered
            site.wait_until(lambda: visitors.answered > answered + 40, 20, "some seconds served")
            assert cloud.calls(CREATE) - before <= 2
            cloud.act("policy", group="shop", type="OPPORTUNISTIC", replacement="SUBSTITUTE")
            site.reload()  # "I have mended it: try now"
            site.wait_settled(2, 40)

        assert visitors.failures == []


def test_operation_that_never_ends_is_replaced_by_the_list():
    """Scenario 12: the list says what became of it."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            stuck = cloud.fault(CREATE, "operation", outcome="never_done")
            site.set(minimum=3, maximum=3)
            site.wait_settled(3, 60)
            assert cloud.hits(stuck) == 1

        assert visitors.failures == []
        assert len(cloud.machines()) == 3


def test_wait_that_returns_at_once_is_no_busy_loop():
    """Scenario 13: a floor between two waits."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.fault("zoneOperations.wait", "wait_at_once")
            cloud.fault(CREATE, "operation", outcome="slow", seconds=30)
            cloud.call("DELETE", "calls")
            site.set(minimum=2, maximum=2)
            site.wait_settled(2)

        assert visitors.failures == []
        assert cloud.calls("zoneOperations.*") <= 40


def test_foreign_autoscaler_stops_ours_until_it_is_gone():
    """Scenario 32: somebody else scales the group."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("attach_autoscaler", group="shop")
            site.wait_until(lambda: site.said("autoscaler"), 20, "the autoscaler told")
            before = cloud.calls(CREATE)
            site.set(minimum=2, maximum=2)
            answered = visitors.answered
            site.wait_until(lambda: visitors.answered > answered + 40, 20, "some seconds served")
            assert cloud.calls(CREATE) == before
            assert len(cloud.members()) == 1
            cloud.act("detach_autoscaler", group="shop")
            site.reload()
            site.wait_settled(2, 40)

        assert visitors.failures == []


def test_foreign_resize_is_taken_as_what_is_there():
    """Scenario 32: a hand-made resize; what comes is adopted, and goes when it is too much."""
    with gce_site(minimum=2, maximum=2) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("resize", group="shop", size=4, zone=ZONE)
            assert cloud.target() == 4
            site.wait_until(lambda: len(cloud.members()) > 2, 10, "more than wanted")
            site.wait_settled(2, 40)

        assert visitors.failures == []
        assert len(cloud.machines()) == 2
