"""Zones without machines, projects without quota, and machines that come when nobody waits."""

from gce_cloud import OTHER_ZONE, ZONE
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"
FULL, ROOM = {"left": 0}, {"left": None}


def placeholders(cloud):
    """Members that are no machine."""
    return [m for m in cloud.members() if not m["id"]]


def test_placeholders_of_a_full_zone_are_removed_and_it_is_tried_later():
    """Scenario 7: stock-out of everything; recovery when it is over."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.change(capacity={ZONE: FULL})
            before = cloud.calls(CREATE)
            site.set(minimum=3, maximum=3)
            site.wait_until(lambda: cloud.calls(CREATE) > before, 10, "an attempt")
            site.wait_until(lambda: not placeholders(cloud) and cloud.target() == 1, 20,
                            "placeholders removed")
            site.wait_until(lambda: site.said("stockout"), 10, "stockout told")
            assert cloud.calls(CREATE) - before <= 2
            cloud.change(capacity={ZONE: ROOM})
            site.wait_settled(3, 75)

        assert visitors.failures == []
        assert cloud.calls(CREATE) - before <= 4


def test_next_zone_is_taken_when_the_first_is_full():
    """Scenario 7, with a second zone: nobody waits for the first."""
    with gce_site(zones=(ZONE, OTHER_ZONE), minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.change(capacity={ZONE: FULL})
            site.set(minimum=3, maximum=3)
            site.wait_settled(3)

        assert visitors.failures == []
        assert len(cloud.names(ZONE)) == 1
        assert len(cloud.names(OTHER_ZONE)) == 2


def test_part_of_what_was_asked_for_serves():
    """Scenario 8: 2 of 4 new ones get no machine; the others serve, the rest is cleaned away."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(3) as visitors:
            cloud.change(capacity={ZONE: {"left": 2}})
            site.set(minimum=5, maximum=5)
            site.wait_until(lambda: len(site.serving()) == 3 and not placeholders(cloud)
                            and cloud.target() == 3, 30, "three serve, two are cleaned away")

        assert visitors.failures == []
        assert len(cloud.machines()) == 3
        assert cloud.calls(CREATE) <= 4


def test_exhausted_quota_is_an_alarm_and_not_hammered():
    """Scenario 9: QUOTA_EXCEEDED in lastAttempt."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.change(quota={"instances_left": 0})
            before = cloud.calls(CREATE)
            site.set(minimum=3, maximum=3)
            site.wait_until(lambda: site.said("quota"), 20, "quota told")
            site.wait_until(lambda: not placeholders(cloud) and cloud.target() == 1, 20,
                            "placeholders removed")
            answered = visitors.answered
            site.wait_until(lambda: visitors.answered > answered + 60, 20, "some seconds served")
            assert cloud.calls(CREATE) - before <= 2

        assert visitors.failures == []


def test_machine_that_comes_hours_late_is_not_leaked():
    """Scenario 10: the clean-up of a placeholder was lost, and then the machine came after all."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.change(capacity={ZONE: FULL})
            lost = cloud.fault("instanceGroupManagers.deleteInstances", "operation",
                               outcome="error", code="INTERNAL_ERROR", times=1)
            site.set(minimum=3, maximum=3)
            site.wait_until(lambda: cloud.hits(lost) >= 1, 20, "a lost clean-up")
            site.set(minimum=1, maximum=1)
            cloud.change(capacity={ZONE: ROOM})
            cloud.act("advance", seconds=3 * 3600)
            site.wait_settled(1, 75)

        assert visitors.failures == []
        assert len(cloud.machines()) == 1
