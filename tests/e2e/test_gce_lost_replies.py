"""Calls whose reply was lost, names that exist already, and deletes that somebody else has begun."""

import pytest
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"
DELETE = "instanceGroupManagers.deleteInstances"


def request_ids(cloud, method):
    """requestId of each call."""
    return [entry["query"]["requestId"] for entry in cloud.journal(method)]


def test_lost_reply_is_asked_for_again_with_the_same_id():
    """Scenario 4: createInstances was carried out, its reply lost."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            begin = len(request_ids(cloud, CREATE))
            lost = cloud.fault(CREATE, "reset", when="after", times=1)
            site.set(minimum=3, maximum=3)
            site.wait_settled(3)
            assert cloud.hits(lost) == 1

        ids = request_ids(cloud, CREATE)[begin:]
        assert visitors.failures == []
        assert len(ids) == 2
        assert len(set(ids)) == 1
        assert len(cloud.machines()) == 3


@pytest.mark.parametrize("collision", ["operation", "http"])
def test_our_own_instances_are_recognised_when_the_id_is_forgotten(collision):
    """Scenario 5: the repeated call is answered MEMBER_ALREADY_EXISTS; the list tells the truth."""
    with gce_site(minimum=1, maximum=1,
                  cloud={"settings": {"collision": collision}}) as (cloud, site):
        with site.visitors(2) as visitors:
            lost = cloud.fault(CREATE, "reset", when="after", times=1)
            cloud.fault(CREATE, "forget_request_id")
            site.set(minimum=3, maximum=3)
            site.wait_settled(3)
            assert cloud.hits(lost) == 1

        assert visitors.failures == []
        assert len(cloud.machines()) == 3
        assert cloud.calls(DELETE) == 0


@pytest.mark.parametrize("collision", ["operation", "last_attempt"])
def test_foreign_machine_with_our_name_is_left_alone(collision):
    """Scenario 6: other names are chosen, and the stranger keeps running."""
    with gce_site(minimum=1, maximum=1,
                  cloud={"settings": {"foreign_collision": collision}}) as (cloud, site):
        with site.visitors(2) as visitors:
            begin = len(cloud.named_in("createInstances"))
            lost = cloud.fault(CREATE, "reset", when="before")
            site.set(minimum=4, maximum=4)
            site.wait_until(lambda: len(cloud.named_in("createInstances")) > begin, 10, "a call")
            taken = sorted(cloud.named_in("createInstances")[begin])[0]
            cloud.act("add_foreign", name=taken)
            cloud.heal(lost)
            site.wait_settled(4, 60)

        assert visitors.failures == []
        assert taken not in cloud.names()
        stranger = [m for m in cloud.machines() if m["name"] == taken]
        assert [m["status"] for m in stranger] == ["RUNNING"]


def test_instance_that_is_being_deleted_already_spoils_no_delete():
    """Scenario 24: skipInstancesOnValidationError at work."""
    with gce_site(minimum=4, maximum=4) as (cloud, site):
        with site.visitors(8, "/?ms=1500") as visitors:
            site.wait_until(lambda: visitors.answered >= 8, 10, "all busy")
            site.set(minimum=2, maximum=2)
            draining = site.wait_until(lambda: site.backends("draining"), 10, "draining")
            name = cloud.at_address(draining[0]["address"])["name"]
            cloud.api("POST", f"{cloud.group_path()}/deleteInstances",
                      {"instances": [cloud.instance_url(name)]})
            site.wait_settled(2)

        assert visitors.failures == []
        assert name not in cloud.names()
        assert cloud.target() == 2
