"""SIGHUP: a bad configuration changes nothing, a good one keeps all that need not end."""

import signal
import threading
import time

import pytest

from front_door import config, seconds
from loopback import own_address
from raw_client import RawClient
from scripted import Gate, ok

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\n"
           b"Upgrade: websocket\r\n\r\n")


def app(backend, **settings):
    """A further pool for config()."""
    return {"backends": [backend.address], "slow_start": "0s",
            "health": {"interval": "100ms", "rise": 1}, **settings}


def address_of(door, listener):
    """Where a listener that came by reload is bound."""
    for entry in door.status()["listeners"]:
        if entry["name"] == listener:
            host, _, port = entry["addresses"][0].rpartition(":")
            return host, int(port)
    return None


def echo(connection, _):
    """A tunnel that says everything back."""
    connection.send(SWITCH)
    while data := connection.read_some():
        connection.send(data)
    return False


# A bad configuration

@pytest.mark.parametrize("change", [
    lambda text: text + "\n[pools.app.queeu]\nlimit = 1\n",
    lambda text: text + "\nthis is not TOML",
    lambda text: text.replace('pool = "app"', 'pool = "other"'),
    lambda text: text.replace("[limits]", '[limits]\nbody_bytes = "many"'),
    lambda text: "",
], ids=["unknown key", "no TOML", "unknown pool", "bad size", "empty"])
def test_changes_nothing_for_a_bad_configuration(stage, change):
    backend = stage.backend()
    good = config(backend)
    door = stage.front_door(text=good)
    before = door.status()

    with door.client() as client:
        client.get()
        after = door.reload(change(good), expect_success=False)
        assert client.get().status == 200

    assert after["generation"] == before["generation"]
    assert after["last_reload"]["success"] is False
    assert "flaskscale.toml" in after["last_reload"]["error"]
    assert door.metric("flaskscale_config_last_reload_success") == 0
    assert "flaskscale.toml:" in door.stderr()
    assert door.get().status == 200


def test_survives_that_its_configuration_is_gone(stage):
    door = stage.front_door(stage.backend())
    door.config_path.unlink()

    after = door.reload(expect_success=False)

    assert after["last_reload"]["success"] is False
    assert door.get().status == 200


def test_takes_a_good_configuration_after_a_bad_one(stage):
    backend = stage.backend()
    door = stage.front_door(backend)
    door.reload("broken", expect_success=False)

    after = door.reload(config(backend))

    assert after["last_reload"]["success"] is True
    assert door.metric("flaskscale_config_last_reload_success") == 1
    assert door.metric("flaskscale_config_generation") == after["generation"]


def test_changes_nothing_when_a_new_listener_cannot_be_bound(stage):
    backend = stage.backend()
    door = stage.front_door(backend)
    taken = backend.address

    door.reload(config(backend, listeners={"web": {"listen": [f"{own_address()}:0"]},
                                           "extra": {"listen": [taken]}}), expect_success=False)

    assert address_of(door, "extra") is None
    assert door.get().status == 200


# A good configuration

def test_adds_and_removes_a_pool_with_its_route(stage):
    backend, other = stage.backend(ok(b"app")), stage.backend(ok(b"other"))
    door = stage.front_door(backend)
    routes = [{"hosts": ["other.example"], "pool": "other"}, {"pool": "app"}]

    with door.client() as client:
        assert client.get(host="other.example").body == b"app"
        door.reload(config(backend, routes=routes, pools={"other": app(other)}))
        door.until(lambda: door.pool("other")["backends"][0]["up"], "the new pool is up")
        assert client.get(host="other.example").body == b"other"
        assert client.get().body == b"app"
        door.reload(config(backend))
        assert client.get(host="other.example").body == b"app"

    assert [pool["name"] for pool in door.status()["pools"]] == ["app"]


def test_finishes_what_runs_in_a_pool_that_goes(stage):
    gate = Gate(ok(b"finished"))
    backend, other = stage.backend(), stage.backend(gate)
    routes = [{"hosts": ["other.example"], "pool": "other"}, {"pool": "app"}]
    door = stage.front_door(backend, routes=routes, pools={"other": app(other)})

    with door.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
        other.wait_requests(1)
        door.reload(config(backend))
        gate.open()
        assert client.read_response().body == b"finished"


def refuses(address):
    try:
        RawClient(address).close()
    except OSError:
        return True
    return False


def test_adds_and_removes_a_listener(stage):
    backend = stage.backend()
    door = stage.front_door(backend)
    web = door.listener()

    door.reload(config(backend, listeners={"web": {"listen": [f"{own_address()}:0"]},
                                           "extra": {"listen": [f"{own_address()}:0"]}}))
    extra = address_of(door, "extra")
    with RawClient(extra) as client:
        assert client.get().status == 200
    assert address_of(door, "web") == web

    door.reload(config(backend))
    door.until(lambda: refuses(extra), "refused")
    assert door.get().status == 200


def test_takes_new_limits_for_the_next_request(stage):
    backend = stage.backend()
    door = stage.front_door(backend)

    with door.client() as client:
        assert client.get("/" + "x" * 2000).status == 200
        door.reload(config(backend, limits={"uri_bytes": "1KiB"}))
        assert client.get("/" + "x" * 2000).status == 414


def test_finishes_what_runs_at_a_backend_that_goes(stage):
    gate = Gate(ok(b"old"))
    old, new = stage.backend(gate), stage.backend(ok(b"new"))
    door = stage.front_door(old)

    with door.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        old.wait_requests(1)
        door.reload(config(new))
        door.until(lambda: door.get().body == b"new", "the new backend serves")
        gate.open()
        assert client.read_response().body == b"old"
        assert client.get().body == b"new"

    assert len(old.requests) == 1


def test_keeps_the_health_of_a_backend_that_stays(stage):
    backend, other = stage.backend(), stage.backend()
    door = stage.front_door(backend, health={"interval": "60s"})

    door.reload(config(backend, other, health={"interval": "60s"}))

    assert door.backend_status(backend)["up"]
    assert door.get().status == 200


def test_keeps_an_operators_drain(stage):
    backend, other = stage.backend(), stage.backend()
    door = stage.front_door(backend, other)
    door.until(lambda: door.backend_status(other)["up"] and door.backend_status(backend)["up"],
               "both up")
    door.drain(backend.address)

    door.reload(config(backend, other, queue={"limit": 77}))

    assert door.backend_status(backend)["drained_by_operator"]
    assert [door.get().status for _ in range(6)] == [200] * 6
    assert backend.requests == []


@pytest.mark.parametrize("keeps_backend", [True, False], ids=["backend stays", "backend goes"])
def test_keeps_tunnels(stage, keeps_backend):
    backend, other = stage.backend(echo), stage.backend()
    door = stage.front_door(backend)

    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        for limit in (10, 11, 12):
            door.reload(config(backend if keeps_backend else other, queue={"limit": limit}))
            client.send(b"still here")
            assert client.read_exactly(10) == b"still here"


def test_fails_no_request_while_it_is_reloaded_again_and_again(stage):
    backends = [stage.backend() for _ in range(2)]
    door = stage.front_door(*backends, pool={"slots": 4})
    wrong = []
    stop = threading.Event()

    def ask():
        with door.client() as client:
            while not stop.is_set():
                answer = client.get()
                if answer.status != 200:
                    wrong.append(answer.start_line)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        door.reload(config(*backends, pool={"slots": 4 + turn % 2}))
    for _ in range(20):  # and faster than they can be taken in
        door.signal(signal.SIGHUP)
        time.sleep(0.005)
    time.sleep(seconds(0.2))
    stop.set()
    for thread in threads:
        thread.join()

    assert not wrong
