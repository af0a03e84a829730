"""Google's own client against the emulated Compute Engine: what gcloud understands, and what it sends,
says whether the emulator is like the real one."""

import json
import os
import shutil
import subprocess

import pytest
from flaskscale_process import SCALE, wait_until
from gce_cloud import GROUP, PROJECT, ZONE, GceCloud

GROUPS = ("compute", "instance-groups", "managed")


@pytest.fixture(name="cloud", scope="module")
def running_cloud():
    """One for the whole file; any caller may do anything."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    with GceCloud(size=1, arguments=["--no-auth"]) as cloud:
        yield cloud


@pytest.fixture(name="gcloud")
def command(cloud, tmp_path):
    """Runs one gcloud command; `look` returns what it prints, as JSON."""

    def run(*words, look=False):
        environment = {
            **os.environ, "CLOUDSDK_CONFIG": str(tmp_path),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": cloud.ports["api"],
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true", "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_COMPUTE_ZONE": ZONE, "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }
        done = subprocess.run(["gcloud", *words, "--format=json"], env=environment, text=True,
                              capture_output=True, timeout=60 * SCALE, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout) if look else None

    return run


def test_gcloud_sees_the_group_and_its_instances(cloud, gcloud):
    group = gcloud(*GROUPS, "describe", GROUP, look=True)
    assert group["targetSize"] == 1
    assert group["status"]["isStable"] is True
    (row,) = gcloud(*GROUPS, "list-instances", GROUP, look=True)
    member = cloud.members()[0]
    assert row["instance"].endswith(f"/zones/{ZONE}/instances/{member['name']}")
    assert row["instanceStatus"] == "RUNNING"
    assert row["id"] == member["id"]
    (machine,) = gcloud("compute", "instances", "list", "--filter",
                        f"name={member['name']}", look=True)
    assert machine["networkInterfaces"][0]["networkIP"] == member["address"]


def test_gcloud_makes_and_deletes_an_instance_by_name(cloud, gcloud):
    gcloud(*GROUPS, "create-instance", GROUP, "--instance", "shop-byhand")
    gcloud(*GROUPS, "wait-until", GROUP, "--stable", "--timeout", "60")
    assert cloud.member("shop-byhand")["status"] == "RUNNING"
    assert cloud.target() == 2

    gcloud(*GROUPS, "delete-instances", GROUP, "--instances", "shop-byhand",
           "--skip-instances-on-validation-error")
    wait_until(lambda: cloud.member("shop-byhand") is None, 20 * SCALE, "it has gone")
    assert cloud.target() == 1


def test_gcloud_resizes_stops_and_starts(cloud, gcloud):
    gcloud(*GROUPS, "resize", GROUP, "--size", "2")
    gcloud(*GROUPS, "wait-until", GROUP, "--stable", "--timeout", "60")
    assert len(cloud.members(status="RUNNING")) == 2
    name = sorted(cloud.names())[0]
    gcloud(*GROUPS, "stop-instances", GROUP, "--instances", name)
    wait_until(lambda: cloud.member(name)["status"] == "TERMINATED", 20 * SCALE, "stopped")
    gcloud(*GROUPS, "start-instances", GROUP, "--instances", name)
    wait_until(lambda: cloud.member(name)["serving"], 20 * SCALE, "started")


def test_gcloud_changes_the_description_where_a_lease_is_kept(cloud, gcloud):
    gcloud(*GROUPS, "update", GROUP, "--description", "by hand")
    assert gcloud(*GROUPS, "describe", GROUP, look=True)["description"] == "by hand"
    cloud.check_violations()
