"""Budgets: system calls and allocations of a request, memory under large bodies."""

import mmap
import os
import signal
import ssl
import struct
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from certificates import make_identity
from flaskscale_process import binary_path, wait_until
from needed_tools import skip_without
from steady_load import PlainBackend, SteadyLoad

CONNECTIONS = 64
REQUESTS = 20_000
GIB = 1 << 30
MEMORY = 64 << 20
BLOCK = bytes(1 << 20)


def _is_sanitized():
    with open(binary_path(), "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return any(text.find(name) >= 0 for name in (b"__asan_init", b"__tsan_init"))


pytestmark = pytest.mark.skipif(binary_path().exists() and _is_sanitized(),
                                reason="a sanitizer changes system calls and memory")


@pytest.fixture(name="steady")
def _steady(stage):
    """Starts the program over the plain backend and gives the warmed load and the program."""
    with ExitStack() as stack:
        def start(environment=None):
            backend = stack.enter_context(PlainBackend())
            door = stage.front_door(backend.address, server={"workers": 1},
                                    health={"interval": "60s"}, environment=environment)
            load = stack.enter_context(SteadyLoad(door.listener(), CONNECTIONS))
            load.run(4000)
            return door, load

        yield start


# System calls

class Strace:
    """Counts the system calls of all threads of a process while it is entered."""

    def __init__(self, pid, output):
        self._pid = pid
        self._output = output
        self._process = None
        self.calls = {}

    def __enter__(self):
        self._process = subprocess.Popen(
            ["strace", "-c", "-f", "-p", str(self._pid), "-o", str(self._output)],
            stderr=subprocess.PIPE, text=True)
        try:
            wait_until(self._is_attached, 10, "strace attached to every thread")
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        return self

    def _is_attached(self):
        if self._process.poll() is not None:
            pytest.skip(f"strace cannot attach here: {self._process.stderr.read().strip()}")
        tasks = list(Path(f"/proc/{self._pid}/task").glob("*/status"))
        return all("TracerPid:\t0\n" not in task.read_text() for task in tasks)

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=30)
        for line in self._output.read_text().splitlines():
            columns = line.split()
            if len(columns) >= 5 and columns[3].isdigit() and columns[-1] != "total":
                self.calls[columns[-1]] = int(columns[3])

    def count(self, *names):
        """Calls of these names together."""
        return sum(self.calls.get(name, 0) for name in names)


@skip_without("strace")
def test_a_steady_request_costs_at_most_four_and_a_half_system_calls(steady, tmp_path):
    door, load = steady()

    with Strace(door.pid, tmp_path / "strace") as strace:
        load.run(REQUESTS)

    print({name: round(count / REQUESTS, 4) for name, count in strace.calls.items()})
    receives = strace.count("recvfrom", "recvmsg", "read", "readv")
    assert receives >= 2 * REQUESTS * 0.99  # it did see the requests
    assert sum(strace.calls.values()) <= 4.5 * REQUESTS
    assert strace.count("epoll_ctl") < 0.02 * REQUESTS
    assert strace.count("sendto", "sendmsg", "sendmmsg", "write", "writev") <= 2.01 * REQUESTS
    assert strace.count("futex") < 0.01 * REQUESTS


@skip_without("strace")
def test_a_steady_request_over_tls_costs_no_more_system_calls(stage, tmp_path):
    """One receive and one send for each turn of a side, however many records these are."""
    requests = REQUESTS // 4
    identity = make_identity(tmp_path, "a", ["test.example"])
    listener = {"listen": ["127.0.0.1:0"],
                "certificates": [{"cert": str(identity.cert), "key": str(identity.key)}]}
    context = ssl.create_default_context(cafile=identity.cert)
    with PlainBackend() as backend:
        door = stage.front_door(backend.address, server={"workers": 1}, listeners={"web": listener},
                                health={"interval": "60s"})
        with SteadyLoad(door.listener(), CONNECTIONS, wrap=lambda connection: context.wrap_socket(
                connection, server_hostname="test.example")) as load:
            load.run(requests)
            with Strace(door.pid, tmp_path / "strace") as strace:
                load.run(requests)

    print({name: round(count / requests, 4) for name, count in strace.calls.items()})
    assert strace.count("recvfrom", "recvmsg", "read", "readv") >= 2 * requests * 0.99
    assert sum(strace.calls.values()) <= 4.5 * requests
    assert strace.count("epoll_ctl") < 0.02 * requests
    assert strace.count("sendto", "sendmsg", "sendmmsg", "write", "writev") <= 2.01 * requests
    assert strace.count("brk", "mmap", "munmap", "madvise") < 0.01 * requests


# Allocations

def _counter_library(folder):
    built = os.environ.get("FLASKSCALE_MALLOC_COUNTER")
    if built:
        return built
    source = Path(__file__).resolve().parents[1] / "support" / "malloc_counter.c"
    library = folder / "malloc_counter.so"
    subprocess.run(["cc", "-O2", "-fno-builtin", "-shared", "-fPIC", "-o", str(library),
                    str(source)], check=True)
    return str(library)


def _heap_calls(path):
    allocations, reallocations, frees = struct.unpack("QQQ", path.read_bytes())
    return {"allocations": allocations, "reallocations": reallocations, "frees": frees}


def test_a_steady_request_allocates_nothing(steady, tmp_path):
    counts = tmp_path / "counts"
    _, load = steady({"LD_PRELOAD": _counter_library(tmp_path),
                      "FLASKSCALE_MALLOC_COUNTS": str(counts)})
    load.run(4000)

    before = _heap_calls(counts)
    load.run(REQUESTS)
    after = _heap_calls(counts)

    assert before["allocations"] > 100  # the counter is at work
    made = {kind: after[kind] - before[kind] for kind in after}
    print(made)
    # Not per request: once a second a few for log and timers, no more.
    assert made["allocations"] + made["reallocations"] < 0.01 * REQUESTS
    assert made["frees"] < 0.01 * REQUESTS


# Memory

class Reader:
    """Counts what comes from a socket, with some stalls on the way."""

    def __init__(self, sock, stalls=(0, 100 << 20, 500 << 20)):
        self._sock = sock
        self._stalls = list(stalls)
        self.received = 0

    def read(self, until=None):
        """Reads to the end, or at least `until` bytes."""
        room = memoryview(bytearray(1 << 20))
        while until is None or self.received < until:
            if self._stalls and self.received >= self._stalls[0]:
                self._stalls.pop(0)
                time.sleep(0.7)
            count = self._sock.recv_into(room)
            if not count:
                break
            self.received += count
        return self.received


def send_gib(sock, chunked):
    """Sends a body of one GiB."""
    block = b"100000\r\n" + BLOCK + b"\r\n" if chunked else BLOCK
    for _ in range(GIB // len(BLOCK)):
        sock.sendall(block)
    if chunked:
        sock.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize("framing", ["length", "chunks", "close"])
def test_an_answer_of_one_gib_to_a_slow_reader_stays_below_64_mib(stage, framing):
    def answer(connection, _):
        line = {"length": f"Content-Length: {GIB}\r\n", "chunks": "Transfer-Encoding: chunked\r\n",
                "close": ""}[framing]
        connection.send(f"HTTP/1.1 200 OK\r\n{line}\r\n".encode())
        send_gib(connection.sock, framing == "chunks")
        return False

    door = stage.front_door(stage.backend(answer))

    with door.client(timeout=30) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.read_head().status == 200
        assert Reader(client.sock).read() >= GIB - (1 << 20)

    assert door.resident_bytes(peak=True) < MEMORY


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_request_of_one_gib_to_a_slow_backend_stays_below_64_mib(stage, framing):
    received = []

    def answer(connection, _):
        reader = Reader(connection.sock)
        received.append(reader.read(until=GIB - (1 << 20)))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        connection.read_to_end()
        return False

    door = stage.front_door(stage.backend(answer, timeout=60), limits={"body_bytes": "2GiB"})

    with door.client(timeout=30) as client:
        line = (b"Transfer-Encoding: chunked" if framing == "chunks"
                else b"Content-Length: %d" % GIB)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
        send_gib(client.sock, framing == "chunks")
        assert client.read_response().status == 200

    assert received[0] >= GIB - (1 << 20)
    assert door.resident_bytes(peak=True) < MEMORY


def test_many_slow_readers_at_once_stay_below_64_mib(stage):
    def answer(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (32 << 20))
        for _ in range(32):
            connection.sock.sendall(BLOCK)

    door = stage.front_door(stage.backend(answer, timeout=60))

    with ExitStack() as stack:
        clients = [stack.enter_context(door.client(timeout=60, receive_buffer=16384))
                   for _ in range(CONNECTIONS)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in clients:
            assert client.read_head().status == 200
        time.sleep(1)  # whatever would be buffered without bound is buffered now
        assert door.resident_bytes(peak=True) < MEMORY
        threads = [threading.Thread(target=Reader(client.sock, stalls=()).read,
                                    args=((32 << 20) - 65536,)) for client in clients[:4]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert door.resident_bytes(peak=True) < MEMORY


def test_idle_connections_cost_little(stage):
    """The front door's share of one idle connection; the exact figure belongs to bench/peers."""
    count = 2000
    with PlainBackend() as backend:
        door = stage.front_door(backend.address, server={"workers": 1})
        with SteadyLoad(door.listener(), count) as warm:
            warm.run(count)
        door.until(lambda: door.status()["connections"] == 0, "all closed")
        before = door.resident_bytes()
        with SteadyLoad(door.listener(), count) as idle:
            idle.run(count)
            after = door.resident_bytes()

    assert (after - before) / count < 2048
