"""PROXY headers from trusted proxies and to backends, and whom X-Forwarded-For names."""

import socket
import struct

import pytest

from front_door import seconds
from raw_stream import StreamClosed
from scripted import Scripted, ok

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def _v2(client, server, ports, command=0x21, extra=b""):
    payload = bytes(client) + bytes(server) + struct.pack(">HH", *ports) + extra
    return SIGNATURE + struct.pack(">BBH", command, 0x11, len(payload)) + payload


V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n"
V2 = _v2((203, 0, 113, 7), (192, 0, 2, 1), (40000, 443), extra=b"\x04\x00\x01x")


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend, listener={"proxy_protocol": True,
                                                      "trusted_proxies": ["127.0.0.0/8"]})


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("split", [0, 1, 13, None], ids=str)
def test_a_trusted_proxy_names_the_client(door, backend, header, split):
    with door.client() as client:
        cut = len(header) if split is None else split
        client.send(header[:cut])
        if 0 < cut < len(header):
            client.is_silent(seconds(0.05))
        client.send(header[cut:] + GET)
        assert client.read_response().status == 200
        assert backend.requests[-1].get("X-Forwarded-For") == "203.0.113.7"
        assert client.get("/again").status == 200
        assert backend.requests[-1].get("X-Forwarded-For") == "203.0.113.7"


def test_whom_the_header_names_is_not_trusted_for_it(door, backend):
    with door.client() as client:
        client.send(V1)
        client.get("/x", extra="X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: chosen\r\n")
    assert backend.requests[-1].get("X-Forwarded-For") == "203.0.113.7"
    assert backend.requests[-1].get("X-Request-Id") != "chosen"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n",
                                    _v2((1, 2, 3, 4), (1, 2, 3, 5), (1, 2), command=0x20)],
                         ids=["unknown", "local"])
def test_a_header_without_a_client_leaves_the_peer(door, backend, header):
    with door.client() as client:
        client.send(header + GET)
        assert client.read_response().status == 200
    assert backend.requests[-1].get("X-Forwarded-For") == "127.0.0.1"


@pytest.mark.parametrize("bytes_sent", [GET, b"PROXY TCP4 x\r\n", SIGNATURE + b"\x31\x11\x00\x00",
                                        b"PROXY " + b"x" * 200],
                         ids=["none", "bad", "version", "endless"])
def test_what_is_no_header_is_refused(door, backend, bytes_sent):
    before = len(backend.requests)
    with door.client() as client:
        client.send(bytes_sent)
        try:
            client.read_to_end()
        except (ConnectionResetError, StreamClosed):
            pass
    assert len(backend.requests) == before


def test_only_trusted_proxies_may_send_one(stage):
    backend = stage.backend()
    door = stage.front_door(backend, listener={"proxy_protocol": True,
                                               "trusted_proxies": ["192.0.2.0/24"]})
    assert door.get().status == 200  # a stranger comes without
    with door.client() as client:
        client.send(V1 + GET)
        assert client.read_response().status == 400
    assert backend.requests[-1].get("X-Forwarded-For") == "127.0.0.1"


# To backends

class ProxyBackend(Scripted):
    """Remembers the line or block with which each connection begins."""

    def __init__(self, version, **options):
        self.headers = []
        self._version = version
        super().__init__(ok(), **options)

    def _serve(self, connection):
        try:
            if self._version == "v1":
                header = connection.read_until(b"\r\n")
            else:
                header = connection.read_exactly(16)
                header += connection.read_exactly(struct.unpack(">H", header[14:16])[0])
        except (StreamClosed, ConnectionResetError):
            return
        self.headers.append(header)
        super()._serve(connection)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_backends_are_told_the_client(stage, version):
    with ProxyBackend(version) as backend:
        door = stage.front_door(backend, pool={"proxy_protocol": version},
                                health={"path": "/healthz"},
                                listener={"trusted_proxies": ["127.0.0.1"]})
        checks = len([r for r in backend.requests if r.target == "/healthz"])
        assert checks and backend.headers[0] == (
            b"PROXY UNKNOWN\r\n" if version == "v1" else SIGNATURE + b"\x20\0\0\0")
        with door.client() as client:
            port = client.sock.getsockname()[1]
            server, server_port = client.sock.getpeername()
            for _ in range(3):
                assert client.get("/x").status == 200
        wanted = (f"PROXY TCP4 127.0.0.1 {server} {port} {server_port}\r\n".encode()
                  if version == "v1" else
                  _v2((127, 0, 0, 1), socket.inet_aton(server), (port, server_port)))
        # Each request has a connection of its own.
        assert backend.headers.count(wanted) == 3
        door.get("/y", extra="X-Forwarded-For: 203.0.113.7\r\n")
        assert any(b"203.0.113.7" in header or b"\xcb\x00\x71\x07" in header
                   for header in backend.headers)
        door.stop()


# Hops counted from the right

@pytest.mark.parametrize("sent, client", [
    ("203.0.113.7", "203.0.113.7"), ("6.6.6.6, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
    ("10.1.1.1", "10.1.1.1"), ("6.6.6.6, unknown", "127.0.0.1"),
    ("[2001:db8::7]:99, 10.2.2.2:80", "2001:db8::7")])
def test_the_client_is_the_first_untrusted_from_the_right(stage, sent, client):
    backend = stage.backend()
    door = stage.front_door(backend, listener={"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]})

    assert door.get("/x", extra=f"X-Forwarded-For: {sent}\r\n").status == 200

    assert door.until_logged(lambda line: line["path"] == "/x")["client"] == client
    assert backend.requests[-1].get("X-Forwarded-For") == f"{sent}, 127.0.0.1"
