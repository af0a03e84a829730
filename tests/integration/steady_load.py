"""An exact number of small requests over connections that stay open, and a backend for them."""

import selectors
import socket
import subprocess
import sys
from pathlib import Path

from loopback import own_address

REQUEST = b"GET /hello HTTP/1.1\r\nHost: test.example\r\nUser-Agent: steady\r\n\r\n"


class PlainBackend:
    """plain_backend.py as a process of its own, as a context manager; `address` is "host:port"."""

    def __enter__(self):
        program = Path(__file__).with_name("plain_backend.py")
        self._process = subprocess.Popen([sys.executable, str(program), own_address()],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class SteadyLoad:
    """Keeps one request in flight on each of its connections."""

    def __init__(self, address, connections, wrap=lambda connection: connection):
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        for _ in range(connections):
            connection = socket.create_connection(address, timeout=30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = wrap(connection)
            self._selector.register(connection, selectors.EVENT_READ)
            self._sockets.append(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._selector.close()
        for connection in self._sockets:
            connection.close()

    def run(self, count):
        """Sends exactly `count` requests, all of which must be answered with 200."""
        started = 0
        for connection in self._sockets[:count]:
            connection.send(REQUEST)
            started += 1
        done = 0
        while done < count:
            ready = self._selector.select(30)
            assert ready, f"no answer in 30 s after {done} of {count}"
            for key, _ in ready:
                answer = key.fileobj.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                assert answer.endswith(b"hello, world"), answer
                done += 1
                if started < count:
                    key.fileobj.send(REQUEST)
                    started += 1
