"""The cloud's API is away, slow, wrong or forbidden: serving goes on, and nothing is done on stale
knowledge."""

import pytest
from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"
DELETE = "instanceGroupManagers.deleteInstances"


def serve_a_while(site, visitors, pages=60):
    """Some seconds under load."""
    answered = visitors.answered
    site.wait_until(lambda: visitors.answered > answered + pages, 30, "some seconds served")


def test_outage_of_the_api_costs_nobody_anything():
    """Scenario 16: 503 and HTML 502 to everything; no deletion on stale data; recovery."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        before = cloud.names()
        with site.visitors(4) as visitors:
            cloud.fault("compute.*", "http", status=502, html=True, probability=0.5)
            cloud.fault("compute.*", "http", status=503, reason="backendError")
            cloud.call("DELETE", "calls")
            site.set(minimum=2, maximum=2)
            serve_a_while(site, visitors, 150)
            assert cloud.names() == before
            assert cloud.calls() < 100
            cloud.heal()
            site.wait_settled(2, 60)

        assert visitors.failures == []


def test_nothing_is_deleted_while_the_list_is_unknown():
    """Scenario 16: only the lists fail; a delete would be accepted."""
    with gce_site(minimum=3, maximum=3) as (cloud, site):
        with site.visitors(4) as visitors:
            broken = cloud.fault("*.list*", "http", status=503, reason="backendError")
            site.wait_until(lambda: cloud.hits(broken) >= 2, 20, "lists fail")
            before = cloud.calls(DELETE)
            site.set(minimum=1, maximum=1)
            serve_a_while(site, visitors, 100)
            assert cloud.calls(DELETE) == before
            cloud.heal()
            site.wait_settled(1, 60)

        assert visitors.failures == []


def test_tokens_are_renewed_when_they_are_refused():
    """Scenario 17: a token ends in mid-run, and the metadata server is away for a moment."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("expire_tokens")
            site.set(minimum=2, maximum=2)
            site.wait_settled(2)
            away = cloud.fault("metadata.token", "http", status=503, times=2)
            cloud.act("expire_tokens")
            site.set(minimum=3, maximum=3)
            site.wait_settled(3, 40)
            assert cloud.hits(away) >= 1
            cloud.fault("*.list*", "http", status=401, reason="authError", times=1)
            site.set(minimum=2, maximum=2)
            site.wait_settled(2, 40)

        assert visitors.failures == []


def test_credentials_that_are_refused_for_ever_are_told_and_recover():
    """Scenario 17: 401 for ever."""
    with gce_site(minimum=2, maximum=2) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("revoke_credentials")
            cloud.call("DELETE", "calls")
            site.set(minimum=3, maximum=3)
            serve_a_while(site, visitors)
            site.wait_until(lambda: site.said("401"), 20, "the refusal told")
            assert cloud.calls() < 60
            assert len(site.serving()) == 2
            cloud.act("restore_credentials")
            site.reload()
            site.wait_settled(3, 75)

        assert visitors.failures == []


def test_missing_permission_is_named():
    """Scenario 18: the role lacks update; the front door serves."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            needed = "compute.instanceGroupManagers.update"
            allowed = cloud.permissions()
            cloud.act("role", permissions=[p for p in allowed if p != needed])
            cloud.call("DELETE", "calls")
            site.set(minimum=2, maximum=2)
            site.wait_until(lambda: site.said(needed), 20, "the permission named")
            serve_a_while(site, visitors)
            assert cloud.calls(CREATE) <= 5
            cloud.act("role", permissions=allowed)
            site.reload()  # "I have mended it: try now"
            site.wait_settled(2, 40)

        assert visitors.failures == []


def test_missing_scope_is_named():
    """Scenario 18: the VM's scopes don't reach as far as its roles."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("scopes", scopes=["https://www.googleapis.com/auth/logging.write"])
            cloud.act("expire_tokens")
            site.wait_until(lambda: site.said("scope"), 20, "the scope told")
            serve_a_while(site, visitors)

        assert visitors.failures == []


@pytest.mark.parametrize("lost, found", [
    (("delete_group", {"group": "shop"}), ("restore_group", {"group": "shop"})),
    (("remove_zone", {"zone": "us-central1-a"}), ("restore_zone", {"zone": "us-central1-a"}))])
def test_group_that_is_gone_stops_scaling_and_nothing_else(lost, found):
    """Scenario 38: 404 for the group or its zone; serving goes on; scaling resumes."""
    with gce_site(minimum=2, maximum=2) as (cloud, site):
        with site.visitors(2) as visitors:
            if lost[0] == "delete_group":  # its machines go with it; ours is only not found
                gone = cloud.fault("instanceGroupManagers.*", "http", status=404,
                                   reason="notFound", message="The resource "
                                   "'projects/shop-project/zones/us-central1-a/"
                                   "instanceGroupManagers/shop' was not found")
            else:
                gone = None
                cloud.act(lost[0], **lost[1])
            site.set(minimum=3, maximum=3)
            site.wait_until(lambda: site.said("not found") or site.said("404"), 20, "404 told")
            serve_a_while(site, visitors)
            assert len(site.serving()) == 2
            if gone:
                cloud.heal(gone)
            else:
                cloud.act(found[0], **found[1])
            site.reload()
            site.wait_settled(3, 40)

        assert visitors.failures == []


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_step_of_the_clouds_clock_disturbs_nothing(seconds):
    """Scenario 40: time stamps and tokens of the cloud jump by an hour."""
    with gce_site(minimum=1, maximum=1) as (cloud, site):
        with site.visitors(2) as visitors:
            cloud.act("step_clock", seconds=seconds)
            site.set(minimum=3, maximum=3)
            site.wait_settled(3)
            site.set(minimum=1, maximum=1)
            site.wait_settled(1)

        assert visitors.failures == []
