"""gRPC through the front door: Debian's python3-grpcio at both ends, backends over h2c."""

import contextlib
import json
import queue
import re
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest
from curl import run_curl
from flaskscale_process import ROOT, SCALE, FlaskscaleProcess, static_config, wait_until
from grpc_backend import SERVICE, GrpcBackend

DEADLINE = 60 * SCALE
MEGABYTE = 1 << 20
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1),
           ("grpc.max_send_message_length", -1)]


def grpc_config(*addresses, slots=32, pool="", extra=""):
    """Cleartext HTTP/2 on both sides."""
    text = static_config(*addresses, slots=slots, pool='protocol = "h2c"\n' + pool, extra=extra)
    return text.replace("[listeners.web]\n", "[listeners.web]\nhttp2 = true\n").replace(
        '[access_log]\npath = "off"', '[access_log]\npath = "access.log"\nformat = "json"')


class Client:
    """Methods of demo.Echo over one channel."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=OPTIONS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def unary(self, name, request=b"", **options):
        """One message each way."""
        return self.channel.unary_unary(f"/{SERVICE}/{name}")(
            request, **{"timeout": DEADLINE, **options})

    def unary_with_call(self, name, request=b"", **options):
        """The same with the call, for its trailers."""
        return self.channel.unary_unary(f"/{SERVICE}/{name}").with_call(
            request, **{"timeout": DEADLINE, **options})

    def stream(self, name, request=b"", **options):
        """Messages from the server."""
        return self.channel.unary_stream(f"/{SERVICE}/{name}")(
            request, **{"timeout": DEADLINE, **options})

    def upload(self, name, requests, **options):
        """Messages to the server."""
        return self.channel.stream_unary(f"/{SERVICE}/{name}")(
            requests, **{"timeout": DEADLINE, **options})

    def both(self, name, requests, **options):
        """Messages both ways."""
        return self.channel.stream_stream(f"/{SERVICE}/{name}")(
            requests, **{"timeout": DEADLINE, **options})


def address_of(front):
    """Where the front door listens."""
    return front.url("/").removeprefix("http://").rstrip("/")


@contextlib.contextmanager
def served(*addresses, **options):
    """A front door before these backends, and a client of it."""
    with FlaskscaleProcess(grpc_config(*addresses, **options), wait="serving") as front:
        with Client(address_of(front)) as client:
            yield front, client


def free_port():
    """One that was free just now: the page names fixed ones, which a test can't use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def in_flight(front):
    """Slots taken."""
    return sum(backend["in_flight"] for backend in front.status()["pools"][0]["backends"])


def code_of(call):
    """How a call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return failed.value.code(), failed.value.details()


class Messages:
    """Requests of a stream, given one at a time."""

    def __init__(self):
        self._queue = queue.Queue()

    def put(self, message):
        """None ends the stream."""
        self._queue.put(message)

    def __iter__(self):
        return self

    def __next__(self):
        message = self._queue.get()
        if message is None:
            raise StopIteration
        return message


@pytest.fixture(name="backend", scope="module")
def _backend():
    with GrpcBackend() as server:
        yield server


@pytest.fixture(name="pair", scope="module")
def _pair(backend):
    with served(backend.address) as both:
        yield both


@pytest.fixture(name="client")
def _client(pair):
    return pair[1]


@pytest.fixture(name="front")
def _front(pair):
    return pair[0]


def test_unary_with_metadata_and_trailers(client):
    reply, call = client.unary_with_call(
        "Unary", b"hello", metadata=[("give-back", "a"), ("give-back-bin", b"\x00\xff")])

    assert reply == b"hello"
    trailers = dict(call.trailing_metadata())
    assert trailers["give-back"] == "a"
    assert trailers["give-back-bin"] == b"\x00\xff"


def test_backend_hears_who_asks(client):
    metadata = dict(json.loads(client.unary("Who", metadata=[("x-mine", "1")])))

    assert metadata["x-mine"] == "1"
    assert metadata["x-forwarded-for"] == "127.0.0.1"
    assert metadata["x-forwarded-proto"] == "http"
    assert metadata["via"] == "2.0 flaskscale"


def test_server_streaming(client):
    assert list(client.stream("Range", b"1000")) == [str(n).encode() for n in range(1000)]


def test_client_streaming(client):
    assert json.loads(client.upload("Measure", (b"x" * n for n in range(500)))) == [
        500, sum(range(500))]


def test_bidirectional_messages_alternate(client):
    messages = Messages()
    answers = client.both("Chat", messages)
    for number in range(50):
        messages.put(f"{number}".encode())
        assert next(answers) == f"you said {number}".encode()
    messages.put(None)

    assert list(answers) == []
    assert answers.code() == grpc.StatusCode.OK


def test_many_streams_share_the_connection(client):
    calls = [(Messages(), n) for n in range(30)]
    streams = [client.both("Chat", messages) for messages, _ in calls]
    for turn in range(3):
        for messages, number in calls:
            messages.put(f"{turn} {number}".encode())
        for stream, (_, number) in zip(streams, calls):
            assert next(stream) == f"you said {turn} {number}".encode()
    for messages, _ in calls:
        messages.put(None)
    assert all(list(stream) == [] for stream in streams)


def test_large_messages_both_ways(client):
    payload = bytes(range(256)) * (8 * MEGABYTE // 256)

    assert client.unary("Unary", payload) == payload
    assert json.loads(client.upload("Measure", (payload for _ in range(4)))) == [4, 4 * len(payload)]


def test_slow_reader_holds_the_server_back_and_nobody_else(client, front):
    before = front.resident_bytes()
    stream = client.stream("Blobs", b"400 262144")
    assert len(next(stream)) == 262144
    for _ in range(20):
        assert client.unary("Unary", b"quick", timeout=20 * SCALE) == b"quick"
        assert front.resident_bytes() - before < 30 * MEGABYTE
    sizes = [262144, *(len(blob) for blob in stream)]

    assert sizes == [262144] * 400


@pytest.mark.parametrize("code", [1, 3, 5, 7, 8, 14, 16])
def test_status_and_trailers_of_failures_pass(client, code):
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("Fail", str(code).encode())

    assert failed.value.code().value[0] == code
    assert failed.value.details() == "as you wish: 100 %"
    assert dict(failed.value.trailing_metadata())["why"] == "asked"


def test_failure_after_messages(client):
    stream = client.stream("FailLate", b"3")

    assert [next(stream) for _ in range(3)] == [b"0", b"1", b"2"]
    assert code_of(lambda: next(stream)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "no more")


def test_unknown_method_is_unimplemented(client):
    assert code_of(lambda: client.unary("Nothing"))[0] == grpc.StatusCode.UNIMPLEMENTED


def counters(client):
    """Of the backend's Hold and Hang calls."""
    return json.loads(client.unary("Counters"))


def test_cancel_reaches_the_backend_and_frees_the_slot(client, front):
    cancelled = counters(client)["cancelled"]
    streams = [client.stream("Hold") for _ in range(4)]
    assert [next(stream) for stream in streams] == [b"begun"] * 4
    assert in_flight(front) == 4
    for stream in streams:
        stream.cancel()

    wait_until(lambda: in_flight(front) == 0, 5 * SCALE, "slots are free")
    wait_until(lambda: counters(client)["cancelled"] == cancelled + 4, 5 * SCALE, "told the backend")


def test_deadline_of_the_client(client, front):
    code, _ = code_of(lambda: client.unary("Hang", timeout=1 * SCALE))

    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: in_flight(front) == 0, 5 * SCALE, "slot is free")
    wait_until(lambda: counters(client)["held"] == 0, 5 * SCALE, "told the backend")


def test_silence_of_a_stream_is_no_fault(backend):
    with served(backend.address, extra='[timeouts]\nbody = "300ms"\nresponse = "20s"\n') as (_, client):
        messages = Messages()
        answers = client.both("Chat", messages)
        messages.put(b"one")
        assert next(answers) == b"you said one"
        time.sleep(1.5)
        messages.put(b"two")
        assert next(answers) == b"you said two"
        messages.put(None)
        assert list(answers) == []


def test_answers_of_the_front_door_are_grpc(backend):
    extra = '[timeouts]\nresponse = "1s"\n'
    with served(backend.address, slots=1, pool="queue.limit = 0\n", extra=extra) as (front, client):
        assert code_of(lambda: client.unary("Hang")) == (
            grpc.StatusCode.DEADLINE_EXCEEDED, "response_timeout")
        wait_until(lambda: in_flight(front) == 0, 5 * SCALE, "slot is free")
        held = client.stream("Hold")
        assert next(held) == b"begun"
        assert code_of(lambda: client.unary("Unary")) == (grpc.StatusCode.UNAVAILABLE, "queue_full")
        held.cancel()
        wait_until(lambda: in_flight(front) == 0, 5 * SCALE, "slot is free")
        assert client.unary("Unary", b"again") == b"again"
        log = front.directory / "access.log"
        wait_until(lambda: "queue_full" in log.read_text(), 10 * SCALE, "logged")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["status"] for line in lines if line["reason"] == "queue_full"} == {503}
        assert {line["status"] for line in lines if line["reason"] == "response_timeout"} == {504}


def test_queue_holds_calls_until_there_is_a_slot(backend):
    with served(backend.address, slots=2) as (_, client):
        calls = [client.channel.unary_unary(f"/{SERVICE}/Unary").future(
            str(n).encode(), timeout=DEADLINE) for n in range(40)]

        assert [call.result() for call in calls] == [str(n).encode() for n in range(40)]


def test_backend_killed_in_the_midst_is_unavailable():
    with GrpcBackend() as mine, served(mine.address) as (_, client):
        stream = client.stream("Hold")
        assert next(stream) == b"begun"
        hanging = client.channel.unary_unary(f"/{SERVICE}/Hang").future(b"", timeout=DEADLINE)
        wait_until(lambda: counters(client)["held"] == 2, 10 * SCALE, "both have begun")
        mine.kill()

        assert code_of(lambda: next(stream)) == (grpc.StatusCode.UNAVAILABLE, "backend_closed")
        assert hanging.code() == grpc.StatusCode.UNAVAILABLE


def test_backend_that_ends_gracefully_costs_no_call():
    with GrpcBackend() as one, GrpcBackend() as other:
        with served(one.address, other.address) as (_, client):
            failures, done, stop = [], [0], threading.Event()

            def work():
                while not stop.is_set():
                    try:
                        assert client.unary("Unary", b"x") == b"x"
                        done[0] += 1
                    except grpc.RpcError as error:
                        failures.append(error.details())

            workers = [threading.Thread(target=work) for _ in range(4)]
            for worker in workers:
                worker.start()
            try:
                wait_until(lambda: done[0] >= 50, DEADLINE, "calls before")
                one.finish()
                wait_until(one.has_ended, DEADLINE, "one has ended")
                before = done[0]
                wait_until(lambda: done[0] >= before + 50, DEADLINE, "calls after")
            finally:
                stop.set()
                for worker in workers:
                    worker.join()

            # A server of grpcio that ends says so to calls that it has taken and not begun, whoever
            # made them: at most one of each worker.
            assert [failure for failure in failures if failure != "CANCELLED"] == []
            assert len(failures) <= len(workers)


def test_shutdown_lets_streams_end(backend):
    with served(backend.address) as (front, client):
        messages = Messages()
        answers = client.both("Chat", messages)
        messages.put(b"one")
        assert next(answers) == b"you said one"
        front.signal(signal.SIGTERM)
        wait_until(lambda: not front.is_ready(), 10 * SCALE, "shutting down")
        messages.put(b"two")
        assert next(answers) == b"you said two"
        messages.put(None)

        assert list(answers) == []
        assert answers.code() == grpc.StatusCode.OK
        client.channel.close()
        assert front.wait_exit() == 0
        front.check_sanitizers()


ASGI = '''
async def app(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    if scope["path"] == "/empty":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    text = f"{scope['http_version']} {scope['method']} {len(body)}\\\\n".encode()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain")]})
    for part in (text, b"." * 300000):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"end"})
'''


@pytest.fixture(name="hypercorn", scope="module")
def _hypercorn(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hypercorn")
    (directory / "app.py").write_text(ASGI.replace("\\\\n", "\\n"))
    path = directory / "app.sock"
    process = subprocess.Popen(
        ["/usr/bin/python3", "-m", "hypercorn", "--bind", f"unix:{path}", "app:app"],
        cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(path.exists, 20 * SCALE, "hypercorn listens")
        with FlaskscaleProcess(grpc_config(f"unix:{path}"), wait="serving") as front:
            yield front
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0", "--http2-prior-knowledge"])
def test_hypercorn_over_h2c_serves_every_client(hypercorn, version):
    got = run_curl(version, hypercorn.url("/"))
    assert (got.status, got.body) == (200, b"2 GET 0\n" + b"." * 300000 + b"end")

    got = run_curl(version, "--head", hypercorn.url("/"))
    assert (got.status, got.facts["size_download"]) == (200, 0)

    got = run_curl(version, hypercorn.url("/empty"))
    assert (got.status, got.body) == (204, b"")


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_hypercorn_over_h2c_takes_bodies(hypercorn, version):
    for extra in ([], ["--header", "Transfer-Encoding: chunked"]):
        if extra and version != "--http1.1":
            continue
        got = run_curl(version, *extra, "--header", "Expect:", "--data-binary", "@-",
                       hypercorn.url("/"), stdin=b"x" * (3 * MEGABYTE))
        assert got.status == 200
        assert got.body.startswith(f"2 POST {3 * MEGABYTE}\n".encode())


def test_upgrades_are_refused(hypercorn):
    got = run_curl("--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket",
                   "--header", "Sec-WebSocket-Version: 13",
                   "--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", hypercorn.url("/"))

    assert got.status == 501
    assert b"upgrade_not_supported" in got.body


BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_about_it_works(tmp_path):
    blocks = BLOCK.findall((ROOT / "docs" / "grpc.md").read_text())
    config, (server, client) = (
        next(text for language, text in blocks if language == "toml"),
        [text for language, text in blocks if language == "python"])
    backend_port, front_port = free_port(), free_port()
    config = config.replace("50051", str(backend_port)).replace("8080", str(front_port))
    (tmp_path / "server.py").write_text(server.replace("50051", str(backend_port)))
    (tmp_path / "client.py").write_text(client.replace("8080", str(front_port)))
    process = subprocess.Popen(["/usr/bin/python3", str(tmp_path / "server.py")])
    try:
        with FlaskscaleProcess(config, wait="listening"):
            wait_until(lambda: subprocess.run(
                ["/usr/bin/python3", str(tmp_path / "client.py")], capture_output=True, check=False,
                timeout=DEADLINE).stdout == b"you said hello\nyou said goodbye\n",
                30 * SCALE, "the client gets its answers")
    finally:
        process.kill()
        process.wait()
