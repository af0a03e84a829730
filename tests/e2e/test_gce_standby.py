"""Stopped and suspended instances that wait for their turn."""

from gce_cloud import ZONE
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"
START = "instanceGroupManagers.startInstances"
RESUME = "instanceGroupManagers.resumeInstances"
LIST = "instanceGroupManagers.listManagedInstances"


def resting(cloud):
    """Names of stopped and suspended members."""
    return cloud.names(status="TERMINATED") | cloud.names(status="SUSPENDED")


def wait_resting(cloud, site, count):
    """Until so many rest, one serves, and the site knows it."""
    site.wait_until(lambda: len(resting(cloud)) == count and site.settled(1), 40,
                    f"{count} rest, one serves")
    lists = cloud.calls(LIST)
    site.wait_until(lambda: cloud.calls(LIST) >= lists + 2, 10, "two more lists")
    return resting(cloud)


def test_stopped_instances_are_started_before_any_is_created():
    """Scenario 35: stop instead of delete; a scale-out starts the stopped, and creates the rest."""
    with gce_site(minimum=3, maximum=3, scaling="standby = 2") as (cloud, site):
        with site.visitors(2) as visitors:
            site.set(minimum=1, maximum=1)
            rested = wait_resting(cloud, site, 2)
            assert cloud.group(ZONE)["targetStoppedSize"] == 2
            created = len(cloud.named_in("createInstances"))
            site.set(minimum=4, maximum=6)
            site.wait_until(lambda: len(site.serving()) == 4, 40, "four serve")
            assert rested <= site.serving_names()
            made = set().union(*cloud.named_in("createInstances")[created:])
            assert not made & rested
            assert set().union(*cloud.named_in("startInstances")) >= rested

        assert visitors.failures == []


def test_instance_that_can_not_be_started_is_replaced_by_a_new_one():
    """Scenario 35: no room for the start, in a zone that has room for nothing of that kind."""
    with gce_site(minimum=2, maximum=2, scaling="standby = 1") as (cloud, site):
        with site.visitors(2) as visitors:
            site.set(minimum=1, maximum=1)
            wait_resting(cloud, site, 1)
            full = cloud.fault("vm.start", "create")
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: len(site.serving()) == 2, 75, "two serve")
            assert cloud.hits(full) >= 1
            cloud.heal(full)

        assert visitors.failures == []


def test_suspended_instance_that_google_ends_is_no_loss():
    """Scenario 36: after 60 days."""
    with gce_site(minimum=2, maximum=2, scaling="standby = 1",
                  gce='standby_mode = "suspend"') as (cloud, site):
        with site.visitors(2) as visitors:
            site.set(minimum=1, maximum=1)
            wait_resting(cloud, site, 1)
            cloud.act("advance", seconds=61 * 86400)
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: len(site.serving()) == 2, 60, "two serve")

        assert visitors.failures == []
        assert cloud.target() == 2
        # It was resumed before a list could tell that it has gone; nothing else was out of order.
        refused = cloud.call("GET", "violations")["requests"]
        assert all("resumeInstances" in each["path"] and "not a member" in each["problem"]
                   for each in refused), refused
        cloud.call("DELETE", "violations")


def test_suspended_instance_is_resumed():
    """Scenario 35, with memory."""
    with gce_site(minimum=2, maximum=2, scaling="standby = 1",
                  gce='standby_mode = "suspend"') as (cloud, site):
        with site.visitors(2) as visitors:
            site.set(minimum=1, maximum=1)
            wait_resting(cloud, site, 1)
            created = cloud.calls(CREATE)
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: len(site.serving()) == 2, 30, "two serve")
            assert cloud.calls(RESUME) == 1
            assert cloud.calls(CREATE) == created

        assert visitors.failures == []
        assert cloud.calls(START) == 0
