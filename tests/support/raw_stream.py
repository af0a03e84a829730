"""A TCP socket that reads and writes HTTP/1.1 messages byte by byte, with a deadline on every call.

Nothing is repaired: what the peer sent is what the test sees. RawClient and the connections of
RawBackend are both such streams.
"""

import select
import socket
import struct
from dataclasses import dataclass, field

DEFAULT_TIMEOUT = 10.0
READ_SIZE = 65536


class StreamClosed(AssertionError):
    """The peer closed or reset the connection before what was waited for had come."""


@dataclass
class RawMessage:
    """One request or response: the start line, the fields in the order received, and the body."""

    start_line: str
    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    head: bytes = b""
    framing: bytes = b""  # the body as it was on the wire, chunk sizes included

    @property
    def status(self):
        """Status code of a response."""
        return int(self.start_line.split(" ", 2)[1])

    @property
    def method(self):
        """Method of a request."""
        return self.start_line.split(" ", 1)[0]

    @property
    def target(self):
        """Request target as written on the wire."""
        return self.start_line.split(" ")[1]

    def all(self, name):
        """Every value of a field, in order; names compare without case."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        """First value of a field."""
        values = self.all(name)
        return values[0] if values else default


def _parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise AssertionError(f"field line without a colon: {line!r}")
        fields.append((name, value.strip(" \t")))
    return fields


class RawStream:
    """Owns one connected socket. Used by one thread at a time."""

    def __init__(self, sock, timeout=DEFAULT_TIMEOUT):
        self.sock = sock
        self.sock.settimeout(timeout)
        if sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Writing and closing

    def send(self, data):
        """Sends everything, or raises."""
        self.sock.sendall(data)

    def half_close(self):
        """Ends our direction; the peer may still send."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with a TCP reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        """May be called again."""
        self.sock.close()

    # Reading

    def _fill(self):
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise StreamClosed(f"connection closed, {len(self._buffer)} bytes read: "
                               f"{self._buffer[:200]!r}")
        self._buffer += data

    def _take(self, count):
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read_until(self, mark):
        """Everything up to and including `mark`."""
        while mark not in self._buffer:
            self._fill()
        return self._take(self._buffer.index(mark) + len(mark))

    def read_exactly(self, count):
        """Exactly `count` bytes."""
        while len(self._buffer) < count:
            self._fill()
        return self._take(count)

    def read_some(self, limit=READ_SIZE):
        """What is there, waiting for at least one byte; b"" when the peer has closed."""
        if not self._buffer:
            self._buffer = self.sock.recv(limit)
        return self._take(limit)

    def read_to_end(self):
        """Everything until the peer closes in order."""
        parts = [self._take(len(self._buffer))]
        while data := self.sock.recv(READ_SIZE):
            parts.append(data)
        return b"".join(parts)

    def is_silent(self, seconds):
        """True if neither a byte nor an end comes within `seconds`."""
        if self._buffer:
            return False
        readable, _, _ = select.select([self.sock], [], [], seconds)
        return not readable

    def at_end(self):
        """True if the peer ended or reset the connection with nothing unread; waits for either."""
        if self._buffer:
            return False
        try:
            self._buffer = self.sock.recv(READ_SIZE)
        except ConnectionResetError:
            return True
        return not self._buffer

    def read_head(self):
        """Start line and fields, without a body."""
        head = self.read_until(b"\r\n\r\n")
        lines = head[:-4].decode("latin-1").split("\r\n")
        return RawMessage(start_line=lines[0], fields=_parse_fields(lines[1:]), head=head)

    def read_chunk(self):
        """Payload of the next chunk, and its bytes on the wire; (b"", …) for the last chunk."""
        line = self.read_until(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return b"", line
        payload = self.read_exactly(size)
        end = self.read_exactly(2)
        if end != b"\r\n":
            raise AssertionError(f"chunk not ended by CRLF but by {end!r}")
        return payload, line + payload + end

    def _read_chunked(self, message):
        while True:
            payload, wire = self.read_chunk()
            message.framing += wire
            if not payload:
                break
            message.body += payload
        trailer_lines = []
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            message.framing += line
            trailer_lines.append(line[:-2].decode("latin-1"))
        message.framing += b"\r\n"
        message.trailers = _parse_fields(trailer_lines)

    def read_body(self, message, until_close):
        """Reads the body that `message` announces; `until_close` where no length is given."""
        if "chunked" in message.get("Transfer-Encoding", "").lower():
            self._read_chunked(message)
        elif message.get("Content-Length") is not None:
            message.body = message.framing = self.read_exactly(int(message.get("Content-Length")))
        elif until_close:
            message.body = message.framing = self.read_to_end()
        return message
