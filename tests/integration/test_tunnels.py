"""WebSockets: limits of time, close frames at frame boundaries, drains and reloads."""

import signal
import struct
import time

import pytest

from front_door import duration, seconds
from scripted import ok

UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
GOING_AWAY = b"\x88\x02\x03\xe9"


def frame(payload, opcode=2):
    """As a server sends it."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + payload


def masked(payload, opcode=2):
    """As a client sends it, with a mask that changes nothing."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def unmasked_close(data):
    """The code of a masked close frame."""
    assert data[:2] == b"\x88\x82", data
    return ((data[6] ^ data[2]) << 8) | (data[7] ^ data[3])


class Socket:
    """A backend that switches, and keeps what came behind."""

    def __init__(self, first=b""):
        self.first = first
        self.connection = None
        self.received = b""
        self.done = False

    def __call__(self, connection, request):
        if request.get("Upgrade") is None:
            return ok()
        self.connection = connection
        connection.send(SWITCH + self.first)
        while data := connection.read_some():
            self.received += data
            if data[:1] == b"\x88":
                connection.send(frame(struct.pack(">H", 1001), opcode=8))
        self.done = True
        return False


def open_tunnel(client):
    """Switched."""
    answer = client.exchange(UPGRADE)
    assert answer.status == 101


def test_ends_after_its_total_time_even_if_it_is_used(stage):
    socket = Socket()
    door = stage.front_door(stage.backend(socket), timeouts={"tunnel_total": duration(1)})
    with door.client() as client:
        open_tunnel(client)
        started = time.monotonic()
        while client.is_silent(seconds(0.1)):
            client.send(masked(b"tick"))
        assert client.read_exactly(4) == GOING_AWAY
        assert time.monotonic() - started >= seconds(0.8)
        client.send(masked(struct.pack(">H", 1001), opcode=8))
        assert client.at_end()
    door.until(lambda: socket.done, "the backend's end")
    assert unmasked_close(socket.received[-8:]) == 1001
    assert door.until_logged(lambda line: line["status"] == 101)["reason"] == "tunnel_total"


def test_a_close_frame_waits_for_the_end_of_a_frame(stage):
    socket = Socket()
    # Not slower in a slow build: who is in the middle of a frame has 2 s to end it, there too.
    door = stage.front_door(stage.backend(socket), timeouts={"tunnel_total": "1s"})
    with door.client() as client:
        open_tunnel(client)
        door.until(lambda: socket.connection is not None, "switched")
        whole = frame(b"x" * 1000)
        socket.connection.send(whole[:500])
        client.send(masked(b"half")[:5])
        assert client.read_exactly(500) == whole[:500]
        assert client.is_silent(1.5)  # its time is over, but not the frame
        socket.connection.send(whole[500:] + frame(b"too late"))
        assert client.read_exactly(508) == whole[500:] + GOING_AWAY
        client.send(masked(b"half")[5:] + masked(b"too late"))
        assert client.read_to_end() == b""
    door.until(lambda: socket.done, "the backend's end")
    assert socket.received[:10] == masked(b"half")
    assert unmasked_close(socket.received[10:18]) == 1001
    assert len(socket.received) == 18


def test_counts_tunnels_apart_from_requests(stage):
    door = stage.front_door(stage.backend(Socket()))
    with door.client() as client:
        open_tunnel(client)
        door.until(lambda: door.metric("flaskscale_tunnels", pool="app") == 1, "one open")
        assert door.pool()["tunnels"] == 1
    door.until(lambda: door.metric("flaskscale_tunnels", pool="app") == 0, "none open")
    assert door.metric("flaskscale_tunnels_total", pool="app") == 1
    assert door.metric("flaskscale_request_duration_seconds_count", pool="app") == 0


def test_a_shutdown_ends_tunnels_in_its_last_part(stage):
    backend = stage.backend(Socket())
    door = stage.front_door(backend, server={"shutdown_timeout": duration(9)})
    clients = [door.client() for _ in range(20)]
    for client in clients:
        open_tunnel(client)
    started = time.monotonic()
    door.signal(signal.SIGTERM)
    ends = []
    for client in clients:
        assert client.read_exactly(4) == GOING_AWAY
        client.send(masked(struct.pack(">H", 1001), opcode=8))
        assert client.at_end()
        ends.append(time.monotonic() - started)
        client.close()
    assert door.wait_exit(seconds(12)) == 0
    assert min(ends) >= seconds(5.5) and max(ends) <= seconds(9.5)


def test_other_protocols_end_without_a_word(stage):
    def answer(connection, _):
        connection.send(SWITCH.replace(b"websocket", b"other"))
        connection.read_to_end()
        return False

    door = stage.front_door(stage.backend(answer), timeouts={"tunnel_total": duration(0.5)})
    with door.client() as client:
        assert client.exchange(UPGRADE.replace(b"websocket", b"other")).status == 101
        assert client.at_end()


@pytest.mark.parametrize("reloads", [20])
def test_reloads_end_no_tunnel(stage, reloads):
    socket = Socket(first=frame(b"hello"))
    backend = stage.backend(socket)
    door = stage.front_door(backend)
    with door.client() as client:
        open_tunnel(client)
        assert client.read_exactly(7) == frame(b"hello")
        written = door.config_path.read_text(encoding="utf-8")
        for number in range(reloads):
            door.reload(written + f"[pools.other{number}]\nbackends = [\"{backend.address}\"]\n")
        client.send(masked(b"still"))
        door.until(lambda: socket.received == masked(b"still"), "what the client sent")
        socket.connection.send(frame(b"here"))
        assert client.read_exactly(6) == frame(b"here")
