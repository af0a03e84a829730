"""A client that says exactly the bytes a test gives it."""

import socket

from raw_stream import DEFAULT_TIMEOUT, RawStream


class RawClient(RawStream):
    """One TCP connection to a listener: RawClient(("127.0.0.1", port)), or to
    the path of a Unix socket."""

    def __init__(self, address, timeout=DEFAULT_TIMEOUT, receive_buffer=None):
        """`receive_buffer` (bytes) makes a slow reader's window small from the first segment."""
        if isinstance(address, str):  # the path of a Unix socket
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(timeout)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        super().__init__(sock, timeout)

    def read_response(self, to_method="GET", skip_interim=True):
        """The next response; 1xx ones (but 101) are passed over unless `skip_interim` is False."""
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101 or not skip_interim:
                break
        bodiless = (to_method == "HEAD" or response.status in (204, 304)
                    or response.status < 200)
        return response if bodiless else self.read_body(response, until_close=True)

    def exchange(self, data, to_method="GET"):
        """Sends bytes and reads one response."""
        self.send(data)
        return self.read_response(to_method)

    def get(self, target="/", host="test.example", extra=""):
        """A GET on this connection; `extra` holds whole field lines that end in CRLF."""
        return self.exchange(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode())
