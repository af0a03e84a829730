"""Containers of a real Docker engine as instances: they come and go with the load, survive a restart
of FlaskScale and of the engine, and nobody else's are touched."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from docker_base import base_archive
from docker_engine import EngineError, OwnEngine
from docker_registry import DockerRegistry
from docker_server import DockerServer
from flaskscale_process import ROOT, SCALE, binary_path, wait_until
from process_tree import find_marked
from visitors import Visitors

IMAGE = "shop:1"
FOREIGN = {"flaskscale.pool": "demo", "flaskscale.front_door": "0123456789abcdef"}
IDLE = ["sleep", "3600"]


@pytest.fixture(scope="module")
def engine():
    """An engine of our own with the demo's image and a stranger's container, which stays."""
    own = OwnEngine()
    try:
        own.__enter__()
    except EngineError as error:
        pytest.skip(f"no Docker engine can run here: {error}")
    try:
        own.import_image(base_archive(ROOT / "build"), "base:1")
        own.build(ROOT / "conf" / "demo", ("Dockerfile", "app.py", "templates"), IMAGE,
                  {"BASE": "base:1"})
        own.run("strangers", IMAGE, FOREIGN, IDLE)
        own.stranger_since = own.inspect("strangers")["State"]["StartedAt"]
        yield own
    finally:
        own.close()
    assert own.leftovers() == []


def ids(server):
    """Identities of our containers by name."""
    return {name: container["Id"] for name, container in server.containers().items()}


def test_containers_come_and_go_with_the_load(engine):
    with DockerServer(engine, IMAGE, minimum=1, maximum=3) as server:
        with Visitors(server.listener(), 1, "/") as visitors:
            visitors.set_count(14)
            server.wait_for_instances(3)
            limits = engine.inspect(next(iter(server.containers())))["HostConfig"]
            visitors.set_count(1)
            server.wait_for_instances(1)
            server.wait_until(lambda: len(server.containers()) == 1, 20, "containers removed")
        assert visitors.failures == []
        assert visitors.answered > 50
        assert limits["Memory"] == 200 << 20
        assert limits["NanoCpus"] == 900_000_000
        assert limits["Init"]
        assert limits["RestartPolicy"]["Name"] == "no"
    assert engine.names() == ["strangers"]


def test_killed_front_door_finds_its_containers_again(engine):
    crowd = 14
    with DockerServer(engine, IMAGE, minimum=1, maximum=4) as server:
        server.pin_listener()
        before = ids(server)
        with Visitors(server.listener(), crowd, "/") as visitors:
            server.wait_until(lambda: len(server.containers()) > 1, 20, "scale-out under way")
            server.kill()
            server.start()
            server.wait_for_instances(4)
            after = ids(server)
            visitors.set_count(1)
            server.wait_until(lambda: len(server.backends("ready")) < 4, 30, "scale-in under way")
            server.kill()
            server.start()
            server.wait_for_instances(1)
            server.wait_until(lambda: len(server.containers()) == 1, 20, "containers removed")
        assert len(after) == 4
        assert before.items() <= after.items()
        assert len(visitors.failures) <= crowd + 1, visitors.failures  # those in flight


def test_containers_outlive_a_front_door_that_is_told_to_keep_them(engine, tmp_path):
    with DockerServer(engine, IMAGE, minimum=2, maximum=2, at_shutdown="keep",
                      directory=tmp_path) as server:
        before = ids(server)
    assert set(before) < set(engine.names())
    with DockerServer(engine, IMAGE, minimum=2, maximum=2, directory=tmp_path) as server:
        assert ids(server) == before
    assert engine.names() == ["strangers"]


def test_serving_goes_on_without_the_engine_and_scaling_when_it_is_back(engine):
    with DockerServer(engine, IMAGE, minimum=1, maximum=3) as server:
        before = ids(server)
        with Visitors(server.listener(), 3, "/") as visitors:
            engine.stop()
            try:
                server.change(minimum=3)
                answered = visitors.answered
                server.wait_until(lambda: "alarm list_failed" in server.stderr(), 30, "an alarm")
                server.wait_until(lambda: visitors.answered > answered + 20, 20, "pages meanwhile")
                assert len(server.backends("ready")) == 1
            finally:
                engine.start()
            server.wait_for_instances(3)
        assert visitors.failures == []
        assert before.items() <= ids(server).items()


def test_killed_container_is_replaced_and_its_end_is_told(engine):
    with DockerServer(engine, IMAGE, minimum=2, maximum=2) as server:
        victim = next(iter(server.containers()))
        with Visitors(server.listener(), 2, "/") as visitors:
            engine.kill(victim)
            server.wait_until(lambda: victim not in server.containers(), 20, "victim removed")
            server.wait_for_instances(2)
        assert "exited with status 137" in server.stderr()
        assert len(visitors.failures) <= 2, visitors.failures  # answers that had begun


def test_reload_to_another_image_pulls_it_and_replaces_all(engine, tmp_path):
    with DockerRegistry(engine.call("GET", f"/images/{IMAGE}/get"), "team/shop", "2") as registry:
        login = tmp_path / "config.json"
        login.write_text(json.dumps(registry.auths))
        with DockerServer(engine, IMAGE, minimum=2, maximum=3) as server:
            with Visitors(server.listener(), 3, "/") as visitors:
                old = ids(server)
                server.change(image=registry.image, docker=f'registry_auth = "{login}"')
                server.wait_until(
                    lambda: len(server.containers()) == 2
                    and all(c["Image"] == registry.image for c in server.containers().values()),
                    60, "all containers of the new image")
                server.wait_for_instances(2)
            assert visitors.failures == []
            assert not old.items() & ids(server).items()
            assert f"image {registry.image} was pulled" in server.stderr()
            assert registry.refused >= 1


def test_missing_image_is_told_and_the_old_one_serves_on(engine):
    with DockerServer(engine, IMAGE, minimum=1, maximum=2) as server:
        before = ids(server)
        with Visitors(server.listener(), 1, "/") as visitors:
            server.change(image="127.0.0.1:9/no/such:1")
            server.wait_until(lambda: "image 127.0.0.1:9/no/such:1 can't be pulled" in
                              server.stderr(), 20, "a clear message")
            server.wait_for_instances(1)
            assert ids(server) == before
            server.change(image=IMAGE)
            server.wait_for_instances(1)
        assert visitors.failures == []
        assert ids(server) == before


def test_nothing_of_ours_is_left_and_the_stranger_was_not_touched(engine):
    assert engine.names() == ["strangers"]
    state = engine.inspect("strangers")["State"]
    assert state["Running"]
    assert state["StartedAt"] == engine.stranger_since


def test_online_check_of_the_demo_configuration(engine, tmp_path):
    text = (ROOT / "conf" / "demo" / "docker.toml").read_text()
    assert common(text) == common((ROOT / "conf" / "demo" / "flaskscale.toml").read_text())
    path = tmp_path / "docker.toml"
    found = {}
    for image in (IMAGE, "absent:1"):
        path.write_text(text.replace("unix:///var/run/docker.sock", engine.host)
                        .replace("flaskscale-demo:latest", image))
        found[image] = subprocess.run([binary_path(), "check", "--online", "-c", path],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      check=False, timeout=30 * SCALE)

    assert found[IMAGE].returncode == 0, found[IMAGE].stdout
    assert f"image {IMAGE}" in found[IMAGE].stdout
    assert found["absent:1"].returncode != 0
    assert "build or load it there" in found["absent:1"].stdout


def common(text):
    """The lines before the provider's table, without what names the provider."""
    return [line for line in text.split("[pools.demo.scaling.")[0].splitlines()
            if not line.startswith(("#", "provider", "at_shutdown"))]


def bridges():
    """Names of the bridges that engines of ours have made, and their folders."""
    return {path.name for path in Path("/sys/class/net").glob("fs*")} | set(
        Path(tempfile.gettempdir()).glob("flaskscale-engine-*"))


def test_interrupted_demo_leaves_nothing_behind(engine, tmp_path):
    del engine  # one can run here
    mark = "FLASKSCALE_DEMO_TEST=" + uuid.uuid4().hex
    name, value = mark.split("=")
    before = bridges()
    log = tmp_path / "demo.log"
    with open(log, "wb") as output, subprocess.Popen(
            [sys.executable, ROOT / "conf" / "demo" / "demo.py", "docker"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, name: value, "DOCKER_HOST": "unix:///nowhere"}) as demo:
        wait_until(lambda: demo.poll() is not None or " 2s  " in log.read_text(), 60 * SCALE,
                   "demo under way")
        assert bridges() > before, log.read_text()
        demo.send_signal(signal.SIGINT)
        code = demo.wait(60 * SCALE)

    assert code == 130, log.read_text()[-6000:]
    assert find_marked(mark) == set()
    assert bridges() == before
