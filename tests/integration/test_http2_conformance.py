"""RFC 9113 by raw frames: what sections 3 to 6 and 8 ask of a server, each as one exchange of bytes.

A rule broken on the connection ends it with a GOAWAY of the named code; one broken on a stream ends
that stream with RST_STREAM, and the connection goes on. Where the RFC leaves a choice the set names
all that is right. Not covered, because nothing a client sends can show it: section 5.3.2 (no effect
on the client), padding and CONTINUATION in what we send (we send none of either), section 6.6 (we
never push), 6.5.3's SETTINGS_TIMEOUT (we do not end connections that never acknowledge), and 5.4.3
(a connection that ends without GOAWAY).
"""

import struct

import http2_frames as h2
import pytest

from http2_door import GET, connect, post
from scripted import ok


@pytest.fixture(scope="module", name="backend")
def _backend(shared_stage):
    return shared_stage.backend(ok(b"hello"))


@pytest.fixture(scope="module", name="door")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend, listener={"http2": True})


# --- Errors of the connection: (bytes behind preface and SETTINGS, codes that are right).
CONNECTION_ERRORS = {
    # 4.2
    "a HEADERS frame above the frame size": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, GET + b"\0" * 16385),
        {h2.FRAME_SIZE_ERROR}),
    "a SETTINGS frame above the frame size": (
        h2.settings(*[(0x55, 0)] * 2731), {h2.FRAME_SIZE_ERROR}),
    "a DATA frame above the frame size": (
        post(1) + h2.data(1, b"x" * 16385), {h2.FRAME_SIZE_ERROR}),
    # 4.3
    "a block that is no HPACK": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, b"\xff\xff\xff\xff\xff"),
        {h2.COMPRESSION_ERROR}),
    "an index that does not exist": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, b"\xbe"), {h2.COMPRESSION_ERROR}),
    "a block that ends in the middle of a field": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, GET + b"\0\x05ab"),
        {h2.COMPRESSION_ERROR}),
    "a table size above what we allow": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, b"\x3f\xe2\x1f" + GET),
        {h2.COMPRESSION_ERROR}),
    "a table size in the middle of a block": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, GET + b"\x20"),
        {h2.COMPRESSION_ERROR}),
    "a PING inside a header block": (
        h2.frame(h2.HEADERS, h2.END_STREAM, 1, GET) + h2.ping(), {h2.PROTOCOL_ERROR}),
    "an unknown frame inside a header block": (
        h2.frame(h2.HEADERS, h2.END_STREAM, 1, GET) + h2.frame(0x16, 0, 1), {h2.PROTOCOL_ERROR}),
    "HEADERS of another stream inside a header block": (
        h2.frame(h2.HEADERS, h2.END_STREAM, 1, GET) + h2.headers(3), {h2.PROTOCOL_ERROR}),
    # 5.1
    "DATA on an idle stream": (h2.data(1, b"x"), {h2.PROTOCOL_ERROR}),
    "RST_STREAM on an idle stream": (h2.rst_stream(1), {h2.PROTOCOL_ERROR}),
    "WINDOW_UPDATE on an idle stream": (h2.window_update(1, 1), {h2.PROTOCOL_ERROR}),
    "CONTINUATION on an idle stream": (
        h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, GET), {h2.PROTOCOL_ERROR}),
    # 5.1.1
    "a stream of an even number": (h2.headers(2), {h2.PROTOCOL_ERROR}),
    # 6.1
    "DATA on stream 0": (h2.data(0, b"x"), {h2.PROTOCOL_ERROR}),
    "DATA of more padding than payload": (
        post(1) + h2.frame(h2.DATA, h2.PADDED, 1, b"\x05abc"), {h2.PROTOCOL_ERROR}),
    "padded DATA without a length of padding": (
        post(1) + h2.frame(h2.DATA, h2.PADDED, 1), {h2.PROTOCOL_ERROR, h2.FRAME_SIZE_ERROR}),
    # 6.2
    "HEADERS on stream 0": (h2.headers(0), {h2.PROTOCOL_ERROR}),
    "HEADERS of more padding than payload": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM | h2.PADDED, 1, b"\x09abc"),
        {h2.PROTOCOL_ERROR}),
    "HEADERS too short for their priority": (
        h2.frame(h2.HEADERS, h2.END_HEADERS | h2.PRIORITIZED, 1, b"\0\0"),
        {h2.FRAME_SIZE_ERROR, h2.PROTOCOL_ERROR}),
    # 6.3
    "PRIORITY on stream 0": (h2.priority(0), {h2.PROTOCOL_ERROR}),
    "PRIORITY of 4 bytes": (
        h2.frame(h2.PRIORITY, 0, 1, b"abcd"), {h2.FRAME_SIZE_ERROR}),
    # 6.4
    "RST_STREAM on stream 0": (h2.rst_stream(0), {h2.PROTOCOL_ERROR}),
    "RST_STREAM of 3 bytes": (
        post(1) + h2.frame(h2.RST_STREAM, 0, 1, b"abc"), {h2.FRAME_SIZE_ERROR}),
    "RST_STREAM of 5 bytes": (
        post(1) + h2.frame(h2.RST_STREAM, 0, 1, b"abcde"), {h2.FRAME_SIZE_ERROR}),
    # 6.5
    "SETTINGS on a stream": (
        h2.frame(h2.SETTINGS, 0, 1, b""), {h2.PROTOCOL_ERROR}),
    "an acknowledgement with settings": (
        h2.frame(h2.SETTINGS, h2.ACK, 0, struct.pack(">HI", 3, 1)), {h2.FRAME_SIZE_ERROR}),
    "SETTINGS of 5 bytes": (h2.frame(h2.SETTINGS, 0, 0, b"abcde"), {h2.FRAME_SIZE_ERROR}),
    "ENABLE_PUSH of 2": (h2.settings((h2.ENABLE_PUSH, 2)), {h2.PROTOCOL_ERROR}),
    "an initial window of 2^31": (
        h2.settings((h2.INITIAL_WINDOW_SIZE, 1 << 31)), {h2.FLOW_CONTROL_ERROR}),
    "a frame size of 16383": (h2.settings((h2.MAX_FRAME_SIZE, 16383)), {h2.PROTOCOL_ERROR}),
    "a frame size of 2^24": (h2.settings((h2.MAX_FRAME_SIZE, 1 << 24)), {h2.PROTOCOL_ERROR}),
    # 6.6
    "a PUSH_PROMISE": (
        post(1) + h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, b"\0\0\0\2" + GET),
        {h2.PROTOCOL_ERROR}),
    # 6.7
    "PING on a stream": (h2.frame(h2.PING, 0, 1, b"12345678"), {h2.PROTOCOL_ERROR}),
    "PING of 7 bytes": (h2.frame(h2.PING, 0, 0, b"1234567"), {h2.FRAME_SIZE_ERROR}),
    "PING of 9 bytes": (h2.frame(h2.PING, 0, 0, b"123456789"), {h2.FRAME_SIZE_ERROR}),
    # 6.8
    "GOAWAY on a stream": (
        h2.frame(h2.GOAWAY, 0, 1, b"\0" * 8), {h2.PROTOCOL_ERROR}),
    "GOAWAY of 7 bytes": (h2.frame(h2.GOAWAY, 0, 0, b"\0" * 7), {h2.FRAME_SIZE_ERROR}),
    # 6.9
    "an increment of 0 for the connection": (h2.window_update(0, 0), {h2.PROTOCOL_ERROR}),
    "WINDOW_UPDATE of 3 bytes": (
        h2.frame(h2.WINDOW_UPDATE, 0, 0, b"abc"), {h2.FRAME_SIZE_ERROR}),
    "WINDOW_UPDATE of 5 bytes": (
        h2.frame(h2.WINDOW_UPDATE, 0, 0, b"abcde"), {h2.FRAME_SIZE_ERROR}),
    "a connection window above 2^31-1": (
        h2.window_update(0, 0x7FFFFFFF), {h2.FLOW_CONTROL_ERROR}),
    # 6.10
    "CONTINUATION on stream 0": (
        h2.frame(h2.HEADERS, h2.END_STREAM, 1, GET[:4])
        + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 0, GET[4:]), {h2.PROTOCOL_ERROR}),
    "CONTINUATION of another stream": (
        h2.frame(h2.HEADERS, h2.END_STREAM, 1, GET[:4])
        + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 3, GET[4:]), {h2.PROTOCOL_ERROR}),
    "CONTINUATION behind END_HEADERS": (
        post(1) + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, GET), {h2.PROTOCOL_ERROR}),
    "CONTINUATION behind DATA": (
        post(1) + h2.data(1, b"x") + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, GET),
        {h2.PROTOCOL_ERROR}),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_ends_the_connection(door, case):
    """The GOAWAY says why, nothing comes behind it, and the next connection is served."""
    octets, codes = CONNECTION_ERRORS[case]
    with connect(door) as client:
        client.send(octets)
        goaway = client.read_to_goaway()
        assert goaway is not None and goaway.error in codes, goaway
        assert client.frames[-1].kind == h2.GOAWAY
    with connect(door) as client:
        assert client.get().body == b"hello"


# --- Errors of a stream: (frames on stream 1, codes that are right).
STREAM_ERRORS = {
    # 5.1, 6.9
    "a stream window above 2^31-1": (
        post(1) + h2.window_update(1, 0x7FFFFFFF), {h2.FLOW_CONTROL_ERROR}),
    # 6.9.2 asks for an error of the connection; nghttp2 resets the stream.
    "an initial window that overflows a stream's": (
        post(1) + h2.window_update(1, 0x7FFFFFFF - 65535)
        + h2.settings((h2.INITIAL_WINDOW_SIZE, 65536)), {h2.FLOW_CONTROL_ERROR}),
    # 8.1, 8.1.1
    "a body longer than its Content-Length": (
        h2.headers(1, h2.request_fields(method="POST", extra=[("content-length", "2")]), end=False)
        + h2.data(1, b"abc", end=True), {h2.PROTOCOL_ERROR}),
    "a body shorter than its Content-Length": (
        h2.headers(1, h2.request_fields(method="POST", extra=[("content-length", "4")]), end=False)
        + h2.data(1, b"abc", end=True), {h2.PROTOCOL_ERROR}),
    "a Content-Length without a body": (
        h2.headers(1, h2.request_fields(method="POST", extra=[("content-length", "4")])),
        {h2.PROTOCOL_ERROR}),
    "two Content-Lengths": (
        h2.headers(1, h2.request_fields(extra=[("content-length", "0"), ("content-length", "1")])),
        {h2.PROTOCOL_ERROR}),
    "trailers that do not end the stream": (
        post(1) + h2.data(1, b"x") + h2.headers(1, [("x-a", "b")], end=False), {h2.PROTOCOL_ERROR}),
    "trailers with a pseudo-header": (
        post(1) + h2.data(1, b"x") + h2.headers(1, [(":path", "/")]), {h2.PROTOCOL_ERROR}),
    # 8.2.1
    "a field name with capitals": (
        h2.headers(1, h2.request_fields(extra=[("X-A", "b")])), {h2.PROTOCOL_ERROR}),
    "a field name with a space": (
        h2.headers(1, h2.request_fields(extra=[("x a", "b")])), {h2.PROTOCOL_ERROR}),
    "an empty field name": (
        h2.headers(1, h2.request_fields(extra=[("", "b")])), {h2.PROTOCOL_ERROR}),
    "a CR in a value": (
        h2.headers(1, h2.request_fields(extra=[("x-a", "b\rc")])), {h2.PROTOCOL_ERROR}),
    "a LF in a value": (
        h2.headers(1, h2.request_fields(extra=[("x-a", "b\nc: d")])), {h2.PROTOCOL_ERROR}),
    "a NUL in a value": (
        h2.headers(1, h2.request_fields(extra=[("x-a", "b\0")])), {h2.PROTOCOL_ERROR}),
    "a value with a space before it": (
        h2.headers(1, h2.request_fields(extra=[("x-a", " b")])), {h2.PROTOCOL_ERROR}),
    "a value with a tab behind it": (
        h2.headers(1, h2.request_fields(extra=[("x-a", "b\t")])), {h2.PROTOCOL_ERROR}),
    # 8.2.2
    "Connection": (
        h2.headers(1, h2.request_fields(extra=[("connection", "close")])), {h2.PROTOCOL_ERROR}),
    "Keep-Alive": (
        h2.headers(1, h2.request_fields(extra=[("keep-alive", "5")])), {h2.PROTOCOL_ERROR}),
    "Proxy-Connection": (
        h2.headers(1, h2.request_fields(extra=[("proxy-connection", "x")])), {h2.PROTOCOL_ERROR}),
    "Transfer-Encoding": (
        h2.headers(1, h2.request_fields(extra=[("transfer-encoding", "chunked")])),
        {h2.PROTOCOL_ERROR}),
    "Upgrade": (
        h2.headers(1, h2.request_fields(extra=[("upgrade", "websocket")])), {h2.PROTOCOL_ERROR}),
    "TE other than trailers": (
        h2.headers(1, h2.request_fields(extra=[("te", "gzip")])), {h2.PROTOCOL_ERROR}),
    # 8.3
    "no :method": (h2.headers(1, h2.request_fields(method=None)), {h2.PROTOCOL_ERROR}),
    "no :scheme": (h2.headers(1, h2.request_fields(scheme=None)), {h2.PROTOCOL_ERROR}),
    "no :path": (h2.headers(1, h2.request_fields(path=None)), {h2.PROTOCOL_ERROR}),
    "an empty :path": (h2.headers(1, h2.request_fields(path="")), {h2.PROTOCOL_ERROR}),
    "two :path": (
        h2.headers(1, [(":path", "/a")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
    "two :method": (
        h2.headers(1, [(":method", "GET")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
    "an unknown pseudo-header": (
        h2.headers(1, [(":test", "x")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
    "a pseudo-header of responses": (
        h2.headers(1, [(":status", "200")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
    "a pseudo-header behind a field": (
        h2.headers(1, [("x-a", "b")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
    "no authority": (h2.headers(1, h2.request_fields(authority=None)), {h2.PROTOCOL_ERROR}),
    "two Hosts": (
        h2.headers(1, h2.request_fields(authority=None, extra=[("host", "a"), ("host", "b")])),
        {h2.PROTOCOL_ERROR}),
    "a target with a space": (
        h2.headers(1, h2.request_fields(path="/a b")), {h2.PROTOCOL_ERROR}),
    ":protocol without CONNECT": (
        h2.headers(1, [(":protocol", "websocket")] + h2.request_fields()), {h2.PROTOCOL_ERROR}),
}


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_resets_the_stream(door, backend, case):
    """Only that stream: the connection goes on, and no backend sees the request as complete."""
    octets, codes = STREAM_ERRORS[case]
    before = len(backend.complete)
    with connect(door) as client:
        client.sync()
        client.send(octets)
        assert client.read_response(1).reset in codes
        client.next_stream()
        assert client.get("/after").body == b"hello"
        assert not client.goaways
    assert [request.target for request in backend.complete[before:]] == ["/after"]


# --- Requests that are answered although they are wrong: (fields, status).
ANSWERED = {
    "a Host that differs": (h2.request_fields(extra=[("host", "other.example")]), 400),
    "an authority with a user": (h2.request_fields(authority="me@test.example"), 400),
    "another scheme": (h2.request_fields(scheme="ftp"), 400),
    "a target with a fragment": (h2.request_fields(path="/a#b"), 400),
    "an unknown method": (h2.request_fields(method="BREW"), 501),
    "a CONNECT": (
        [(":method", "CONNECT"), (":authority", "test.example:80")], 501),
    "a tunnel of another protocol": (
        [(":protocol", "webtransport")] + h2.request_fields(method="CONNECT"), 501),
    "another expectation": (h2.request_fields(extra=[("expect", "more")]), 417),
    "a long target": (h2.request_fields(path="/" + "a" * 9000), 414),
    "many fields": (h2.request_fields(extra=[("x-a", "b")] * 101), 431),
    "a Content-Length above the limit": (
        h2.request_fields(method="POST", extra=[("content-length", "1000000000000")]), 413),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_answers_for_itself(door, case):
    """What the parser of HTTP/1.1 refuses, with the same status; the connection goes on."""
    fields, status = ANSWERED[case]
    with connect(door) as client:
        client.send(h2.headers(client.next_stream(), fields, end="content-length" not in str(fields)))
        assert client.read_response(1).status == status
        assert client.get().body == b"hello"
