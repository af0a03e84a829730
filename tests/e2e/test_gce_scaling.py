"""Scale-out and scale-in over the emulated Compute Engine, with visitors on the site."""

import time

from gce_cloud import ZONE
from gce_site import gce_site

MOVES = ("createInstances", "deleteInstances", "startInstances", "stopInstances",
         "suspendInstances", "resumeInstances", "resize", "recreateInstances", "abandonInstances")


def moves(cloud):
    """How many calls changed the group, by method."""
    return {method: count for method in MOVES
            if (count := cloud.calls(f"instanceGroupManagers.{method}"))}


def test_new_instances_serve_only_after_they_answer():
    """Scenario 1: from 1 to 5 with one createInstances; registered once they answer."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        first = cloud.names()
        with site.visitors(4) as visitors:
            cloud.call("DELETE", "calls")
            site.set(minimum=5, maximum=5)
            early = set()

            def all_serve():
                up = site.serving_names()
                silent = {m["name"] for m in cloud.members() if not m["serving"]}
                early.update(up & silent)
                return len(up) == 5

            site.wait_until(all_serve, 30, "five serve")
            site.wait_settled(5)
            site.wait_until(lambda: len(visitors.served_by) == 5, 10, "each has served")

        assert visitors.failures == []
        assert early == set()
        assert moves(cloud) == {"createInstances": 1}
        made = cloud.named_in("createInstances")
        assert made[-1] == cloud.names() - first
        assert cloud.calls() < 200


def test_drained_instances_are_deleted_by_name_when_they_are_empty():
    """Scenario 2: from 5 to 2; in-flight requests finish; exactly the drained names go."""
    with gce_site(minimum=5, maximum=5) as (cloud, site):
        with site.visitors(10, "/?ms=1200") as visitors:
            site.wait_until(lambda: visitors.answered >= 10, 10, "all busy")
            before = cloud.names()
            drained = set()
            site.set(minimum=2, maximum=2)

            def seen():
                drained.update(cloud.at_address(b["address"])["name"]
                               for b in site.backends("draining"))
                return len(drained) == 3

            site.wait_until(seen, 20, "three drain")
            site.wait_settled(2)

        assert visitors.failures == []
        deleted = cloud.named_in("deleteInstances")
        assert set().union(*deleted) == drained
        assert sum(len(names) for names in deleted) == 3
        assert cloud.names() == before - drained
        assert all(e["request"]["skipInstancesOnValidationError"] is True
                   for e in cloud.journal("instanceGroupManagers.deleteInstances"))
        assert cloud.calls("instanceGroupManagers.resize") == 0


def test_returning_load_takes_draining_instances_back():
    """Scenario 3: undrain instead of create."""
    with gce_site(minimum=4, maximum=4) as (cloud, site):
        names = cloud.names()
        with site.visitors(8, "/?ms=4000") as visitors:
            site.wait_until(lambda: sum(b["in_flight"] for b in site.backends()) == 8, 10, "busy")
            cloud.call("DELETE", "calls")
            site.set(minimum=1, maximum=1)
            site.wait_until(lambda: site.backends("draining"), 10, "some drain")
            site.set(minimum=4, maximum=4)
            site.wait_settled(4)

        assert visitors.failures == []
        assert moves(cloud) == {}
        assert cloud.names() == names


def test_flapping_load_moves_little_and_stays_within_bounds():
    """Scenario 33: bounds and cool-down under a load that jumps every two seconds."""
    with gce_site(minimum=1, maximum=4) as (cloud, site):
        sizes = set()
        with site.visitors(0) as visitors:
            for count in (10, 0, 10, 0, 10, 0, 10, 0):
                visitors.set_count(count)
                end = time.monotonic() + 2
                while time.monotonic() < end:
                    sizes.add(cloud.target())
                    time.sleep(0.2)

        assert visitors.failures == []
        assert sizes <= {1, 2, 3, 4}
        assert max(sizes) > 1
        # A flap of 4 s is shorter than the memory of the highest need: out once, hardly in.
        assert sum(moves(cloud).values()) <= 6
        site.wait_settled(1, 60)


def test_scale_out_to_the_maximum_after_a_foreign_delete():
    """Scenario 34: the group's target is below what we asked for, since somebody deleted one."""
    with gce_site(minimum=3, maximum=4) as (cloud, site):
        with site.visitors(4) as visitors:
            gone = sorted(cloud.names())[0]
            cloud.api("POST", f"{cloud.group_path()}/deleteInstances",
                      {"instances": [cloud.instance_url(gone)]})
            site.set(minimum=4)
            site.wait_until(lambda: gone not in cloud.names(), 20, "the deleted one has gone")
            site.wait_settled(4)

        assert visitors.failures == []
        assert cloud.group(ZONE)["targetSize"] == 4
        assert gone not in cloud.names()


def test_new_template_replaces_every_instance_through_drain():
    """Scenario 37: new ones healthy first, then the old ones drained and deleted."""
    with gce_site(minimum=3, maximum=5) as (cloud, site):
        old = cloud.names()
        fewest = 3
        with site.visitors(4) as visitors:
            cloud.act("set_template", group="shop", template="shop-v2")

            def replaced():
                nonlocal fewest
                fewest = min(fewest, len(site.serving()))
                members = cloud.members(action="NONE")
                return (len(members) >= 3 and not old & cloud.names()
                        and all(m["template"].endswith("shop-v2") for m in members))

            site.wait_until(replaced, 60, "all of the new template")
            site.set(maximum=3)  # what is left of the surge goes at once
            site.wait_settled(3)

        assert visitors.failures == []
        assert fewest >= 3
        assert set().union(*cloud.named_in("deleteInstances")) >= old
