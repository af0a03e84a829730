"""A scripted backend: the test decides every byte that it answers, and when it closes."""

import socket
import threading
import time

from loopback import own_address
from raw_stream import DEFAULT_TIMEOUT, RawStream, StreamClosed

OK_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class BackendConnection(RawStream):
    """One connection that flaskscale opened; `number` counts from 1."""

    def __init__(self, sock, backend, number, timeout):
        super().__init__(sock, timeout)
        self.backend = backend
        self.number = number

    def read_request(self):
        """The next request with its body; None when the peer closed between requests."""
        request = self.read_request_head()
        return request and self.read_body(request, until_close=False)

    def read_request_head(self):
        """Like read_request(), with the body left unread."""
        try:
            if not self._buffer:
                self._buffer = self.sock.recv(65536)
        except ConnectionResetError:
            return None
        if not self._buffer:
            return None
        request = self.read_head()
        self.backend.note(request)
        return request

    def serve(self, response=OK_RESPONSE):
        """Answers until the peer closes; `response` is bytes, or makes them of a request."""
        while (request := self.read_request()) is not None:
            answer = response(request) if callable(response) else response
            if request.method == "HEAD":
                answer = answer[: answer.index(b"\r\n\r\n") + 4]
            self.send(answer)


def _serve_ok(connection):
    connection.serve()


class RawBackend:
    """Listens on a free loopback port and runs `script(connection)` in a thread per connection.

    A script that raises because the peer went away is normal; any other exception is kept and
    raised by close(), so that a broken script can't pass for a broken proxy.
    """

    def __init__(self, script=_serve_ok, timeout=DEFAULT_TIMEOUT, port=0, host=None):
        """`host`: an address of this machine (default: own_address()), or the path of a Unix socket
        to make."""
        host = host or own_address()
        self.script = script
        self._timeout = timeout
        self._changed = threading.Condition()
        self._requests = []
        self._open = set()
        self._threads = []
        self._failures = []
        self._accepted = 0
        self._closing = False
        if host.startswith("/"):
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(host)
            self._listener.listen(1024)
            self.host, self.port = host, 0
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=1024)
            self.host, self.port = self._listener.getsockname()[:2]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    @property
    def address(self):
        """"host:port" or "unix:/path" as the configuration wants it."""
        if self.host.startswith("/"):
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def requests(self):
        """Copies of the request messages so far, from all connections."""
        with self._changed:
            return list(self._requests)

    @property
    def connections(self):
        """How many connections were ever accepted."""
        with self._changed:
            return self._accepted

    @property
    def open_connections(self):
        """How many connections are open on our side."""
        with self._changed:
            return len(self._open)

    def wait_for(self, condition, timeout=DEFAULT_TIMEOUT):
        """Waits until `condition(self)` holds; looked at after every request and connection."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            with self._changed:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"backend {self.address}: condition not met in {timeout} s,"
                        f" {len(self._requests)} requests, {self._accepted} connections")
                self._changed.wait(min(left, 0.05))

    def note(self, request):
        """Called by connections: a request head has been read."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def stop_listening(self):
        """New connections are refused; open ones live on."""
        self._closing = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._acceptor.join()
        self._listener.close()

    def close(self, check=True):
        """Ends all; with `check`, raises what a script raised by mistake."""
        self.stop_listening()
        with self._changed:
            open_now = list(self._open)
        for connection in open_now:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(self._timeout)
        if check and self._failures:
            raise self._failures[0]

    def _accept(self):
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._accepted += 1
                connection = BackendConnection(sock, self, self._accepted, self._timeout)
                self._open.add(connection)
                self._changed.notify_all()
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _run(self, connection):
        try:
            self.script(connection)
        except (StreamClosed, OSError):
            pass  # the peer went away, or close() ended us
        except Exception as error:  # noqa: BLE001 - kept for close()
            self._failures.append(error)
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()
