"""HTTP/1.1 as clients and backends speak it: connections, framing, order, early and late ends."""

import threading
import time

import pytest

from front_door import seconds
from scripted import Gate, ok, post
from raw_stream import StreamClosed

GET = b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n"


def get(target):
    """A plain GET."""
    return f"GET {target} HTTP/1.1\r\nHost: test.example\r\n\r\n".encode()


def get10(*lines):
    """A GET of HTTP/1.0."""
    return ("GET / HTTP/1.0\r\nHost: test.example\r\n"
            + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend)


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


# Connections and order

def test_keeps_the_connection_of_the_client_for_the_next_request(door, backend):
    seen = len(backend.requests)

    with door.client() as client:
        answers = [client.get(f"/{number}") for number in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert backend.targets[seen:] == [f"/{number}" for number in range(5)]


def test_uses_one_backend_connection_for_requests_one_after_the_other(door, backend):
    with door.client() as client:
        client.get()
        number = backend.request_connections[-1]
        client.get()
        client.get()

    assert backend.request_connections[-2:] == [number, number]


def test_closes_when_the_client_asks_for_it(door):
    with door.client() as client:
        answer = client.get(extra="Connection: close\r\n")

        assert answer.get("Connection") == "close"
        assert client.at_end()


def test_answers_pipelined_requests_in_order_one_in_flight(door, backend):
    gate = Gate(lambda _, request: ok(request.target.encode()))
    backend.answer = gate
    seen = len(backend.requests)

    with door.client() as client:
        client.send(get("/1") + get("/2") + get("/3"))
        backend.wait_requests(seen + 1)
        assert client.is_silent(seconds(0.2))
        assert backend.targets[seen:] == ["/1"]
        gate.open()
        bodies = [client.read_response().body for _ in range(3)]

    assert bodies == [b"/1", b"/2", b"/3"]
    assert backend.targets[seen:] == ["/1", "/2", "/3"]


def test_holds_back_a_client_that_pipelines_without_end(door, backend):
    gate = Gate()
    backend.answer = gate
    before = door.resident_bytes()

    with door.client() as client:
        client.sock.settimeout(seconds(0.5))
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += client.sock.send(GET * 2000)
        assert door.resident_bytes() - before < 8 << 20
    gate.open()


def test_serves_many_clients_at_once(door, backend):
    backend.answer = lambda _, request: ok(request.target.encode())
    wrong = []

    def ask(number):
        with door.client() as client:
            for turn in range(20):
                target = f"/{number}/{turn}"
                if client.get(target).body != target.encode():
                    wrong.append(target)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


# Answers without a body

@pytest.mark.parametrize("method,answer", [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n"),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
], ids=["head", "head chunked", "204", "304", "empty"])
def test_knows_answers_without_a_body(door, backend, method, answer):
    backend.answer = answer

    with door.client() as client:
        first = client.exchange(GET.replace(b"GET", method.encode()), to_method=method)
        backend.answer = ok(b"second")
        second = client.get()

    assert first.status == int(answer.split()[1])
    assert second.body == b"second"
    if first.status == 204:
        assert first.get("Content-Length") is None
        assert first.get("Transfer-Encoding") is None
    if b"Content-Length: 5" in answer:
        assert first.get("Content-Length") == "5"


# Framing

def test_passes_a_body_with_content_length_on(door, backend):
    backend.answer = lambda connection, request: ok(backend.read_rest(connection, request).body)
    body = bytes(range(256)) * 1000

    with door.client() as client:
        answer = client.exchange(post(body))

    assert answer.body == body
    assert answer.get("Content-Length") == str(len(body))
    assert backend.requests[-1].get("Content-Length") == str(len(body))


def test_passes_a_chunked_request_with_trailers_on(door, backend):
    with door.client() as client:
        answer = client.exchange(
            b"POST / HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"5;ext=1\r\nhello\r\n00001\r\n \r\n5\r\nworld\r\n0\r\n"
            b"X-Check: 42\r\nContent-Length: 7\r\nHost: evil.example\r\n\r\n")

    request = backend.complete[-1]
    assert answer.status == 200
    assert request.body == b"hello world"
    assert request.get("Transfer-Encoding") == "chunked"
    assert request.get("Content-Length") is None
    assert b"ext" not in request.framing
    assert request.trailers == [("X-Check", "42")]


def test_passes_a_chunked_answer_with_trailers_on(door, backend):
    backend.answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n"
                      b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Check: 42\r\n\r\n")

    with door.client() as client:
        answer = client.get(extra="TE: trailers\r\nConnection: TE\r\n")
        assert client.get().status == 200  # the connection lives on

    assert answer.body == b"hello world"
    assert answer.trailers == [("X-Check", "42")]
    assert b"ext" not in answer.framing


def test_passes_each_chunk_on_when_it_comes(door, backend):
    step = threading.Semaphore(0)

    def answer(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            step.acquire()
            connection.send(part)

    backend.answer = answer
    with door.client() as client:
        client.send(GET)
        assert client.read_head().status == 200
        for expected in (b"one", b"two", b""):
            step.release()
            assert client.read_chunk()[0] == expected


def test_turns_an_answer_until_close_into_chunks(door, backend):
    def answer(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        connection.send(b" world")
        return False

    backend.answer = answer
    with door.client() as client:
        first = client.get()
        backend.answer = ok()
        second = client.get()

    assert first.get("Transfer-Encoding") == "chunked"
    assert (first.body, second.status) == (b"hello world", 200)


def test_ends_an_answer_until_close_by_closing_for_an_http10_client(door, backend):
    def answer(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello world")
        return False

    backend.answer = answer
    with door.client() as client:
        got = client.exchange(get10("Connection: keep-alive"))
        assert client.at_end()

    assert got.body == b"hello world"
    assert got.get("Transfer-Encoding") is None


def test_never_sends_chunks_to_an_http10_client(door, backend):
    backend.answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Check: 42\r\n\r\n")

    with door.client() as client:
        got = client.exchange(get10("Connection: keep-alive"))
        assert client.at_end()

    assert (got.body, got.get("Transfer-Encoding")) == (b"hello world", None)


def test_speaks_http11_to_the_backend_for_an_http10_client(door, backend):
    with door.client() as client:
        client.exchange(get10())

    assert backend.requests[-1].start_line == "GET / HTTP/1.1"


def test_closes_after_a_request_of_http10(door):
    with door.client() as client:
        assert client.exchange(get10()).status == 200
        assert client.at_end()


def test_keeps_the_connection_of_an_http10_client_that_asks_for_it(door):
    with door.client() as client:
        first = client.exchange(get10("Connection: keep-alive"))
        second = client.exchange(get10())

    assert first.get("Connection", "").lower() == "keep-alive"
    assert second.status == 200


def test_needs_no_host_of_an_http10_client(door):
    with door.client() as client:
        assert client.exchange(b"GET / HTTP/1.0\r\n\r\n").status == 200


def test_understands_a_backend_of_http10(door, backend):
    def answer(connection, _):
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return False

    backend.answer = answer
    with door.client() as client:
        answers = [client.get(), client.get()]

    assert [(got.status, got.body) for got in answers] == [(200, b"ok")] * 2
    assert answers[0].start_line == "HTTP/1.1 200 OK"


# Ends that come early

def test_answers_a_client_that_has_closed_its_half(door, backend):
    gate = Gate(ok(b"late"))
    backend.answer = gate
    seen = len(backend.requests)

    with door.client() as client:
        client.send(GET)
        client.half_close()
        backend.wait_requests(seen + 1)
        assert client.is_silent(seconds(0.2))
        gate.open()
        answer = client.read_response()
        assert client.at_end()

    assert answer.body == b"late"


def test_answers_all_pipelined_requests_of_a_half_closed_client(door):
    with door.client() as client:
        client.send(GET * 3)
        client.half_close()
        answers = [client.read_response().status for _ in range(3)]
        assert client.at_end()

    assert answers == [200] * 3


def test_does_not_pass_on_half_a_body_as_a_whole_one(door, backend):
    whole, seen = len(backend.complete), len(backend.requests)

    with door.client() as client:
        client.send(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        backend.wait_requests(seen + 1)
        client.half_close()
        try:
            assert client.read_response().status == 400
        except (StreamClosed, ConnectionResetError):
            pass  # nothing need be said to a client that broke off

    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    assert len(backend.complete) == whole


def test_passes_an_answer_on_that_comes_before_the_body_has_ended(door, backend):
    def answer(connection, _):
        connection.send(ok(b"enough", status="403 Forbidden").replace(
            b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        return False

    backend.answer = answer
    with door.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        got = client.read_response()

    assert (got.status, got.body) == (403, b"enough")


def test_lets_body_and_answer_run_at_the_same_time(door, backend):
    def echo(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            payload, wire = connection.read_chunk()
            connection.send(wire)
            if not payload:
                connection.read_until(b"\r\n")
                connection.send(b"\r\n")
                return True

    backend.answer = echo
    with door.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.read_head().status == 200
        for word in (b"one", b"two", b"three"):
            client.send(b"%x\r\n%s\r\n" % (len(word), word))
            assert client.read_chunk()[0] == word
        client.send(b"0\r\n\r\n")
        assert client.read_chunk()[0] == b""
        assert client.read_until(b"\r\n") == b"\r\n"
        backend.answer = ok(b"next")
        assert client.get().body == b"next"


def test_lets_the_backend_go_when_the_client_leaves(door, backend):
    gate = Gate()
    backend.answer = gate
    seen = len(backend.requests)

    with door.client() as client:
        client.send(GET)
        backend.wait_requests(seen + 1)
        client.reset()

    backend.wait_for(lambda b: b.serving == 0, seconds(10))
    door.until_counted("in_flight", 0)


def test_serves_nothing_more_of_what_a_client_that_is_gone_had_pipelined(door, backend):
    gate = Gate()
    backend.answer = gate
    seen = len(backend.requests)

    with door.client() as client:
        client.send(GET * 1000)
        backend.wait_requests(seen + 1)
    gate.open()

    door.until(lambda: door.metric("flaskscale_connections") == 0, "the client to be forgotten")
    assert len(backend.requests) - seen < 10


# Large bodies

@pytest.mark.parametrize("size", [16383, 65536, 262145, 5_000_003])
def test_carries_bodies_of_every_size_both_ways(door, backend, size):
    backend.answer = lambda connection, request: ok(backend.read_rest(connection, request).body)
    body = bytes(number % 251 for number in range(1009)) * (size // 1009) + b"z" * (size % 1009)

    with door.client() as client:
        sender = threading.Thread(target=client.send, args=(post(body),))
        sender.start()
        answer = client.read_response()
        sender.join()

    assert answer.body == body


def test_carries_a_body_that_comes_in_small_pieces(door, backend):
    backend.answer = lambda connection, request: ok(backend.read_rest(connection, request).body)

    with door.client() as client:
        for byte in post(b"hello world"):
            client.send(bytes([byte]))
            time.sleep(0.0005)
        answer = client.read_response()

    assert answer.body == b"hello world"
