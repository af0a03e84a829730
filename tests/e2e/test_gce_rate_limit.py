"""The API's quota of calls is used up. It is refilled on the minute of the clock, so this takes one."""

from gce_site import gce_site

CREATE = "instanceGroupManagers.createInstances"


def test_used_up_quota_of_calls_is_waited_for():
    """Scenarios 14 and 15: 403 rateLimitExceeded, here and there for too many operations at once."""
    with gce_site(minimum=1, maximum=1) as (cloud, site), \
            gce_site(minimum=1, maximum=1) as (crowded, other):
        with site.visitors(2) as visitors, other.visitors(2) as others:
            cloud.fault("compute.*", "http", status=403, reason="rateLimitExceeded", until=70 * 10)
            busy = crowded.fault(CREATE, "http", status=403, reason="rateLimitExceeded",
                                 detail_reason="CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", times=1)
            cloud.call("DELETE", "calls")
            site.set(minimum=3, maximum=3)
            other.set(minimum=3, maximum=3)
            other.wait_settled(3, 80)
            assert crowded.hits(busy) == 1
            site.wait_settled(3, 150)
            assert cloud.calls() < 150

        assert visitors.failures == []
        assert others.failures == []
