#!/usr/bin/python3
"""Floods one port of this machine until it is told to end.

    flooder.py KIND PORT CONNECTIONS

Each connection sends from octets made before, drops what it receives, and begins again as soon as it
is cut off. The flood `tls` sends the begin of a handshake and leaves when it is answered, which costs
the server a signature and the client next to nothing. SIGTERM: prints JSON and ends."""
import contextlib
import json
import select
import signal
import socket
import ssl
import struct
import sys
import time

import kinds

WAIT_FOR_ANSWER = 1.0  # of a server that does not answer a handshake
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def client_hello():
    """The first flight of a TLS 1.3 client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname="bench")
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


class Connection:
    """One connection and where it is in what it sends."""

    def __init__(self, flooder):
        self.flooder = flooder
        self.sock = None
        self.view = self.position = None
        self.wants_to_write = True
        self.opened = 0.0

    def open(self):
        """A fresh connection; False: nobody listens now."""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        # No TIME_WAIT: the ports of a flood would run out.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.view, self.position = self.flooder.first, 0
        self.wants_to_write = True
        self.opened = time.monotonic()
        self.flooder.opened += 1
        with contextlib.suppress(BlockingIOError):
            self.sock.connect(("127.0.0.1", self.flooder.port))
        self.flooder.connections[self.sock.fileno()] = self
        self.flooder.epoll.register(self.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def reopen(self):
        self.close()
        try:
            self.open()
        except OSError:
            self.close()
            self.flooder.waiting.append(self)

    def close(self):
        if self.sock is None:
            return
        descriptor = self.sock.fileno()
        self.flooder.connections.pop(descriptor, None)
        with contextlib.suppress(FileNotFoundError, OSError):
            self.flooder.epoll.unregister(descriptor)
        self.sock.close()
        self.sock = None

    def on_event(self, events):
        try:
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self.receive()
            if self.sock is not None and events & select.EPOLLOUT:
                self.send()
        except OSError:
            self.reopen()

    def receive(self):
        try:
            answered = self.sock.recv_into(self.flooder.scratch)
        except BlockingIOError:
            return
        if answered == 0 or self.flooder.leaves_when_answered:
            self.flooder.cut_off += 1
            self.reopen()

    def send(self):
        try:
            sent = self.sock.send(self.view[self.position:self.position + kinds.BATCH])
        except BlockingIOError:
            return
        self.flooder.sent += sent
        self.position += sent
        if self.position < len(self.view):
            return
        if self.flooder.repeated is None:
            self.reopen()
        elif self.flooder.repeated:
            self.view, self.position = self.flooder.repeated, 0
        else:
            self.flooder.epoll.modify(self.sock.fileno(), select.EPOLLIN)


class Flooder:
    """All connections of one flood."""

    def __init__(self, kind, port, count):
        self.port = port
        self.leaves_when_answered = kind == "tls"
        first, repeated = (client_hello(), b"") if kind == "tls" else kinds.KINDS[kind]()
        self.first = memoryview(first)
        self.repeated = None if repeated is None else memoryview(repeated)
        self.epoll = select.epoll()
        self.connections = {}
        self.waiting = [Connection(self) for _ in range(count)]
        self.scratch = bytearray(1 << 16)
        self.opened = self.cut_off = self.sent = 0

    def run(self):
        while True:
            waiting, self.waiting = self.waiting, []
            for connection in waiting:
                connection.reopen()
            for descriptor, events in self.epoll.poll(0.02):
                if connection := self.connections.get(descriptor):
                    connection.on_event(events)
            if self.leaves_when_answered:
                self.leave_the_silent()

    def leave_the_silent(self):
        latest = time.monotonic() - WAIT_FOR_ANSWER
        for connection in [one for one in self.connections.values() if one.opened < latest]:
            connection.reopen()


def main():
    flooder = Flooder(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    begun = time.monotonic()
    try:
        flooder.run()
    finally:
        print(json.dumps({"connections": flooder.opened, "cut_off": flooder.cut_off,
                          "bytes": flooder.sent, "seconds": time.monotonic() - begun}), flush=True)


if __name__ == "__main__":
    main()
