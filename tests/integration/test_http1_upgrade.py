"""Interim answers (100, 103) and tunnels (101)."""

import threading

import pytest

from front_door import seconds
from scripted import ok
from raw_stream import StreamClosed

EXPECT = (b"POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 5\r\n"
          b"Expect: 100-continue\r\n\r\n")
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: test.example\r\nConnection: keep-alive, Upgrade\r\n"
           b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           b"Sec-WebSocket-Version: 13\r\n\r\n")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend)


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


# 100 Continue

def test_asks_the_backend_and_passes_its_100_on(door, backend):
    body_early = []

    def answer(connection, request):
        body_early.append(not connection.is_silent(seconds(0.1)))
        connection.send(CONTINUE)
        return ok(backend.read_rest(connection, request).body)

    backend.answer = answer
    with door.client() as client:
        client.send(EXPECT)
        interim = client.read_response(skip_interim=False)
        client.send(b"hello")
        final = client.read_response(skip_interim=False)

    assert body_early == [False]
    assert (interim.status, final.status, final.body) == (100, 200, b"hello")
    assert backend.requests[-1].get("Expect", "").lower() == "100-continue"


def test_takes_the_body_of_a_client_that_does_not_wait_for_the_100(door, backend):
    backend.answer = lambda connection, request: ok(backend.read_rest(connection, request).body)

    with door.client() as client:
        answer = client.exchange(EXPECT + b"hello")
        assert client.get().status == 200

    assert answer.body == b"hello"


def test_waits_with_a_backend_that_never_sends_a_100(door, backend):
    backend.answer = lambda connection, request: ok(backend.read_rest(connection, request).body)

    with door.client() as client:
        client.send(EXPECT)
        client.is_silent(seconds(0.3))
        client.send(b"hello")
        answer = client.read_response()

    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("status", ["417 Expectation Failed", "413 Content Too Large",
                                    "401 Unauthorized"])
def test_passes_a_final_answer_on_instead_of_a_100(door, backend, status):
    def answer(connection, _):
        connection.send(ok(b"no", "Connection: close", status=status))
        return False

    backend.answer = answer
    whole = len(backend.complete)
    with door.client() as client:
        client.send(EXPECT)
        got = client.read_response(skip_interim=False)

        assert got.status == int(status.split()[0])
        # Whether the body will come can't be known, so the connection must end.
        assert got.get("Connection") == "close"
        assert client.at_end()
    assert len(backend.complete) == whole


def test_sends_no_100_to_an_http10_client(door, backend):
    def answer(connection, request):
        connection.send(CONTINUE)
        return ok(backend.read_rest(connection, request).body)

    backend.answer = answer
    with door.client() as client:
        client.send(EXPECT.replace(b"HTTP/1.1", b"HTTP/1.0") + b"hello")
        first = client.read_response(skip_interim=False)

    assert (first.status, first.body) == (200, b"hello")


# 103 and other interim answers

def test_passes_early_hints_on(door, backend):
    backend.answer = (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                      b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n" + ok())

    with door.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [client.read_response(skip_interim=False) for _ in range(3)]

    assert [answer.status for answer in answers] == [103, 103, 200]
    assert answers[1].get("Link") == "</b.css>; rel=preload"
    assert answers[0].get("Content-Length") is None


def test_passes_early_hints_on_before_the_answer_is_there(door, backend):
    go_on = threading.Event()

    def answer(connection, _):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        go_on.wait(seconds(10))
        return ok()

    backend.answer = answer
    with door.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        hint = client.read_response(skip_interim=False)
        go_on.set()
        final = client.read_response(skip_interim=False)

    assert (hint.status, final.status) == (103, 200)


def test_keeps_interim_answers_from_http10_clients(door, backend):
    backend.answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + ok()

    with door.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")

        assert client.read_response(skip_interim=False).status == 200


# 101 and tunnels

def tunnel_echo(connection, _):
    """Switches, then says everything back until the client ends, then says goodbye."""
    connection.send(SWITCH)
    while data := connection.read_some():
        connection.send(data)
    connection.send(b"bye")
    return False


def test_opens_a_tunnel_after_the_101_of_the_backend(door, backend):
    backend.answer = tunnel_echo

    with door.client() as client:
        client.send(UPGRADE)
        answer = client.read_response()
        assert answer.status == 101
        assert answer.get("Upgrade") == "websocket"
        assert answer.get("Connection").lower() == "upgrade"
        assert answer.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        for data in (b"\x81\x05hello", bytes(range(256)) * 100, b"GET / HTTP/1.1\r\n\r\n"):
            client.send(data)
            assert client.read_exactly(len(data)) == data
        door.until_counted("in_flight", 1)
        client.half_close()
        assert client.read_to_end() == b"bye"

    request = backend.requests[-1]
    assert request.get("Upgrade") == "websocket"
    assert request.get("Connection").lower() == "upgrade"
    assert request.get("Sec-WebSocket-Version") == "13"
    door.until_counted("in_flight", 0)


def test_passes_what_the_backend_says_right_after_its_101_on(door, backend):
    def answer(connection, _):
        connection.send(SWITCH + b"first frame")
        connection.read_to_end()
        return False

    backend.answer = answer
    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        assert client.read_exactly(11) == b"first frame"


def test_ends_the_tunnel_when_the_backend_ends_it(door, backend):
    def answer(connection, _):
        connection.send(SWITCH)
        connection.send(b"last words")
        return False

    backend.answer = answer
    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        assert client.read_to_end() == b"last words"
    door.until_counted("in_flight", 0)


def test_holds_early_bytes_back_until_the_101(door, backend):
    seen_before_switch = []
    got = []

    def answer(connection, _):
        seen_before_switch.append(not connection.is_silent(seconds(0.3)))
        connection.send(SWITCH)
        got.append(connection.read_exactly(11))
        return False

    backend.answer = answer
    with door.client() as client:
        client.send(UPGRADE + b"early bytes")
        assert client.read_response().status == 101
        client.read_to_end()

    assert seen_before_switch == [False]
    assert got == [b"early bytes"]


def test_gives_the_backend_no_early_bytes_when_it_refuses_the_upgrade(door, backend):
    leaked = []

    def answer(connection, request):
        connection.send(ok(b"no tunnel"))
        if not connection.is_silent(seconds(0.3)):
            leaked.append(connection.read_some())
        return False

    backend.answer = answer
    with door.client() as client:
        client.send(UPGRADE + b"\x81\x85smuggled bytes\r\n\r\n")
        refused = client.read_response()
        try:
            assert client.read_response().status == 400
        except (StreamClosed, ConnectionResetError):
            pass

    assert (refused.status, refused.body) == (200, b"no tunnel")
    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    assert [data for data in leaked if data] == []


def test_goes_on_with_http_when_the_upgrade_is_refused(door, backend):
    backend.answer = ok(b"no tunnel", status="426 Upgrade Required")

    with door.client() as client:
        first = client.exchange(UPGRADE)
        backend.answer = ok(b"plain")
        second = client.get()

    assert (first.status, second.body) == (426, b"plain")


def test_takes_a_101_that_nobody_asked_for_as_a_broken_backend(door, backend):
    backend.answer = lambda connection, _: connection.send(SWITCH + b"\x81\x01x") or False

    with door.expect_reason():
        assert door.get().status == 502


def test_opens_no_tunnel_for_an_http10_client(door, backend):
    with door.client() as client:
        answer = client.exchange(UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert answer.status == 200
    assert backend.requests[-1].get("Upgrade") is None


def test_passes_an_upgrade_on_only_when_connection_names_it(door, backend):
    door.get(extra="Upgrade: websocket\r\n")

    assert backend.requests[-1].get("Upgrade") is None


def test_carries_much_through_a_tunnel_under_back_pressure(door, backend):
    size = 20_000_000
    counts = []

    def answer(connection, _):
        connection.send(SWITCH)
        reader = threading.Thread(target=lambda: counts.append(len(connection.read_exactly(size))))
        reader.start()
        connection.send(b"b" * size)
        reader.join()
        return False

    backend.answer = answer
    with door.client() as client:
        assert client.exchange(UPGRADE).status == 101
        writer = threading.Thread(target=client.send, args=(b"c" * size,))
        writer.start()
        received = client.read_to_end()
        writer.join()

    assert counts == [size]
    assert len(received) == size
