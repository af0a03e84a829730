"""Backends that break: at every byte, at the moment of reuse, with garbage, with too much.

Whatever a backend does, the client gets a right answer, a 502 or 504, or a connection that visibly
ends too early; never a cut answer that looks complete, never the answer to another request.
"""

import time

import pytest

from front_door import seconds
from raw_stream import StreamClosed
from scripted import ok, post

GET = b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n"
BODY = b"hello world"
ANSWERS = {
    "length": ok(BODY, "X-A: 1"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-A: 1\r\n\r\n"),
}


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend)


@pytest.fixture(name="unretried", scope="module")
def _unretried(shared_stage, backend):
    return shared_stage.front_door(backend, retry={"budget": 0.0, "floor": 0})


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


def cut(answer, place, how):
    """A handler that sends part of an answer and breaks off."""

    def handler(connection, request):
        connection.backend.read_rest(connection, request)
        connection.send(answer[:place])
        if how == "reset":
            if place:
                time.sleep(0.002)  # a reset discards what its receiver has not read
            connection.reset()
        return False

    return handler


def complete_answer(client):
    """The answer if it came in full, else None."""
    try:
        return client.read_response()
    except (StreamClosed, ConnectionResetError):
        return None


# At every byte

@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ANSWERS)
def test_never_passes_a_cut_answer_off_as_complete(unretried, backend, framing, how):
    answer = ANSWERS[framing]
    head_end = answer.index(b"\r\n\r\n") + 4
    wrong = []

    for place in range(len(answer)):
        backend.answer = cut(answer, place, how)
        with unretried.client() as client:
            client.send(GET)
            got = complete_answer(client)
        if got is None:
            if place < head_end:
                wrong.append((place, "no 502"))
        elif got.status != 502:
            wrong.append((place, got.start_line, got.body))

    assert not wrong
    backend.answer = ok()
    assert unretried.get().status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
def test_resets_an_http10_client_that_could_not_see_the_cut(unretried, backend, how):
    answer = ANSWERS["chunks"]
    place = answer.index(b"hello") + 5
    backend.answer = cut(answer, place, how)

    with unretried.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.read_response()


def test_shows_a_reset_of_an_answer_until_close(unretried, backend):
    backend.answer = cut(b"HTTP/1.1 200 OK\r\n\r\nhello", 24, "reset")

    with unretried.client() as client:
        client.send(GET)

        assert complete_answer(client) is None


@pytest.mark.parametrize("framing", ANSWERS)
def test_puts_an_answer_together_that_comes_byte_by_byte(door, backend, framing):
    def drip(connection, _):
        for byte in ANSWERS[framing]:
            connection.send(bytes([byte]))
            time.sleep(0.0005)

    backend.answer = drip
    with door.client() as client:
        first, second = client.get(), client.get()

    assert first.body == second.body == BODY


@pytest.mark.parametrize("framing", ANSWERS)
def test_understands_an_answer_in_two_parts_wherever_it_is_split(door, backend, framing):
    answer = ANSWERS[framing]
    places = iter(range(1, len(answer)))

    def split(connection, _):
        place = next(places)
        connection.send(answer[:place])
        time.sleep(0.001)
        connection.send(answer[place:])

    backend.answer = split
    with door.client() as client:
        bodies = [client.get().body for _ in range(1, len(answer))]

    assert bodies == [BODY] * (len(answer) - 1)


# Reuse of a connection

def break_at_reuse(how):
    """Serves the first request of a connection and breaks off when the second is there."""
    served = set()

    def handler(connection, request):
        if connection.number in served:
            if how == "reset":
                connection.reset()
            return False
        connection.backend.read_rest(connection, request)
        served.add(connection.number)
        return ok()

    return handler


@pytest.mark.parametrize("how", ["close", "reset"])
def test_sends_a_get_again_when_the_reused_connection_breaks(door, backend, how):
    with door.client() as client:
        backend.answer = break_at_reuse(how)
        client.get("/first")
        seen = len(backend.requests)
        answers = [client.get(f"/{number}").status for number in range(10)]

    assert answers == [200] * 10
    assert set(backend.targets[seen:]) == {f"/{number}" for number in range(10)}


@pytest.mark.parametrize("how", ["close", "reset"])
def test_never_sends_a_post_twice_when_the_reused_connection_breaks(door, backend, how):
    backend.answer = break_at_reuse(how)
    seen = len(backend.targets)

    with door.client() as client:
        for number in range(10):
            client.get()
            status = client.exchange(post(b"hello", f"/post{number}")).status
            assert status in {200, 502}

    sent = [target for target in backend.targets[seen:] if target.startswith("/post")]
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == 10


def test_notices_before_reuse_that_the_backend_has_closed(door, backend):
    backend.answer = lambda connection, _: connection.send(ok()) or False  # without saying so

    with door.client() as client:
        for number in range(20):
            assert client.get().status == 200
            backend.wait_for(lambda b: b.serving == 0, seconds(10))
            time.sleep(0.005)
            assert client.exchange(post(b"hello", f"/closed{number}")).status == 200
            time.sleep(0.005)

    sent = [target for target in backend.targets if target.startswith("/closed")]
    assert len(sent) == 20


def test_loses_or_doubles_no_post_when_the_backend_closes_at_any_moment(door, backend):
    """The backend closes 0 to 2 ms after its answer, so that some posts meet the end on the way."""
    pause = [0.0]

    def answer(connection, request):
        connection.backend.read_rest(connection, request)
        connection.send(ok())
        time.sleep(pause[0])
        return False

    backend.answer = answer
    statuses = []
    with door.client() as client:
        for number in range(100):
            pause[0] = number % 20 / 10000
            statuses.append(client.exchange(post(b"hello", f"/race{number}")).status)

    sent = [target for target in backend.targets if target.startswith("/race")]
    assert len(sent) == len(set(sent))
    assert set(statuses) <= {200, 502}
    # A 502 only where the post may have reached the backend.
    assert statuses.count(200) >= 50


def test_closes_an_idle_connection_before_the_backend_would(stage):
    backend = stage.backend()
    door = stage.front_door(backend, keepalive={"idle": "300ms"})

    with door.client() as client:
        client.get()
        backend.wait_for(lambda b: b.open_connections == 0, seconds(10))
        assert client.get().status == 200


def test_takes_no_connection_again_that_spoke_unasked(door, backend):
    def answer(connection, _):
        connection.send(ok(b"asked"))
        time.sleep(0.02)
        connection.send(ok(b"unasked"))
        return True

    backend.answer = answer
    with door.client() as client:
        bodies = []
        for _ in range(5):
            bodies.append(client.get().body)
            time.sleep(0.05)

    assert bodies == [b"asked"] * 5


# Garbage, and too much

BROKEN_HEADS = {
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "text": b"hello, this is no HTTP\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "status 99": b"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 High\r\nContent-Length: 2\r\n\r\nok",
    "status 20": b"HTTP/1.1 20 Short\r\nContent-Length: 2\r\n\r\nok",
    "status 2000": b"HTTP/1.1 2000 Long\r\nContent-Length: 2\r\n\r\nok",
    "status abc": b"HTTP/1.1 abc Word\r\nContent-Length: 2\r\n\r\nok",
    "bare LFs": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a folded value": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
    "an empty name": b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a bare CR": b"HTTP/1.1 200 OK\r\nX-A: 1\r2\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: 1\0\r\nContent-Length: 2\r\n\r\nok",
    "length and chunks": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "a length of 2^64": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nok",
    "gzip as Transfer-Encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks on 204": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "endless fields": b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 50_000 + b"\r\n",
}


@pytest.mark.parametrize("name", BROKEN_HEADS)
def test_answers_502_to_an_answer_it_cannot_trust(unretried, backend, name):
    def answer(connection, request):
        connection.backend.read_rest(connection, request)
        connection.send(BROKEN_HEADS[name])
        return None  # the proxy must close

    backend.answer = answer
    with unretried.expect_reason(), unretried.client() as client:
        assert client.get().status == 502
        backend.answer = ok(b"next")
        assert client.get().body == b"next"


@pytest.mark.parametrize("chunks", [
    b"five\r\nhello\r\n0\r\n\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\nhello", b"-5\r\nhello\r\n0\r\n\r\n"])
def test_breaks_off_where_chunks_of_the_backend_go_wrong(unretried, backend, chunks):
    backend.answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"4\r\ngood\r\n" + chunks)

    with unretried.client() as client:
        client.send(GET)
        got = complete_answer(client)

    assert got is None or got.status == 502


@pytest.mark.parametrize("method,answer", [
    ("GET", ok(b"ok") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    ("HEAD", ok(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")),
], ids=["after a body", "after 204", "after 304", "a body for HEAD"])
def test_drops_a_connection_that_says_more_than_its_answer(door, backend, method, answer):
    def handler(connection, request):
        connection.backend.read_rest(connection, request)
        connection.send(answer)
        return None

    with door.client() as client:
        backend.answer = handler
        first = client.exchange(GET.replace(b"GET", method.encode()), to_method=method)
        number = backend.request_connections[-1]
        backend.answer = ok(b"next")
        second = client.get()

    assert first.status in {200, 204, 304}
    assert second.body == b"next"
    assert backend.request_connections[-1] != number


def test_keeps_its_memory_when_a_backend_sends_a_head_without_end(unretried, backend):
    def endless(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.send(b"X-Field: " + b"x" * 60000 + b"\r\n")

    backend.answer = endless
    before = unretried.resident_bytes()

    assert unretried.get().status == 502
    assert unretried.resident_bytes() - before < 8 << 20


# Retries

def test_tries_the_other_backend_when_one_takes_no_connection(stage):
    gone, good = stage.backend(), stage.backend()
    door = stage.front_door(gone, good, health={"interval": "60s"})
    gone.stop_listening()

    assert [door.get().status for _ in range(20)] == [200] * 20
    with door.client() as client:
        assert [client.exchange(post(b"hello")).status for _ in range(20)] == [200] * 20
    assert len(good.complete) == 40


def test_tries_a_get_elsewhere_and_a_post_never_again(stage):
    broken, good = stage.backend(lambda *_: False), stage.backend()
    door = stage.front_door(broken, good)

    statuses = {door.get("/get").status for _ in range(8)}
    posts = []
    for number in range(4):
        with door.client() as client:
            posts.append(client.exchange(post(b"hello", f"/post{number}")).status)

    assert statuses == {200}
    assert set(posts) <= {200, 502}
    sent = [target for target in broken.targets + good.targets if target.startswith("/post")]
    assert sorted(sent) == [f"/post{number}" for number in range(4)]


def test_tries_nothing_again_without_a_budget(unretried, backend):
    backend.answer = lambda *_: False
    seen = len(backend.requests)

    statuses = [unretried.get().status for _ in range(5)]

    assert statuses == [502] * 5
    assert len(backend.requests) == seen + 5


def test_does_not_multiply_the_load_on_a_broken_backend(door, backend):
    backend.answer = lambda *_: False
    seen = len(backend.requests)

    statuses = [door.get().status for _ in range(10)]

    assert statuses == [502] * 10
    assert len(backend.requests) - seen <= 40
