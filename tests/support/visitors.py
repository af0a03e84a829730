"""People who visit a site: each asks for one page after the other over a connection of their own,
and everything that is not a 200 is remembered."""

import http.client
import threading
import time
from collections import Counter

CONNECT_PAUSE = 0.05  # between two tries while nobody listens
REQUEST_TIMEOUT = 90.0  # longer than the front door holds a request: late is not lost


class Visitors:
    """A load of `count` visitors from construction until finish() or the end of the context.

    The number can be changed at any time. A refused connection is tried again and only counted: no
    request was on it. Everything else that goes wrong is a failure.
    """

    def __init__(self, address, count, path="/?ms=150", pause=0.0):
        self._address = address
        self._path = path
        self._pause = pause
        self._lock = threading.Lock()
        self._leave = []  # one event a visitor
        self._threads = []
        self._answered = 0
        self.failures = []  # (seconds since the start, what)
        self.refused = 0
        self.served_by = Counter()  # X-Backend → answers
        self.slowest = 0.0
        self._start = time.monotonic()
        self.set_count(count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()

    @property
    def answered(self):
        """Pages that arrived whole."""
        return self._answered

    @property
    def present(self):
        """Visitors at the moment, with those who still wait for their last page."""
        return sum(thread.is_alive() for thread in self._threads)

    def set_count(self, count):
        """More or fewer visitors from now on; those who go first get their page."""
        while len(self._leave) > count:
            self._leave.pop().set()
        while len(self._leave) < count:
            leave = threading.Event()
            thread = threading.Thread(target=self._visit, args=(leave,), daemon=True)
            self._leave.append(leave)
            self._threads.append(thread)
            thread.start()

    def finish(self):
        """Sends all home, waits for their last pages, and returns the failures."""
        self.set_count(0)
        for thread in self._threads:
            thread.join(REQUEST_TIMEOUT + 10)
            assert not thread.is_alive(), "a visitor still waits for a page"
        self._threads = []
        return self.failures

    def _visit(self, leave):
        connection = None
        while not leave.is_set():
            if connection is None and (connection := self._connect(leave)) is None:
                return
            begin = time.monotonic()
            try:
                connection.request("GET", self._path)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    self._fail(f"{response.status} {response.reason}: {body[:200]!r}")
                self._note(response.getheader("X-Backend"), time.monotonic() - begin)
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self._fail(f"{type(error).__name__}: {error}")
                connection.close()
                connection = None
                leave.wait(CONNECT_PAUSE)
            if self._pause:
                leave.wait(self._pause)
        if connection is not None:
            connection.close()

    def _connect(self, leave):
        while not leave.is_set():
            connection = http.client.HTTPConnection(*self._address, timeout=REQUEST_TIMEOUT)
            try:
                connection.connect()
                return connection
            except OSError:
                with self._lock:
                    self.refused += 1
                leave.wait(CONNECT_PAUSE)
        return None

    def _note(self, backend, seconds):
        with self._lock:
            self._answered += 1
            self.slowest = max(self.slowest, seconds)
            if backend:
                self.served_by[backend] += 1

    def _fail(self, what):
        with self._lock:
            self.failures.append((round(time.monotonic() - self._start, 3), what))
