#!/usr/bin/python3
"""Normal traffic: requests at a fixed rate over connections that are kept, half of them HTTP/1.1 and
half HTTP/2. A request counts from the time at which it was due.

    traffic.py HTTP1_PORT HTTP2_PORT RATE SECONDS

Prints JSON: failures, and for each request that was answered the second in which it was due (from 0
on) and its latency in microseconds."""
import collections
import contextlib
import gc
import json
import os
import select
import socket
import sys
import time

import frames as h2

HTTP1_CONNECTIONS = 16
HTTP2_CONNECTIONS = 4
GRACE = 5.0  # what is open at the end may still be answered
HTTP1_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
INDEXED_STATUS_200 = 0x88


class Http1:
    """One connection, one request at a time."""

    def __init__(self, port, done):
        self.port, self.done = port, done
        self.due = None
        self.received = b""
        self.sock = connect(port)

    def is_free(self):
        return self.due is None

    def send(self, due):
        self.due = due
        self.sock.sendall(HTTP1_REQUEST)

    def receive(self, octets):
        self.received += octets
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < 128:
            return
        due, self.due, self.received = self.due, None, b""
        self.done(due, head.startswith(b"HTTP/1.1 200 "))

    def lost(self):
        """How many requests its end has cost."""
        self.received = b""
        lost, self.due = (self.due is not None), None
        self.sock.close()
        self.sock = connect(self.port)
        return int(lost)


class Http2:
    """One connection with any number of requests at a time."""

    def __init__(self, port, done):
        self.port, self.done = port, done
        self.open()

    def open(self):
        self.open_streams = {}
        self.good = set()
        self.received = bytearray()
        self.next_stream = 1
        self.sock = connect(self.port)
        self.sock.sendall(h2.PREFACE + h2.settings((h2.HEADER_TABLE_SIZE, 0))
                          + h2.window_update(0, 1 << 30))

    def is_free(self):
        return True

    def send(self, due):
        self.open_streams[self.next_stream] = due
        self.sock.sendall(h2.request(self.next_stream))
        self.next_stream += 2

    def receive(self, octets):
        self.received += octets
        while len(self.received) >= h2.FRAME_HEAD:
            end = h2.FRAME_HEAD + int.from_bytes(self.received[:3], "big")
            if len(self.received) < end:
                return
            kind, flags = self.received[3], self.received[4]
            stream = int.from_bytes(self.received[5:9], "big")
            payload = bytes(self.received[h2.FRAME_HEAD:end])
            del self.received[:end]
            self.on_frame(kind, flags, stream, payload)

    def on_frame(self, kind, flags, stream, payload):
        if kind == h2.SETTINGS and not flags & h2.ACK:
            self.sock.sendall(h2.SETTINGS_ACK)
        elif kind == h2.PING and not flags & h2.ACK:
            self.sock.sendall(h2.frame(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.RST_STREAM:
            self.finish(stream, False)
        elif kind == h2.HEADERS and payload.lstrip(b"\x20")[:1] == bytes([INDEXED_STATUS_200]):
            self.good.add(stream)
        if kind in (h2.DATA, h2.HEADERS) and flags & h2.END_STREAM:
            self.finish(stream, stream in self.good)

    def finish(self, stream, good):
        self.good.discard(stream)
        due = self.open_streams.pop(stream, None)
        if due is not None:
            self.done(due, good)

    def lost(self):
        lost = len(self.open_streams)
        self.sock.close()
        self.open()
        return lost


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Traffic:
    """Sends what is due, receives what comes."""

    def __init__(self, http1_port, http2_port, rate):
        self.pause = 1.0 / rate
        self.latencies = {"http1": [], "http2": []}
        self.failed = 0
        self.begun = None
        self.clients = {
            "http1": [Http1(http1_port, self.recorder("http1")) for _ in range(HTTP1_CONNECTIONS)],
            "http2": [Http2(http2_port, self.recorder("http2")) for _ in range(HTTP2_CONNECTIONS)]}
        self.queued = {"http1": collections.deque(), "http2": collections.deque()}

    def recorder(self, kind):
        def done(due, good):
            if good:
                latency = (time.monotonic() - due) * 1e6
                self.latencies[kind].append((int(due - self.begun), latency))
            else:
                self.failed += 1

        return done

    def run(self, seconds):
        begun = self.begun = time.monotonic()
        due, number = begun, 0
        while True:
            now = time.monotonic()
            while due <= now and due < begun + seconds:
                self.queued[("http1", "http2")[number % 2]].append(due)
                number += 1
                due = begun + number * self.pause
            self.send_queued()
            finished = due >= begun + seconds
            answered = sum(map(len, self.latencies.values())) + self.failed
            if finished and (answered >= number or now > begun + seconds + GRACE):
                self.failed += number - answered
                return
            self.wait(GRACE if finished else max(0.0, due - time.monotonic()))

    def send_queued(self):
        for kind, queue in self.queued.items():
            clients = self.clients[kind]
            while queue:
                free = next((one for one in clients if one.is_free()), None)
                if free is None:
                    break
                clients.remove(free)
                clients.append(free)  # in turn
                self.guarded(free, lambda one=free, at=queue.popleft(): one.send(at))

    def guarded(self, client, action):
        try:
            action()
        except OSError:
            self.failed += client.lost()

    def wait(self, timeout):
        by_socket = {one.sock: one for clients in self.clients.values() for one in clients}
        # select() counts in microseconds where poll() counts in milliseconds.
        readable, _, _ = select.select(list(by_socket), [], [], timeout)
        for sock in readable:
            self.guarded(by_socket[sock], lambda one=by_socket[sock]: self.read(one))

    def read(self, client):
        octets = client.sock.recv(65536)
        if octets:
            client.receive(octets)
        else:
            self.failed += client.lost()


def main():
    http1_port, http2_port = int(sys.argv[1]), int(sys.argv[2])
    rate, seconds = float(sys.argv[3]), float(sys.argv[4])
    traffic = Traffic(http1_port, http2_port, rate)
    # What it waits for a CPU is no latency of the proxy's.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    gc.freeze()
    gc.disable()
    traffic.run(seconds)
    print(json.dumps({**traffic.latencies, "failed": traffic.failed}))


if __name__ == "__main__":
    main()
