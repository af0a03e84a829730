"""RFC 9113 by raw frames: what a server must take, hold to and go on after; see
test_http2_conformance.py for what it must refuse."""

import struct

import http2_frames as h2
import pytest

from http2_door import connect, header_block, post
from raw_stream import StreamClosed
from scripted import ok


@pytest.fixture(scope="module", name="backend")
def _backend(shared_stage):
    return shared_stage.backend(ok(b"hello"))


@pytest.fixture(scope="module", name="door")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend, listener={"http2": True})


# --- What is allowed
def test_speaks_first_with_settings(door):
    """3.4: our first frame is SETTINGS, and theirs is acknowledged."""
    with connect(door) as client:
        client.sync()
        assert client.frames[0].kind == h2.SETTINGS and not client.frames[0].flags & h2.ACK
        assert client.acked == 1
        assert client.their_settings[h2.MAX_CONCURRENT_STREAMS] == 100
        assert client.their_settings[h2.ENABLE_CONNECT_PROTOCOL] == 1
        assert h2.ENABLE_PUSH not in client.their_settings


def test_needs_settings_behind_the_preface(door):
    """3.4: a preface without SETTINGS is a connection error."""
    with connect(door, greet=False) as client:
        client.send(h2.PREFACE + h2.ping())
        assert client.read_to_goaway().error == h2.PROTOCOL_ERROR


ALLOWED = {
    "an unknown frame": h2.frame(0x77, 0xFF, 0, b"x" * 100) + h2.frame(0x78, 0, 9, b""),
    "undefined flags": h2.frame(h2.PING, 0xFE, 0, b"flagged!"),
    "a reserved bit": h2.frame(h2.WINDOW_UPDATE, 0, 0x80000000, struct.pack(">I", 0x80000001)),
    "unknown settings": h2.settings((0x5A5A, 7), (0xFFFF, 0xFFFFFFFF)),
    "the same setting twice": h2.settings((h2.INITIAL_WINDOW_SIZE, 1), (h2.INITIAL_WINDOW_SIZE, 100)),
    "PRIORITY of an idle stream": h2.priority(99) + h2.priority(101, 99),
    "PRIORITY that depends on itself": h2.priority(5, 5),
    "an unasked PING acknowledgement": h2.ping(b"unasked!", ack=True),
    "a GOAWAY of an unknown error": b"",
}


@pytest.mark.parametrize("case", ALLOWED)
def test_takes_no_offence(door, case):
    """4.1, 5.1, 5.3, 5.5, 6.5.2, 6.7: ignored."""
    with connect(door) as client:
        client.send(ALLOWED[case])
        assert client.get().body == b"hello"
        assert not client.goaways


def test_serves_what_was_asked_before_a_goaway(door):
    """6.8: a GOAWAY of the client, of whatever code, ends no stream; then the connection ends."""
    with connect(door) as client:
        stream = client.open()
        client.send(h2.goaway(0, 0x12345, b"bye"))
        assert client.read_response(stream).body == b"hello"
        client.read_to_goaway()


def test_echoes_pings(door):
    """6.7: the same eight bytes; an acknowledgement is not answered."""
    with connect(door) as client:
        client.send(h2.ping(b"abcdefgh") + h2.ping(b"unasked!", ack=True))
        got = client.read_until_frame(h2.PING)
        assert got.payload == b"abcdefgh" and got.flags == h2.ACK
        client.sync()
        assert len([f for f in client.frames if f.kind == h2.PING]) == 2


def test_takes_a_head_in_pieces(door, backend):
    """6.10, 4.3: HEADERS with padding and priority, and CONTINUATION, are one block."""
    fields = header_block(path="/pieces", extra=[("x-long", "y" * 3000)])
    with connect(door) as client:
        client.next_stream()
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM | h2.PADDED | h2.PRIORITIZED, 1,
                             b"\x03" + struct.pack(">IB", 0x80000000, 7) + fields[:10] + b"\0\0\0")
                    + h2.frame(h2.CONTINUATION, 0, 1, b"") + h2.frame(h2.CONTINUATION, 0, 1, fields[10:900])
                    + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, fields[900:]))
        assert client.read_response(1).body == b"hello"
    assert backend.requests[-1].get("X-Long") == "y" * 3000


def test_takes_padded_data(door, backend):
    """6.1: padding is no content, and counts for the windows."""
    with connect(door) as client:
        stream = client.next_stream()
        client.send(post(stream) + h2.data(stream, b"abc", padding=200)
                    + h2.data(stream, b"def", end=True, padding=0))
        assert client.read_response(stream).body == b"hello"
    assert backend.complete[-1].body == b"abcdef"


def test_keeps_to_the_stream_window(stage):
    """5.2, 6.9.2: not a byte more than the client allowed, and the rest when it allows more."""
    door = stage.front_door(stage.backend(ok(b"x" * 1000)), listener={"http2": True})
    with connect(door, (h2.INITIAL_WINDOW_SIZE, 10)) as client:
        client.auto_window = False
        stream = client.open()
        while len(client.response(stream).body) < 10:
            client.read_frame()
        client.sync()
        assert len(client.response(stream).body) == 10
        # A smaller initial window makes this one negative; what is given then fills it first.
        client.send(h2.settings((h2.INITIAL_WINDOW_SIZE, 0)) + h2.window_update(stream, 10))
        client.sync()
        assert len(client.response(stream).body) == 10
        client.send(h2.window_update(stream, 5))
        client.sync()
        client.sync()
        assert len(client.response(stream).body) == 15
        # A larger one gives more to streams that are open.
        client.send(h2.settings((h2.INITIAL_WINDOW_SIZE, 2000)))
        assert len(client.read_response(stream).body) == 1000


def test_keeps_to_the_connection_window(stage):
    """5.2.1, 6.9.1: 65535 bytes for all streams together until the client gives more."""
    door = stage.front_door(stage.backend(ok(b"x" * 50000)), listener={"http2": True})
    with connect(door) as client:
        client.auto_window = False
        streams = [client.open() for _ in range(3)]
        while sum(len(client.response(stream).body) for stream in streams) < 65535:
            client.read_frame()
        client.sync()
        assert sum(len(client.response(stream).body) for stream in streams) == 65535
        client.send(h2.window_update(0, 1 << 20))
        assert all(len(client.read_response(stream).body) == 50000 for stream in streams)


def test_keeps_to_the_frame_size(stage):
    """4.2: frames of at most 16384 bytes."""
    door = stage.front_door(stage.backend(ok(b"x" * 60000)), listener={"http2": True})
    with connect(door) as client:
        assert len(client.get().body) == 60000
        assert max(len(f.payload) for f in client.frames) <= 16384


def test_refuses_bytes_beyond_the_windows(stage):
    """5.2, 6.9.1: while its request waits a client has credit for its window, and no more."""
    backend = stage.backend(lambda connection, request: connection.read_some() and None)
    door = stage.front_door(backend, listener={"http2": True}, pool={"slots": 1})
    with connect(door) as client:
        client.open("/slow")
        backend.wait_requests(1)
        client.sync()
        stream = client.next_stream()
        client.send(post(stream) + h2.data(stream, b"x" * 16384) * 30)
        while client.response(stream).reset is None and not client.goaways:
            client.read_frame()
        codes = [client.response(stream).reset] + [got.error for got in client.goaways]
        assert h2.FLOW_CONTROL_ERROR in codes


def test_refuses_frames_on_a_half_closed_stream(stage):
    """5.1: DATA or HEADERS behind END_STREAM: STREAM_CLOSED."""
    backend = stage.backend(lambda connection, request: connection.read_some() and None)
    door = stage.front_door(backend, listener={"http2": True})
    for octets in (h2.data(1, b"x"), h2.headers(1, [("x-a", "b")])):
        with connect(door) as client:
            client.send(h2.headers(1) + octets)
            try:
                while not client.goaways and client.response(1).reset is None:
                    client.read_frame()
            except StreamClosed:
                pass
            code = client.goaways[-1].error if client.goaways else client.response(1).reset
            assert code in (h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("octets", [h2.data(1, b"x"), h2.headers(1)], ids=["DATA", "HEADERS"])
def test_does_not_revive_a_closed_stream(door, octets):
    """5.1: frames on a stream that both sides have ended."""
    with connect(door) as client:
        client.get()
        client.send(octets)
        client.send(h2.ping(b"afterall"))
        try:
            while client.frames[-1].kind not in (h2.PING, h2.GOAWAY):
                client.read_frame()
        except StreamClosed:
            pass
        codes = ([got.error for got in client.goaways]
                 + [got.error for got in client.frames if got.kind == h2.RST_STREAM])
        assert set(codes) <= {h2.STREAM_CLOSED, h2.PROTOCOL_ERROR}
        assert len([f for f in client.frames if f.kind == h2.HEADERS]) == 1


def test_lets_late_frames_of_a_closed_stream_pass(door):
    """5.1: WINDOW_UPDATE, RST_STREAM and PRIORITY may still be on their way."""
    with connect(door) as client:
        client.get()
        client.send(h2.window_update(1, 100) + h2.rst_stream(1) + h2.priority(1))
        assert client.get().body == b"hello"


def test_wants_growing_stream_numbers(door):
    """5.1.1: a number below one that was used is closed."""
    with connect(door) as client:
        client.send(h2.headers(5))
        client.read_response(5)
        client.send(h2.headers(3))
        client.send(h2.ping())
        try:
            while client.frames[-1].kind not in (h2.PING, h2.GOAWAY):
                client.read_frame()
        except StreamClosed:
            pass
        assert 3 not in client.responses or not client.responses[3].fields


def test_refuses_streams_beyond_its_limit(stage):
    """5.1.2: REFUSED_STREAM, so that the client may try again."""
    backend = stage.backend(lambda connection, request: connection.read_some() and None)
    door = stage.front_door(backend, listener={"http2": True}, limits={"http2": {"streams": 5}})
    with connect(door) as client:
        client.sync()
        assert client.their_settings[h2.MAX_CONCURRENT_STREAMS] == 5
        streams = [client.open() for _ in range(7)]
        client.read_until_frame(h2.RST_STREAM, streams[-1])
        assert [client.response(stream).reset for stream in streams] == [None] * 5 + [
            h2.REFUSED_STREAM] * 2
        client.send(h2.rst_stream(streams[0]))
        again = client.open()
        client.sync()
        assert client.response(again).reset is None


def test_frees_the_slot_of_a_cancelled_stream(stage):
    """6.4: RST_STREAM ends the exchange, and the next in the queue is served."""
    backend = stage.backend()
    backend.answer = lambda connection, request: (
        connection.read_some() and None if request.target == "/slow" else ok())
    door = stage.front_door(backend, listener={"http2": True}, pool={"slots": 1})
    with connect(door) as client:
        slow = client.open("/slow")
        backend.wait_requests(1)
        waiting = client.open("/next")
        door.until_queued(1)
        gone = client.open("/gone")
        door.until_queued(2)
        client.send(h2.rst_stream(gone))
        door.until_queued(1)
        client.send(h2.rst_stream(slow))
        assert client.read_response(waiting).body == b"ok"
    assert "/gone" not in backend.targets
