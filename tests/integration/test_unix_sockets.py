"""Unix sockets and IPv6 on both sides."""

import socket
import stat

import pytest

from front_door import seconds
from raw_client import RawClient
from scripted import Gate, ok


def _door(stage, tmp_path, *backends, wait="serving", **settings):
    listener = {"listen": ["[::1]:0", f"unix:{tmp_path}/web.sock"], "trusted_proxies": ["unix"],
                **settings.pop("listener", {})}
    return stage.front_door(*backends, listener=listener, wait=wait, **settings)


def _get(path, **options):
    with RawClient(str(path), timeout=seconds(10)) as client:
        return client.get(**options)


def test_listens_on_a_unix_socket(stage, tmp_path):
    backend = stage.backend()
    _door(stage, tmp_path, backend, listener={"unix_mode": "0600"})

    path = tmp_path / "web.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _get(path).status == 200
    request = backend.requests[-1]
    assert request.get("X-Forwarded-For") is None
    assert "for=unknown" in request.get("Forwarded")
    # Whoever may connect is a trusted proxy here.
    _get(path, extra="X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n")
    request = backend.requests[-1]
    assert request.get("X-Forwarded-For").startswith("203.0.113.7")
    assert request.get("X-Forwarded-Proto") == "https"


def test_logs_whom_a_trusted_peer_names(stage, tmp_path):
    door = _door(stage, tmp_path, stage.backend())
    _get(tmp_path / "web.sock", extra="X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n")
    assert door.until_logged(lambda line: line["client"] == "203.0.113.7")


def test_every_worker_serves_a_unix_socket(stage, tmp_path):
    _door(stage, tmp_path, stage.backend())
    clients = [RawClient(str(tmp_path / "web.sock"), timeout=seconds(10)) for _ in range(50)]
    assert all(client.get().status == 200 for client in clients)
    for client in clients:
        client.close()


def test_replaces_the_file_of_a_dead_process_and_removes_its_own(stage, tmp_path):
    path = tmp_path / "web.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    door = _door(stage, tmp_path, stage.backend())

    assert _get(path).status == 200
    door.stop()
    assert not path.exists()


def test_leaves_a_socket_that_somebody_listens_on(stage, tmp_path):
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        door = _door(stage, tmp_path, stage.backend(), wait="nothing")
        assert door.wait_exit(seconds(20)) != 0
        assert "another program, or another FlaskScale, has it" in door.stderr()
        assert path.exists()


def test_leaves_a_file_that_is_no_socket(stage, tmp_path):
    (tmp_path / "web.sock").write_text("precious", encoding="utf-8")
    door = _door(stage, tmp_path, stage.backend(), wait="nothing")
    assert door.wait_exit(seconds(20)) != 0
    assert (tmp_path / "web.sock").read_text(encoding="utf-8") == "precious"


def test_forwards_to_a_unix_socket(stage, tmp_path):
    backend = stage.backend(host=str(tmp_path / "app.sock"))
    door = _door(stage, tmp_path, backend, health={"path": "/healthz"})

    assert door.get("/x").body == b"ok"
    assert door.backend_status(backend)["up"]
    checks = [request for request in backend.requests if request.target == "/healthz"]
    assert checks and checks[0].get("Host") == "localhost"
    line = door.until_logged(lambda line: line["path"] == "/x")
    assert line["backend"] == backend.address


def test_drains_a_backend_with_a_path_for_its_address(stage, tmp_path):
    first = stage.backend(host=str(tmp_path / "a.sock"))
    second = stage.backend(host=str(tmp_path / "b.sock"))
    door = _door(stage, tmp_path, first, second)

    door.drain(first.address.replace("/", "%2F"))
    for _ in range(10):
        assert door.get().status == 200
    assert not first.targets and len(second.targets) == 10


def test_a_reload_keeps_the_socket_and_what_runs(stage, tmp_path):
    gate = Gate()
    backend = stage.backend(gate)
    door = _door(stage, tmp_path, backend)
    with RawClient(str(tmp_path / "web.sock"), timeout=seconds(10)) as client:
        client.send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        backend.wait_requests(1)
        written = door.config_path.read_text(encoding="utf-8")
        door.reload(written.replace("[listeners.web]", '[listeners.web]\nunix_mode = "0640"'))
        assert stat.S_IMODE((tmp_path / "web.sock").stat().st_mode) == 0o640
        gate.open()
        assert client.read_response().status == 200
    assert _get(tmp_path / "web.sock").status == 200


# IPv6

@pytest.fixture(name="six")
def _six(stage):
    backend = stage.backend(host="::1")
    door = stage.front_door(backend, listener={"listen": ["[::1]:0"],
                                               "trusted_proxies": ["::1/128"]},
                            health={"path": "/healthz"})
    return door, backend


def test_ipv6_on_both_sides(six):
    door, backend = six
    with door.client() as client:
        assert client.get("/x", host="[::1]:8080").body == b"ok"
        request = backend.requests[-1]
        assert request.get("Host") == "[::1]:8080"
        assert request.get("X-Forwarded-For") == "::1"
        assert 'for="[::1]"' in request.get("Forwarded")
        client.get("/y", extra="X-Forwarded-For: 2001:db8::7\r\n")
    assert backend.requests[-1].get("X-Forwarded-For") == "2001:db8::7, ::1"
    assert door.until_logged(lambda line: line["path"] == "/y")["client"] == "2001:db8::7"


def test_ipv6_backends_are_named_and_drained_like_others(six):
    door, backend = six
    assert door.backend_status(backend)["address"] == backend.address
    assert door.drain(backend.address)["state"] == "draining"
    door.undrain(backend.address)
    assert door.get().status == 200


def test_passes_ranges_conditions_and_encodings_untouched(stage):
    """What the backend says of content reaches the client byte for byte, and the other way."""
    packed = bytes(range(256)) * 8
    backend = stage.backend(ok(
        packed, "Content-Range: bytes 0-2047/9999", "Content-Encoding: br", 'ETag: W/"x"',
        "Vary: Accept-Encoding", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
        "Accept-Ranges: bytes", "Cache-Control: no-transform", status="206 Partial Content"))
    door = stage.front_door(backend)
    asked = ("Range: bytes=0-2047\r\nIf-Range: W/\"x\"\r\nIf-None-Match: \"a\", \"b\"\r\n"
             "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
             "Accept-Encoding: br;q=1, *;q=0\r\n")

    answer = door.get("/file", extra=asked)

    assert (answer.status, answer.body) == (206, packed)
    for name in ("Content-Range", "Content-Encoding", "ETag", "Vary", "Last-Modified",
                 "Accept-Ranges", "Cache-Control"):
        assert len(answer.all(name)) == 1, name
    for line in asked.split("\r\n")[:-1]:
        name, _, value = line.partition(": ")
        assert backend.requests[-1].all(name) == [value]


def test_passes_a_304_with_the_length_it_names(stage):
    backend = stage.backend(lambda connection, _: connection.send(
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9999\r\n\r\n'))
    door = stage.front_door(backend)
    with door.client() as client:
        for _ in range(2):
            answer = client.get()
            assert (answer.status, answer.get("Content-Length")) == (304, "9999")
