"""Lists of the cloud that are long, cut off, old or strange."""

import pytest
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"
DELETE = "instanceGroupManagers.deleteInstances"
LIST = "instanceGroupManagers.listManagedInstances"


@pytest.mark.parametrize("results", ["PAGINATED", "PAGELESS"])
def test_every_page_of_a_long_list_is_read(results):
    """Scenario 27: 1200 instances."""
    with gce_site(minimum=1, maximum=1000, boot_timeout="5m",
                  scaling='mode = "observe"', wait_for=0) as (cloud, site):
        cloud.act("policy", group="shop", results=results)
        cloud.act("fill", group="shop", count=1200)

        def known():
            return sum(site.shop()["scaling"]["instances_by_state"].values()) == 1200

        site.wait_until(known, 30, "1200 instances known")
        pages = cloud.journal(LIST)
        assert any("pageToken" in entry["query"] for entry in pages) == (results == "PAGINATED")
        assert cloud.calls(CREATE) + cloud.calls(DELETE) == 0


def test_list_with_a_missing_page_is_not_believed():
    """Scenario 28: page 2 fails; nothing is concluded from page 1."""
    with gce_site(minimum=3, maximum=600, cloud={"size": 0}) as (cloud, site):
        with site.visitors(3) as visitors:
            serving = site.serving()
            site.set(scaling='mode = "observe"')
            cloud.act("policy", group="shop", results="PAGINATED")
            cut = cloud.fault("*.list*", "http", status=503, reason="backendError", page=2)
            cloud.act("fill", group="shop", count=600)
            site.wait_until(lambda: cloud.hits(cut) >= 3, 30, "page 2 fails")
            counts = site.shop()["scaling"]["instances_by_state"]
            assert sum(counts.values()) == 3, counts
            assert site.serving() == serving
            cloud.heal(cut)
            site.wait_until(lambda: sum(site.shop()["scaling"]["instances_by_state"].values())
                            == 603, 30, "all 603 known")

        assert visitors.failures == []
        assert cloud.calls(DELETE) == 0


def test_old_list_after_a_create_makes_no_second_one():
    """Scenario 29: the lists lag behind by 10 s of the cloud's time and more."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            before = cloud.calls(CREATE)
            lists = cloud.calls(LIST)
            site.wait_until(lambda: cloud.calls(LIST) >= lists + 5, 30,
                            "the first instance is in lists that are 30 s old")
            cloud.fault("*.list*", "list", what="stale", seconds=30)
            site.set(minimum=3, maximum=3)
            site.wait_settled(3, 40)

        assert visitors.failures == []
        assert cloud.calls(CREATE) - before == 1
        assert len(cloud.machines()) == 3
        assert cloud.calls(DELETE) == 0


@pytest.mark.parametrize("what", ["duplicate", "missing"])
def test_row_twice_or_not_at_all_ends_no_instance(what):
    """A list that is wrong for a moment: no instance is deleted and none is made twice."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        names = cloud.names()
        with site.visitors(3) as visitors:
            wrong = cloud.fault(LIST, "list", what=what, rows=1, times=2)
            site.wait_until(lambda: cloud.hits(wrong) == 2, 20, "two wrong lists")
            site.wait_settled(3, 40)

        assert visitors.failures == []
        assert len(names & cloud.names()) >= 2
        assert len(cloud.machines()) == 3


def test_unknown_words_and_fields_are_ignored():
    """Scenario 39: a newer API than we know."""
    with gce_site(minimum=1, maximum=1, cloud={"settings": {"extra": True}}) as (cloud, site):
        with site.visitors(2) as visitors:
            site.set(minimum=3, maximum=3)
            site.wait_settled(3)
            odd = cloud.fault(LIST, "list", what="unknown_values", rows=1, times=4)
            site.wait_until(lambda: cloud.hits(odd) == 4, 20, "unknown words in lists")
            site.set(minimum=2, maximum=2)
            site.wait_settled(2, 40)

        assert visitors.failures == []
