"""Requests that must not be understood: each item of the llhttp must-do list as raw bytes.

The answer has the status that RFC 9110 and 9112 name, the connection is closed, and nothing of it,
nor anything behind it, reaches the backend.
"""

import pytest

from raw_stream import StreamClosed

HOST = b"Host: test.example\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test.example\r\n\r\n"


def get(*lines, host=HOST, start=b"GET / HTTP/1.1\r\n"):
    """A request whose field lines are given with their line ends."""
    return start + host + b"".join(lines) + b"\r\n"


def post_with(*lines, version=b"1.1", body=b"hello"):
    """A POST with these field lines and a body."""
    return b"POST / HTTP/" + version + b"\r\n" + HOST + b"".join(lines) + b"\r\n" + body


def chunked(body):
    """A POST with a chunked body given as it goes on the wire."""
    return post_with(b"Transfer-Encoding: chunked\r\n", body=body)


# Name of the case: (bytes, statuses that are right).
HEADS = {
    # 1. Line folding
    "a folded value": (get(b"X-A: 1\r\n 2\r\n"), {400}),
    "a value folded with a tab": (get(b"X-A: 1\r\n\t2\r\n"), {400}),
    "a value folded to nothing": (get(b"X-A: 1\r\n \r\n"), {400}),
    "a space before the first field name": (get(host=b" " + HOST), {400}),
    "a Content-Length hidden by a leading space": (
        post_with(b" Content-Length: 5\r\n"), {400}),
    "a Content-Length hidden by a fold of an empty value": (
        post_with(b"X-A:\r\n Content-Length: 5\r\n"), {400}),
    # 2. Bare LF and CR
    "a bare LF after the request line": (get(start=b"GET / HTTP/1.1\n"), {400}),
    "a bare LF after a field": (get(b"X-A: 1\n"), {400}),
    "a bare LF as the end of the head": (b"GET / HTTP/1.1\r\n" + HOST + b"\n", {400}),
    "bare LFs everywhere": (b"GET / HTTP/1.1\nHost: test.example\n\n", {400}),
    "a bare CR in a value": (get(b"X-A: 1\r2\r\n"), {400}),
    "a bare CR that ends an empty value": (get(b"X-A:\rX-B: 1\r\n"), {400}),
    "a bare CR that hides a Transfer-Encoding": (
        post_with(b"X-A:\rTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n"), {400}),
    "another byte where the last LF belongs": (
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\rX", {400}),
    "a bare CR in the request line": (get(start=b"GET /\r HTTP/1.1\r\n"), {400}),
    "two CRs before the LF": (get(b"X-A: 1\r\r\n"), {400}),
    # 3. Versions, methods, request line, names
    "no version (HTTP/0.9)": (b"GET /\r\n\r\n", {400, 505}),
    "version 0.9": (get(start=b"GET / HTTP/0.9\r\n"), {400, 505}),
    "version 1.2": (get(start=b"GET / HTTP/1.2\r\n"), {400, 505}),
    "version 2.0": (get(start=b"GET / HTTP/2.0\r\n"), {505}),
    "version 3.0": (get(start=b"GET / HTTP/3.0\r\n"), {400, 505}),
    "version 1.10": (get(start=b"GET / HTTP/1.10\r\n"), {400, 505}),
    "version 1": (get(start=b"GET / HTTP/1\r\n"), {400, 505}),
    "a version in lower case": (get(start=b"GET / http/1.1\r\n"), {400}),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 501, 505}),
    "RTSP": (get(start=b"DESCRIBE / RTSP/1.0\r\n"), {400, 501, 505}),
    "an RTSP method over HTTP": (get(start=b"ANNOUNCE / HTTP/1.1\r\n"), {400, 501}),
    "ICE": (get(start=b"SOURCE / ICE/1.0\r\n"), {400, 501, 505}),
    "PRI as a method of HTTP/1.1": (get(start=b"PRI / HTTP/1.1\r\n"), {400, 501}),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "two spaces before the target": (get(start=b"GET  / HTTP/1.1\r\n"), {400}),
    "two spaces after the target": (get(start=b"GET /  HTTP/1.1\r\n"), {400}),
    "a tab in the request line": (get(start=b"GET\t/ HTTP/1.1\r\n"), {400}),
    "a space at the end of the request line": (get(start=b"GET / HTTP/1.1 \r\n"), {400}),
    "a space before the method": (get(start=b" GET / HTTP/1.1\r\n"), {400}),
    "a second target": (get(start=b"GET / /b HTTP/1.1\r\n"), {400}),
    "a method with a bracket": (get(start=b"GE(T / HTTP/1.1\r\n"), {400, 501}),
    "a method in lower case": (get(start=b"get / HTTP/1.1\r\n"), {400, 501}),
    "an empty field name": (get(b": value\r\n"), {400}),
    "a line without a colon": (get(b"X-A\r\n"), {400}),
    "a space before the colon": (get(b"X-A : 1\r\n"), {400}),
    "a tab before the colon": (get(b"X-A\t: 1\r\n"), {400}),
    "a space in a field name": (get(b"X A: 1\r\n"), {400}),
    "a bracket in a field name": (get(b"X(A: 1\r\n"), {400}),
    "a byte above 127 in a field name": (get(b"X\xe4: 1\r\n"), {400}),
    "NUL in a field name": (get(b"X\0A: 1\r\n"), {400}),
    "NUL in a value": (get(b"X-A: 1\x002\r\n"), {400}),
    "a control character in a value": (get(b"X-A: 1\x012\r\n"), {400}),
    "DEL in a value": (get(b"X-A: 1\x7f2\r\n"), {400}),
    "NUL in the target": (get(start=b"GET /\0 HTTP/1.1\r\n"), {400}),
    "a control character in the target": (get(start=b"GET /\x01 HTTP/1.1\r\n"), {400}),
    "DEL in the target": (get(start=b"GET /\x7f HTTP/1.1\r\n"), {400}),
    "a target without a slash": (get(start=b"GET here HTTP/1.1\r\n"), {400}),
    "an asterisk for GET": (get(start=b"GET * HTTP/1.1\r\n"), {400}),
    # 4. Content-Length and Transfer-Encoding
    "Content-Length and Transfer-Encoding": (
        post_with(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
                  body=b"0\r\n\r\n"), {400}),
    "Transfer-Encoding and Content-Length": (
        post_with(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n",
                  body=b"0\r\n\r\n"), {400}),
    "two different Content-Lengths": (
        post_with(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n"), {400}),
    "the same Content-Length twice": (
        post_with(b"Content-Length: 5\r\n", b"Content-Length: 5\r\n"), {400}),
    "a list of Content-Lengths": (post_with(b"Content-Length: 5, 5\r\n"), {400}),
    "a Content-Length with a sign": (post_with(b"Content-Length: +5\r\n"), {400}),
    "a negative Content-Length": (post_with(b"Content-Length: -5\r\n"), {400}),
    "a hexadecimal Content-Length": (post_with(b"Content-Length: 0x5\r\n"), {400}),
    "a Content-Length with an exponent": (post_with(b"Content-Length: 5e0\r\n"), {400}),
    "a Content-Length in two words": (post_with(b"Content-Length: 5 5\r\n"), {400}),
    "an empty Content-Length": (post_with(b"Content-Length:\r\n"), {400}),
    "a Content-Length of 2^64": (
        post_with(b"Content-Length: 18446744073709551616\r\n"), {400, 413}),
    "a Content-Length of 2^64-1": (
        post_with(b"Content-Length: 18446744073709551615\r\n"), {400, 413}),
    "a Content-Length of 2^63": (
        post_with(b"Content-Length: 9223372036854775808\r\n"), {400, 413}),
    "gzip as Transfer-Encoding": (post_with(b"Transfer-Encoding: gzip\r\n"), {400, 501}),
    "identity as Transfer-Encoding": (post_with(b"Transfer-Encoding: identity\r\n"), {400, 501}),
    "gzip, then chunked": (
        post_with(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"), {400, 501}),
    "chunked, then gzip": (post_with(b"Transfer-Encoding: chunked, gzip\r\n"), {400, 501}),
    "chunked twice in one field": (
        post_with(b"Transfer-Encoding: chunked, chunked\r\n", body=b"0\r\n\r\n"), {400, 501}),
    "chunked in two fields": (
        post_with(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n",
                  body=b"0\r\n\r\n"), {400, 501}),
    "a Transfer-Encoding that ends in chunked": (
        post_with(b"Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"), {400, 501}),
    "chunked with a parameter": (
        post_with(b"Transfer-Encoding: chunked;q=1\r\n", body=b"0\r\n\r\n"), {400, 501}),
    "chunked in quotes": (
        post_with(b'Transfer-Encoding: "chunked"\r\n', body=b"0\r\n\r\n"), {400, 501}),
    "chunked after a vertical tab": (
        post_with(b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"), {400, 501}),
    "an empty Transfer-Encoding": (post_with(b"Transfer-Encoding:\r\n"), {400, 501}),
    "a space before the colon of Transfer-Encoding": (
        post_with(b"Transfer-Encoding : chunked\r\n", body=b"0\r\n\r\n"), {400}),
    "Transfer-Encoding in HTTP/1.0": (
        post_with(b"Transfer-Encoding: chunked\r\n", version=b"1.0", body=b"0\r\n\r\n"), {400}),
    # 7. Host
    "no Host": (get(host=b""), {400}),
    "two Hosts": (get(HOST), {400}),
    "two different Hosts": (get(b"Host: other.example\r\n"), {400}),
    "a Host with a space": (get(host=b"Host: a b\r\n"), {400}),
    "a Host with a path": (get(host=b"Host: a/b\r\n"), {400}),
    "a Host with a user": (get(host=b"Host: user@a\r\n"), {400}),
    "a list of Hosts": (get(host=b"Host: a, b\r\n"), {400}),
    "a Host whose port is a word": (get(host=b"Host: a:http\r\n"), {400}),
    "a Host with an open bracket": (get(host=b"Host: [::1\r\n"), {400}),
    "a Host that differs from the absolute target": (
        get(start=b"GET http://other.example/ HTTP/1.1\r\n"), {400}),
    "an absolute target with a user": (
        get(start=b"GET http://user@test.example/ HTTP/1.1\r\n"), {400}),
    "an absolute target without an authority": (get(start=b"GET http:/// HTTP/1.1\r\n"), {400}),
}

BODIES = {
    # 6. Chunks
    "a chunk size of 17 digits": b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    "a chunk size that overflows": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a chunk size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an empty chunk size": b"\r\nhello\r\n0\r\n\r\n",
    "a chunk size that is a word": b"five\r\nhello\r\n0\r\n\r\n",
    "a space before the chunk size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a bare LF after the chunk size": b"5\nhello\r\n0\r\n\r\n",
    "a bare CR after the chunk size": b"5\rXhello\r\n0\r\n\r\n",
    "a bare LF in a chunk extension": b"5;a=\nb\r\nhello\r\n0\r\n\r\n",
    "chunk data longer than its size": b"5\r\nhello!\r\n0\r\n\r\n",
    "a bare LF after the chunk data": b"5\r\nhello\n0\r\n\r\n",
    "a bare CR after the chunk data": b"5\r\nhello\rX0\r\n\r\n",
    "a bare LF after the last chunk": b"0\n\n",
    "an endless chunk extension": b"5;" + b"x" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
    "a trailer without a colon": b"0\r\nX-A\r\n\r\n",
    "a trailer with an empty name": b"0\r\n: 1\r\n\r\n",
    "a trailer with a space before the colon": b"0\r\nX-A : 1\r\n\r\n",
    "a folded trailer": b"0\r\nX-A: 1\r\n 2\r\n\r\n",
    "a bare LF after a trailer": b"0\r\nX-A: 1\n\r\n",
    "NUL in a trailer": b"0\r\nX-A: \0\r\n\r\n",
    "endless trailers": b"0\r\n" + b"X-A: 1\r\n" * 9000 + b"\r\n",
}


@pytest.fixture(scope="module", name="backend")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(scope="module", name="door")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend)


def closed_after(client):
    """True when nothing more comes but the end."""
    try:
        return client.at_end()
    except OSError:
        return True


def assert_still_serves(door, backend, seen):
    """A good request is answered, and it is the only one that the backend has seen since."""
    assert door.get("/after").status == 200
    assert [request.target for request in backend.requests[seen:]] == ["/after"]


@pytest.mark.parametrize("name", HEADS)
def test_refuses_and_forwards_nothing(door, backend, name):
    data, statuses = HEADS[name]
    seen = len(backend.requests)

    with door.client() as client:
        client.send(data + SMUGGLED)
        answer = client.read_response()
        closed = closed_after(client)

    assert answer.status in statuses
    assert closed
    assert answer.get("Connection") == "close"
    assert answer.get("X-Request-Id")
    assert_still_serves(door, backend, seen)


@pytest.mark.parametrize("name", [
    "a folded value", "a bare CR that ends an empty value", "an empty field name",
    "Content-Length and Transfer-Encoding", "two different Hosts", "a bare LF after a field"])
def test_refuses_it_as_well_when_it_comes_byte_by_byte(door, backend, name):
    data, statuses = HEADS[name]
    seen = len(backend.requests)

    with door.client() as client:
        try:
            for place in range(len(data)):
                client.send(data[place:place + 1])
        except OSError:
            pass  # refused before the last byte
        answer = client.read_response()

    assert answer.status in statuses
    assert_still_serves(door, backend, seen)


@pytest.mark.parametrize("name", BODIES)
def test_breaks_off_a_chunked_body_it_cannot_frame(door, backend, name):
    whole = len(backend.complete)

    with door.client() as client:
        client.send(chunked(BODIES[name]) + SMUGGLED)
        try:
            answer = client.read_response()
            assert answer.status in {400, 413, 431}
            assert answer.get("Connection") == "close"
        except (StreamClosed, ConnectionResetError):
            pytest.fail("no answer before the connection was closed")
        assert closed_after(client)

    assert door.get("/after").status == 200
    assert [request.target for request in backend.complete[whole:]] == ["/after"]
    assert "/smuggled" not in backend.targets


def test_answers_the_good_request_before_the_bad_one_behind_it(door, backend):
    seen = len(backend.requests)

    with door.client() as client:
        client.send(get(start=b"GET /good HTTP/1.1\r\n") + get(b": empty name\r\n") + SMUGGLED)
        first, second = client.read_response(), client.read_response()
        closed = closed_after(client)

    assert (first.status, second.status, closed) == (200, 400, True)
    assert [request.target for request in backend.requests[seen:]] == ["/good"]


def test_ignores_what_follows_a_request_that_closes(door, backend):
    seen = len(backend.requests)

    with door.client() as client:
        client.send(get(b"Connection: close\r\n") + SMUGGLED)
        answer = client.read_response()
        closed = closed_after(client)

    assert (answer.status, closed) == (200, True)
    assert_still_serves(door, backend, seen + 1)


def test_skips_an_empty_line_before_a_request(door, backend):
    seen = len(backend.requests)

    with door.client() as client:
        answer = client.exchange(b"\r\n" + get())

    assert answer.status == 200
    assert len(backend.requests) == seen + 1


@pytest.mark.parametrize("accept,kind", [
    ("application/json", "application/json"), ("text/html", "text/html")])
def test_answers_in_the_form_the_client_accepts(door, accept, kind):
    answer = door.get(extra=f"Accept: {accept}\r\nTransfer-Encoding: gzip\r\n")

    assert answer.status in {400, 501}
    assert answer.get("Content-Type").startswith(kind)
    assert answer.body


def test_counts_each_refusal_with_a_reason(door):
    with door.expect_reason():
        door.get(extra=": empty name\r\n")
