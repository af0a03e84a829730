"""Application servers behind HTTPS: gunicorn with Flask, uvicorn and hypercorn with ASGI."""

import asyncio
import hashlib
import os
import subprocess

import pytest
import websockets
from application_server import ApplicationServer
from flaskscale_process import SCALE
from secure_front import HOST, SecureFront

FOREVER = "60"  # seconds; curl's own limit where the test ends it before
# What Flask under gunicorn's threads does not do: WebSockets, and a word of who left.
asgi = pytest.mark.parametrize("kind", ["uvicorn", "hypercorn"], indirect=True, scope="module")


@pytest.fixture(name="kind", params=["gunicorn", "uvicorn", "hypercorn"], scope="module")
def _kind(request):
    return request.param


@pytest.fixture(name="front", scope="module")
def _front(kind):
    with ApplicationServer(kind) as server, SecureFront(server.address, wait="serving") as front:
        yield front


def test_pages_say_who_asked_and_how(front, kind):
    for protocol in ("--http1.1", "--http2"):
        result = front.curl(path="/headers?a=b" if kind == "gunicorn" else "/", http=protocol)
        told = result.json()
        fields = {name.lower(): value for name, value in told["headers"]}

        assert (result.status, told["method"]) == (200, "GET"), result.stderr
        assert fields["x-forwarded-proto"] == "https"
        assert fields["x-forwarded-for"] == "127.0.0.1"
        assert fields["x-forwarded-host"] == fields["host"]
        assert fields["host"].startswith(f"{HOST}:")
        if kind == "uvicorn":  # believes its neighbours, as its default is
            assert told["scheme"] == "https"


def test_keeps_connections_to_the_backend(front):
    before = front.metrics()
    urls = [front.secure_url("/nowhere")] * 19
    front.curl("--insecure", *urls, path="/nowhere")
    after = front.metrics()

    def grown(name):
        return sum(after[key] - before.get(key, 0) for key in after if key.startswith(name))

    assert grown("flaskscale_requests_total") == 20
    assert grown("flaskscale_backend_connections_total") < 20


def test_errors_pass_through(front):
    assert front.curl(path="/nowhere").status == 404


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2", "--http2-prior-knowledge"])
def test_streams_of_unknown_length_arrive_whole(front, protocol):
    result = front.curl(path="/stream?chunks=200&size=9000", http=protocol)

    assert (result.code, result.status) == (0, 200), result.stderr
    assert result.body == b"".join(b"%c" % (97 + n % 26) * 9000 for n in range(200))


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2", "--http2-prior-knowledge"])
@pytest.mark.parametrize("length", ["known", "unknown"])
def test_uploads_arrive_whole(front, protocol, length):
    payload = os.urandom(3_000_001)
    arguments = ["--data-binary", "@-"]
    if length == "unknown":
        arguments = ["--upload-file", "-", "--request", "POST"]
    result = front.curl(*arguments, path="/upload", http=protocol, stdin=payload)

    assert result.status == 200, result.stderr
    told = result.json()
    assert (told["size"], told["sha256"]) == (len(payload), hashlib.sha256(payload).hexdigest())


class _EventReader:
    """curl that reads one event stream; its lines come as they arrive."""

    def __init__(self, front, name, count, protocol="--http2"):
        host, port = front.listener("secure")
        self._process = subprocess.Popen(
            ["curl", "--silent", "--no-buffer", "--noproxy", "*", "--max-time", FOREVER, protocol,
             "--cacert", str(front.ca.cert), "--resolve", f"{HOST}:{port}:{host}",
             front.secure_url(f"/events?name={name}&count={count}")], stdout=subprocess.PIPE)

    def line(self):
        """The next line; b"" at the end."""
        return self._process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.stdout.close()
        self._process.wait()


@asgi
@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_each_event_arrives_before_the_next_is_made(front, protocol):
    name = f"one{protocol}"
    with _EventReader(front, name, 3, protocol) as reader:
        for number in range(3):
            assert front.curl(path=f"/next?name={name}").status == 200
            assert reader.line() == b"data: %d\n" % number
            assert reader.line() == b"\n"
        assert reader.line() == b""


@asgi
def test_application_is_told_when_a_client_leaves(front):
    with _EventReader(front, "gone", 1000) as reader:
        front.curl(path="/next?name=gone")
        assert reader.line() == b"data: 0\n"

    def knows():
        # hypercorn finds a closed connection only when it writes to it.
        front.curl(path="/next?name=gone")
        return "gone" in front.curl(path="/left").json()

    front.wait_until(knows, 10 * SCALE, "it knows")
    front.wait_until(lambda: front.pool()["in_flight"] == 0, 10 * SCALE, "slot is free")


@asgi
def test_web_sockets_echo(front):
    async def talk():
        url = front.secure_url("/chat", "wss", "127.0.0.1")
        async with websockets.connect(url, ssl=front.tls_context(), max_size=1 << 24,
                                      open_timeout=20 * SCALE) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            payload = os.urandom(1 << 20)
            await socket.send(payload)
            assert await socket.recv() == payload
            await asyncio.wait_for(await socket.ping(), 10 * SCALE)
        assert socket.close_code == 1000

    asyncio.run(talk())
