"""A raw backend that a test steers request by request, and answers made of bytes."""

import select
import socket
import threading

from front_door import seconds
from raw_backend import RawBackend


def ok(body=b"ok", *fields, status="200 OK"):
    """A response with Content-Length and further field lines."""
    lines = "".join(f"{line}\r\n" for line in fields)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def post(body, target="/", *fields):
    """A POST request with Content-Length."""
    lines = "".join(f"{line}\r\n" for line in fields)
    return (f"POST {target} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {len(body)}\r\n"
            f"{lines}\r\n").encode() + body


class End(Exception):
    """Raised by a handler: the backend closes this connection now."""


class Scripted(RawBackend):
    """Answers each request as `answer` says at that moment; tests may replace it at any time.

    `answer` is bytes (sent after the body was read), or a function of (connection, request) that
    reads and sends for itself, or returns bytes to send. A handler that returns False or raises End
    closes the connection. Connections without a request (checks by TCP connect) leave no trace.
    """

    def __init__(self, answer=None, **options):
        options.setdefault("timeout", seconds(20))
        self.answer = answer if answer is not None else ok()
        self.complete = []  # requests whose body has been read to its end
        self.serving = 0    # requests between their head and the end of their answer
        self.most_serving = 0
        self.request_connections = []  # numbers of the connections that carried each request
        self._lock = threading.Lock()
        super().__init__(self._serve, **options)

    def read_rest(self, connection, request):
        """Reads the request's body and remembers that it came in full."""
        connection.read_body(request, until_close=False)
        request.is_complete = True
        with self._changed:
            self.complete.append(request)
            self._changed.notify_all()
        return request

    @property
    def targets(self):
        """Targets of the requests so far, in the order of their heads."""
        return [request.target for request in self.requests]

    def wait_requests(self, count):
        """Waits until so many request heads have come."""
        self.wait_for(lambda backend: len(backend.requests) >= count, seconds(10))

    def _serve(self, connection):
        try:
            while (request := connection.read_request_head()) is not None:
                if self._answer_one(connection, request) is False:
                    return
        except End:
            pass

    def _answer_one(self, connection, request):
        with self._lock:
            self.request_connections.append(connection.number)
            self.serving += 1
            self.most_serving = max(self.most_serving, self.serving)
        try:
            answer = self.answer
            if callable(answer):
                answer = answer(connection, request)
            if isinstance(answer, bytes) and not getattr(request, "is_complete", False):
                self.read_rest(connection, request)
        finally:
            # Before the answer goes out: after it the next may come on another connection.
            with self._lock:
                self.serving -= 1
        if not isinstance(answer, bytes):
            return answer
        if request.method == "HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        connection.send(answer)
        return True


class Gate:
    """A handler that keeps requests waiting until the test lets them go."""

    def __init__(self, answer=None):
        self._answer = answer or ok()
        self._permits = threading.Semaphore(0)
        self._opened = threading.Event()

    def __call__(self, connection, request):
        while not self._opened.is_set() and not self._permits.acquire(timeout=0.02):
            if _has_left(connection):
                raise End
        return self._answer(connection, request) if callable(self._answer) else self._answer

    def let(self, count=1):
        """Answers so many of the waiting or coming requests."""
        self._permits.release(count)

    def open(self):
        """Answers all from now on."""
        self._opened.set()


def _has_left(connection):
    readable, _, _ = select.select([connection.sock], [], [], 0)
    try:
        return bool(readable) and not connection.sock.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
