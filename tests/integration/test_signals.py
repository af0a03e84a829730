"""SIGTERM, SIGINT and SIGUSR1: an orderly end, an end at once, and new log files."""

import signal
import time

import pytest

from front_door import duration, seconds
from raw_client import RawClient
from scripted import Gate, ok

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\n"
           b"Upgrade: websocket\r\n\r\n")


def begin_one(door, backend, client, head=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
    """A request that the backend holds."""
    seen = len(backend.requests)
    client.send(head)
    backend.wait_requests(seen + 1)
    door.until_counted("in_flight", 1)


def has_ended(door):
    """True once the process is gone."""
    return door.process.poll() is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_finishes_what_runs_and_ends(stage, number):
    gate = Gate(ok(b"finished"))
    backend = stage.backend(gate)
    door = stage.front_door(backend)

    with door.client() as idle, door.client() as client:
        assert idle.is_silent(0)
        begin_one(door, backend, client)
        door.signal(number)
        door.until(lambda: door.admin("/readyz")[0] == 503, "/readyz says draining")
        assert "draining" in door.admin("/readyz")[1]
        assert door.admin("/healthz")[0] == 200
        assert client.is_silent(seconds(0.2))
        assert not has_ended(door)

        gate.open()
        answer = client.read_response()
        assert (answer.body, answer.get("Connection")) == (b"finished", "close")
        assert client.at_end()
    assert door.wait_exit(seconds(5)) == 0


def test_ends_at_once_when_nothing_runs(stage):
    door = stage.front_door(stage.backend())

    with door.client() as client:
        client.get()
        started = time.monotonic()
        door.signal(signal.SIGTERM)
        assert client.at_end()
        assert door.wait_exit(seconds(5)) == 0
    assert time.monotonic() - started < seconds(3)


def refuses(address):
    try:
        RawClient(address).close()
    except OSError:
        return True
    return False


def test_takes_no_new_connections_while_it_drains(stage):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend)

    with door.client() as client:
        begin_one(door, backend, client)
        door.signal(signal.SIGTERM)
        door.until(lambda: door.admin("/readyz")[0] == 503, "/readyz says draining")
        door.until(lambda: refuses(door.listener()), "new connections refused")
        gate.open()
        assert client.read_response().status == 200
    assert door.wait_exit(seconds(5)) == 0
    assert len(backend.requests) == 1


def test_finishes_what_waits_in_the_queue(stage):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1})

    with door.client() as first, door.client() as second:
        begin_one(door, backend, first)
        second.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        door.until_queued(1)
        door.signal(signal.SIGTERM)
        door.until(lambda: door.admin("/readyz")[0] == 503, "/readyz says draining")
        gate.open()
        assert first.read_response().status == 200
        assert second.read_response().status == 200
    assert door.wait_exit(seconds(5)) == 0


@pytest.mark.parametrize("kind", ["request", "tunnel"])
def test_waits_no_longer_than_the_shutdown_timeout(stage, kind):
    def tunnel(connection, _):
        connection.send(SWITCH)
        connection.read_to_end()
        return False

    backend = stage.backend(Gate() if kind == "request" else tunnel)
    door = stage.front_door(backend, server={"shutdown_timeout": duration(1)})

    with door.client() as client:
        begin_one(door, backend, client,
                  UPGRADE if kind == "tunnel" else b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        started = time.monotonic()
        door.signal(signal.SIGTERM)
        assert door.wait_exit(seconds(5)) == 0
    assert seconds(0.8) <= time.monotonic() - started <= seconds(3)


def test_ends_at_once_at_the_second_signal(stage):
    backend = stage.backend(Gate())
    door = stage.front_door(backend, server={"shutdown_timeout": "60s"})

    with door.client() as client:
        begin_one(door, backend, client)
        door.signal(signal.SIGTERM)
        door.until(lambda: door.admin("/readyz")[0] == 503, "/readyz says draining")
        started = time.monotonic()
        door.signal(signal.SIGTERM)
        code = door.wait_exit(seconds(5))
    assert time.monotonic() - started < seconds(2)
    assert code in {0, 1, 128 + signal.SIGTERM, -signal.SIGTERM}


def test_opens_its_log_anew(stage):
    door = stage.front_door(stage.backend())
    log, kept = door.directory / "access.log", door.directory / "access.log.1"

    door.get("/before")
    door.until_logged(lambda line: line["path"] == "/before")
    log.rename(kept)
    door.get("/between")
    door.signal(signal.SIGUSR1)
    door.until(log.exists, "a new log file")
    door.get("/after")
    door.until_logged(lambda line: line["path"] == "/after")
    # Another worker may hold this line still: each writes its own when its turn comes.
    door.until(lambda: "/between" in kept.read_text() + log.read_text(), "/between is logged")

    assert "/after" not in kept.read_text()
    both = kept.read_text() + log.read_text()
    assert [both.count(path) for path in ("/before", "/between", "/after")] == [1, 1, 1]


def test_lives_on_when_a_client_or_backend_goes_while_it_writes(stage):
    """SIGPIPE must not end the program."""
    backend = stage.backend(ok(b"x" * 1_000_000))
    door = stage.front_door(backend)

    for _ in range(20):
        with door.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_some(100)
            client.reset()

    assert door.get().status == 200
