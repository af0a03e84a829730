"""Clients of HTTP/2 that flood: each is cut off with ENHANCE_YOUR_CALM and counted, the others are
served as before, and the program does not grow."""

import itertools

import http2_frames as h2
import pytest
from http2_frames import Http2Client

from front_door import seconds
from raw_stream import StreamClosed
from scripted import ok

FIELDS = h2.block(h2.request_fields())


@pytest.fixture(scope="module", name="door")
def _door(shared_stage):
    return shared_stage.front_door(shared_stage.backend(ok(b"x" * 2000)), listener={"http2": True})


def rapid_reset():
    """Each request cancelled at once."""
    stream = 1
    while True:
        yield b"".join(h2.headers(number) + h2.rst_stream(number)
                       for number in range(stream, stream + 100, 2))
        stream += 100


def made_resets():
    """Each stream broken so that we must reset it."""
    stream = 1
    while True:
        yield b"".join(h2.headers(number, end=False) + h2.window_update(number, 0x7FFFFFFF)
                       for number in range(stream, stream + 100, 2))
        stream += 100


def wrong_lengths():
    """The same by a body that is longer than was said."""
    head = h2.request_fields(extra=[("content-length", "1")])
    stream = 1
    while True:
        yield b"".join(h2.headers(number, head, end=False) + h2.data(number, b"xx", end=True)
                       for number in range(stream, stream + 100, 2))
        stream += 100


def again(octets, before=b""):
    """The same for ever."""
    yield before
    while True:
        yield octets


FLOODS = {
    "http2_reset_flood": rapid_reset,
    "http2_reset_flood (ours)": made_resets,
    "http2_reset_flood (lengths)": wrong_lengths,
    "http2_ping_flood": lambda: again(h2.ping() * 100),
    "http2_settings_flood": lambda: again(h2.settings((h2.INITIAL_WINDOW_SIZE, 1)) * 10),
    "http2_priority_flood": lambda: again(h2.priority(5) * 100),
    "http2_window_flood": lambda: again(h2.window_update(0, 1) * 100),
    "http2_empty_data_flood": lambda: again(
        h2.data(1) * 50, h2.frame(h2.HEADERS, h2.END_HEADERS, 1, FIELDS)),
    "http2_unknown_frame_flood": lambda: again(h2.frame(0x77, 0, 0, b"x") * 50),
    "http2_continuation_flood": lambda: again(
        h2.frame(h2.CONTINUATION, 0, 1) * 20, h2.frame(h2.HEADERS, 0, 1, FIELDS)),
}


def flood(door, kind):
    """One connection that floods until it is cut off; its GOAWAY, None if a reset overtook it."""
    with Http2Client(door.listener("web"), timeout=seconds(10)) as client:
        client.auto_ack = client.auto_window = False
        try:
            for octets in FLOODS[kind]():
                client.send(octets)
                while not client.goaways and not client.is_silent(0):
                    client.read_frame()
                if client.goaways:
                    return client.goaways[-1]
        except (BrokenPipeError, ConnectionResetError, StreamClosed):
            return None


@pytest.mark.parametrize("kind", FLOODS)
def test_cuts_off_a_flood(door, kind):
    """Again and again, beside a client that is served on its connection as before."""
    reason = kind.split()[0]
    before = door.reasons().get(reason, 0)
    with Http2Client(door.listener("web"), timeout=seconds(30)) as visitor:
        for _ in range(3):
            goaway = flood(door, kind)
            assert goaway is None or goaway.error == h2.ENHANCE_YOUR_CALM
            assert visitor.get().status == 200
    door.until(lambda: door.reasons().get(reason, 0) >= before + 3, f"three times {reason}")


@pytest.mark.parametrize("broken", [made_resets, wrong_lengths])
def test_begins_no_request_that_is_broken_at_once(stage, broken):
    """What we are made to reset (CVE-2025-8671) takes no slot and reaches no backend."""
    backend = stage.backend()
    door = stage.front_door(backend, listener={"http2": True})
    with Http2Client(door.listener("web"), timeout=seconds(10)) as client:
        assert client.get("/first").status == 200  # there is a connection to the backend now
    with Http2Client(door.listener("web"), timeout=seconds(10)) as client:
        client.sync()
        client.send(b"".join(itertools.islice(broken(), 4)))  # 200 of them
        client.sync()
    with Http2Client(door.listener("web"), timeout=seconds(10)) as client:
        assert client.get("/good").status == 200
    assert backend.targets == ["/first", "/good"]


def test_who_floods_is_left_alone_for_a_while(door):
    """Told by a GOAWAY, but not yet by the end of the connection: it would only begin again."""
    with Http2Client(door.listener("web"), timeout=seconds(10)) as client:
        client.auto_ack = False
        client.send(h2.ping() * 2000)
        while not client.goaways:
            client.read_frame()
        assert client.is_silent(0.1)
        assert client.at_end()


def test_does_not_grow(door):
    """Memory after many floods is that of before."""
    for kind in FLOODS:
        flood(door, kind)
    before = door.resident_bytes()
    for _ in range(2):
        for kind in FLOODS:
            flood(door, kind)
    assert door.resident_bytes() < before + 20_000_000


def test_holds_little_for_clients_that_do_not_read(stage):
    """A hundred streams of a large answer and no window: a few KiB each are held here."""
    door = stage.front_door(stage.backend(ok(b"x" * 4_000_000)), listener={"http2": True})
    before = door.resident_bytes()
    clients = [Http2Client(door.listener("web"), [(h2.INITIAL_WINDOW_SIZE, 0)],
                           timeout=seconds(10)) for _ in range(4)]
    for client in clients:
        streams = [client.open() for _ in range(100)]
        while not all(client.response(stream).fields for stream in streams):
            client.read_frame()
    assert door.resident_bytes() < before + 40_000_000
    for client in clients:
        client.close()
    door.until_counted("in_flight", 0)
