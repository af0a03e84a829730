"""Machines that Google takes away, repairs or loses, and machines that never serve."""

from gce_cloud import ZONE
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"


def test_preemption_with_notice_drains_before_the_machine_ends():
    """Scenario 19: 30 s of notice; nothing new is sent there, what runs there ends."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(4, "/?ms=400") as visitors:
            site.wait_until(lambda: len(visitors.served_by) == 3, 10, "all serve")
            taken = sorted(cloud.names())[0]
            address = cloud.member(taken)["address"]
            cloud.act("preempt", name=taken, notice=30)
            site.wait_until(lambda: not any(a.startswith(address + ":") for a in site.serving()),
                            3.0, "out of the pool within the notice")
            site.wait_until(lambda: cloud.member(taken) is None
                            or cloud.member(taken)["address"] != address, 30, "it has ended")
            site.wait_settled(3, 40)

        assert visitors.failures == []
        assert len(cloud.machines()) == 3


def test_preemption_without_notice_loses_no_request():
    """Scenario 20: ejected within a probe's interval, its requests sent again."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(5, "/?ms=300") as visitors:
            site.wait_until(lambda: len(visitors.served_by) == 3, 10, "all serve")
            taken = sorted(cloud.names())[0]
            address = cloud.member(taken)["address"]
            cloud.act("preempt", name=taken, notice=0)
            site.wait_until(lambda: not any(a.startswith(address + ":") for a in site.serving()),
                            1.5, "ejected")
            site.wait_settled(3, 40)

        assert visitors.failures == []


def test_repaired_machine_is_a_new_backend_with_the_old_name():
    """Scenario 21: the group repairs: same name, new id, new address."""
    with gce_site(minimum=2, maximum=2) as (cloud, site):
        with site.visitors(3) as visitors:
            site.wait_until(lambda: len(visitors.served_by) == 2, 10, "both serve")
            broken = cloud.member(sorted(cloud.names())[0])
            cloud.act("host_error", name=broken["name"])

            def replaced():
                now = cloud.member(broken["name"])
                if now is None:  # ours may have been quicker than the group's repair
                    return len(site.serving()) == 2
                return now["id"] not in ("", broken["id"]) and now["serving"]

            site.wait_until(replaced, 40, "repaired")
            site.wait_settled(2, 40)
            assert not any(b["address"].startswith(broken["address"] + ":")
                           for b in site.backends())

        assert visitors.failures == []
        assert len(cloud.machines()) == 2


def test_machine_deleted_by_an_operator_is_not_made_twice():
    """Scenario 22: instances.delete behind the group's back; the group makes it again."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(3) as visitors:
            cloud.act("delete", name=sorted(cloud.names())[0])
            most = 0

            def settled():
                nonlocal most
                most = max(most, len([m for m in cloud.machines() if m["serving"]]))
                return len(cloud.machines()) == 3 and site.settled(3)

            site.wait_until(lambda: not site.settled(3), 10, "one has gone")
            site.wait_until(settled, 40, "three again")

        assert visitors.failures == []
        assert most <= 4
        assert cloud.target() == 3


def test_abandoned_instance_leaves_the_pool():
    """Scenario 23: it lives on outside of the group, and nothing of it stays here."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(3) as visitors:
            gone = cloud.member(sorted(cloud.names())[0])
            cloud.act("abandon", group="shop", names=[gone["name"]], zone=ZONE)
            site.wait_until(lambda: gone["name"] not in cloud.names(), 10, "abandoned")
            site.wait_settled(3, 40)
            assert not any(b["address"].startswith(gone["address"] + ":") for b in site.backends())

        assert visitors.failures == []
        strangers = [m for m in cloud.machines() if m["name"] == gone["name"]]
        assert [m["status"] for m in strangers] == ["RUNNING"]


def test_application_that_never_answers_is_tried_a_few_times_and_told():
    """Scenario 25: RUNNING, but never ready; bounded replacement, then an alarm."""
    with gce_site(minimum=1, maximum=1, boot_timeout="3s") as (cloud, site):
        with site.visitors(2) as visitors:
            dead = cloud.fault("vm.boot", "boot", what="never_serves")
            before = cloud.calls(CREATE)
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: site.said("boot_failures"), 60, "the alarm")
            assert cloud.hits(dead) >= 2
            assert cloud.calls(CREATE) - before <= 6
            assert len(cloud.members()) <= 3
            cloud.heal(dead)
            site.reload()
            site.wait_settled(2, 40)

        assert visitors.failures == []


def test_failing_applications_are_replaced_but_not_all_at_once():
    """Scenario 26: ready, then only errors; ejected and replaced with a cap."""
    with gce_site(minimum=4, maximum=4) as (cloud, site):
        with site.visitors(4) as visitors:
            site.wait_until(lambda: len(visitors.served_by) == 4, 10, "all serve")
            broken = sorted(cloud.names())[:2]
            for name in broken:
                cloud.act("break", name=name, status=500)
            most_gone = 0

            def replaced():
                nonlocal most_gone
                most_gone = max(most_gone, sum(m["action"] == "DELETING" for m in cloud.members()))
                return not set(broken) & cloud.names() and site.settled(4)

            site.wait_until(replaced, 120, "both replaced")

        # Answers of a broken application are its own; the front door ejects it at once.
        assert len(visitors.failures) <= 20, visitors.failures
        assert most_gone <= 2
