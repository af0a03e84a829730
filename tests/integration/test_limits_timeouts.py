"""Limits of size and time: each has its own status and its own reason, and a bounded cost."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from front_door import duration, seconds
from loopback import own_address
from raw_stream import StreamClosed
from scripted import Gate, ok, post

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\n"
           b"Upgrade: websocket\r\n\r\n")
SHORT = 0.5  # the time-out under test, before seconds()


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


def _door_with(stage, backend, name):
    return stage.front_door(backend, timeouts={name: duration(SHORT)})


@pytest.fixture(name="small", scope="module")
def _small(shared_stage, backend):
    """Small limits of size."""
    return shared_stage.front_door(backend, limits={
        "header_bytes": "4KiB", "headers": 20, "uri_bytes": "1KiB", "body_bytes": "64KiB"})


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


def assert_after(started, low, high=6.0):
    """The time since `started` lies between two numbers of seconds."""
    passed = time.monotonic() - started
    assert seconds(low) * 0.8 <= passed <= seconds(high) + 1, f"after {passed:.2f} s"


def last_word(client):
    """Status of the answer, or None when the connection was closed without one."""
    try:
        return client.read_response().status
    except (StreamClosed, ConnectionResetError):
        return None


# Time for the client

def test_answers_408_when_a_head_does_not_come_to_its_end(stage, backend):
    door = _door_with(stage, backend, "header")

    with door.expect_reason(), door.client() as client:
        started = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = client.read_response()
        assert_after(started, SHORT)
        assert client.at_end()

    assert (answer.status, answer.get("Connection")) == (408, "close")


def test_gives_a_head_no_more_time_when_it_drips(stage, backend):
    door = _door_with(stage, backend, "header")

    with door.client() as client:
        started = time.monotonic()
        head = iter(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 1000)
        while client.is_silent(seconds(0.05)):
            client.send(bytes([next(head)]))
        assert client.read_response().status == 408
        assert_after(started, SHORT)


def test_closes_a_connection_that_says_nothing(stage, backend):
    door = stage.front_door(backend, timeouts={"header": duration(SHORT), "idle": duration(SHORT)})

    with door.client() as client:
        started = time.monotonic()
        assert client.read_to_end() == b""
        assert_after(started, SHORT)


def test_closes_an_idle_connection_without_a_word(stage, backend):
    door = _door_with(stage, backend, "idle")

    with door.client() as client:
        assert client.get().status == 200
        started = time.monotonic()
        assert client.read_to_end() == b""
        assert_after(started, SHORT)
    door.until(lambda: door.status()["connections"] == 0, "no connection left")


def test_does_not_take_a_waiting_request_for_idleness(stage, backend):
    gate = Gate()
    backend.answer = gate
    door = stage.front_door(backend, timeouts={"idle": duration(SHORT), "header": duration(SHORT)})

    with door.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.is_silent(seconds(SHORT * 2.5))
        gate.open()
        assert client.read_response().status == 200


def test_answers_408_when_a_body_stops_coming(stage, backend):
    door = _door_with(stage, backend, "body")
    whole = len(backend.complete)

    with door.expect_reason(), door.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        started = time.monotonic()
        answer = client.read_response()
        assert_after(started, SHORT)
        assert client.at_end()

    assert (answer.status, answer.get("Connection")) == (408, "close")
    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    assert len(backend.complete) == whole


def test_gives_a_slow_body_new_time_with_each_piece(stage, backend):
    door = _door_with(stage, backend, "body")

    with door.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        for byte in b"hello":
            client.is_silent(seconds(SHORT / 2))
            client.send(bytes([byte]))
        assert client.read_response().status == 200

    assert backend.complete[-1].body == b"hello"


# Sizes

def test_answers_413_to_a_length_above_the_limit(small, backend):
    seen = len(backend.requests)

    with small.expect_reason("body_too_large"), small.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\nhello")
        answer = client.read_response()

    assert (answer.status, answer.get("Connection")) == (413, "close")
    assert len(backend.requests) == seen


def test_answers_413_when_chunks_go_beyond_the_limit(small, backend):
    whole = len(backend.complete)

    with small.expect_reason("body_too_large"), small.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(9):
            client.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        answer = client.read_response()

    assert (answer.status, answer.get("Connection")) == (413, "close")
    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    assert len(backend.complete) == whole


def test_lets_a_client_that_still_sends_read_its_413(small):
    with small.client() as client:
        stop = threading.Event()

        def send_on():
            try:
                while not stop.is_set():
                    client.send(b"x" * 65536)
                    time.sleep(0.01)
            except OSError:
                pass

        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")
        sender = threading.Thread(target=send_on)
        sender.start()
        try:
            time.sleep(seconds(0.1))
            assert client.read_response().status == 413
        finally:
            stop.set()
            sender.join()


@pytest.mark.parametrize("request_bytes", [
    post(b"x" * 65536),
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"8000\r\n" + b"x" * 0x8000 + b"\r\n8000\r\n" + b"x" * 0x8000 + b"\r\n0\r\n\r\n",
], ids=["length", "chunks"])
def test_takes_a_body_as_large_as_the_limit(small, backend, request_bytes):
    with small.client() as client:
        assert client.exchange(request_bytes).status == 200

    assert len(backend.complete[-1].body) == 65536


def test_answers_414_to_a_long_target(small, backend):
    seen = len(backend.requests)

    with small.expect_reason("uri_too_long"):
        assert small.get("/" + "x" * 1024).status == 414

    assert len(backend.requests) == seen
    assert small.get("/" + "x" * 1000).status == 200


@pytest.mark.parametrize("extra", [
    "".join(f"X-{number}: 1\r\n" for number in range(20)), "X-Long: " + "x" * 5000 + "\r\n",
    "X-Many: " + "\r\nX-Many: ".join(["x" * 500] * 12) + "\r\n"],
    ids=["too many", "too long", "too much together"])
def test_answers_431_to_large_heads(small, backend, extra):
    seen = len(backend.requests)

    with small.expect_reason(), small.client() as client:
        answer = client.get(extra=extra)
        assert client.at_end()

    assert answer.status == 431
    assert len(backend.requests) == seen


def test_takes_as_many_fields_as_the_limit_says(small):
    assert small.get(extra="".join(f"X-{number}: 1\r\n" for number in range(19))).status == 200


def test_answers_431_to_a_head_without_an_end(small):
    with small.client() as client:
        try:
            client.send(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 100_000)
        except OSError:
            pass
        assert client.read_response().status == 431


# Time for the backend

def test_answers_502_when_the_backend_refuses_connections(stage):
    backend = stage.backend()
    door = stage.front_door(backend, health={"interval": "60s"})
    backend.stop_listening()

    with door.expect_reason("connect_failed"):
        assert door.get().status == 502


def test_answers_when_the_backend_takes_no_connections(stage):
    with socket.create_server((own_address(), 0), backlog=1) as listener, ExitStack() as fillers:
        address = f"{own_address()}:{listener.getsockname()[1]}"
        door = stage.front_door(address, health={"interval": "60s"},
                                timeouts={"connect": duration(SHORT)})
        for _ in range(8):  # the accept queue is full: further SYNs are dropped
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.2)

        started = time.monotonic()
        with door.expect_reason("connect_timed_out", "connect_timeout"):
            assert door.get().status == 504
        assert_after(started, SHORT)


def test_answers_504_when_the_backend_does_not_answer(stage, backend):
    backend.answer = Gate()
    door = _door_with(stage, backend, "response")

    started = time.monotonic()
    with door.expect_reason("response_timeout", "response_timed_out"):
        assert door.get().status == 504
    assert_after(started, SHORT)

    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    door.until_counted("in_flight", 0)


def test_gives_the_answer_time_from_the_end_of_the_request(stage, backend):
    door = _door_with(stage, backend, "response")

    with door.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n")
        for byte in b"slowly":
            client.is_silent(seconds(SHORT / 3))
            client.send(bytes([byte]))
        assert client.read_response().status == 200


def test_ends_a_tunnel_in_which_nothing_moves(stage, backend):
    def answer(connection, _):
        connection.send(SWITCH)
        connection.read_to_end()
        return False

    backend.answer = answer
    door = _door_with(stage, backend, "tunnel_idle")

    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        started = time.monotonic()
        assert client.read_exactly(4) == b"\x88\x02\x03\xe9"  # a WebSocket is told that it ends
        assert_after(started, SHORT)
        assert client.at_end()
    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    door.until_counted("in_flight", 0)


def test_keeps_a_tunnel_that_is_used_from_one_side(stage, backend):
    def answer(connection, _):
        connection.send(SWITCH)
        for _ in range(5):
            time.sleep(seconds(SHORT / 2))
            connection.send(b"tick")
        return False

    backend.answer = answer
    door = _door_with(stage, backend, "tunnel_idle")

    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        assert client.read_to_end() == b"tick" * 5


# Connections

def test_serves_no_more_connections_than_it_may(stage, backend):
    door = stage.front_door(backend, server={"max_connections": 5})

    with ExitStack() as clients:
        every = {clients.enter_context(door.client()) for _ in range(12)}
        for client in every:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while every:
            served = door.until(lambda: answered(every), "an answer")
            assert len(served) <= 5
            assert door.status()["connections"] <= 5
            assert served[0].read_response().status == 200
            served[0].close()
            every.remove(served[0])


def answered(clients):
    """The clients that have something to read."""
    return [client for client in clients if not client.is_silent(0)]
