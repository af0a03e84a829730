"""HTTP/2 by hand: frames are written and read byte by byte, so that a test can break any rule.

Header blocks are written as literals without indexing. For reading, HPACK (RFC 7541) is decoded as
far as a test needs it: the static table, the dynamic table and Huffman codes.
"""

import struct
from dataclasses import dataclass, field

from raw_client import RawClient
from raw_stream import StreamClosed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = range(14)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
NO_RFC7540_PRIORITIES = 9


@dataclass
class Frame:
    """One frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes = b""

    @property
    def error(self):
        """The error code of RST_STREAM and GOAWAY."""
        at = 4 if self.kind == GOAWAY else 0
        return struct.unpack_from(">I", self.payload, at)[0]

    @property
    def last_stream(self):
        """Of a GOAWAY."""
        return struct.unpack_from(">I", self.payload)[0] & 0x7FFFFFFF

    @property
    def settings(self):
        """{identifier: value}."""
        return dict(struct.iter_unpack(">HI", self.payload))

    @property
    def increment(self):
        """Of a WINDOW_UPDATE."""
        return struct.unpack(">I", self.payload)[0] & 0x7FFFFFFF

    @property
    def ends_stream(self):
        """Whether it is the last of its side."""
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)


@dataclass
class Response:
    """What came on one stream until it ended."""

    fields: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    informational: list = field(default_factory=list)
    reset: int = None  # error code
    data_frames: int = 0

    @property
    def status(self):
        """As a number."""
        return int(self.get(":status"))

    def get(self, name, default=None):
        """First value of a field."""
        return next((value for key, value in self.fields if key == name), default)


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """The bytes of a frame; `length` may lie."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs, ack=False):
    """A SETTINGS frame of (identifier, value) pairs."""
    return frame(SETTINGS, ACK if ack else 0, 0,
                 b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, increment):
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream, error=CANCEL):
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def goaway(last=0, error=NO_ERROR, debug=b""):
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, error) + debug)


def ping(data=b"12345678", ack=False):
    """A PING frame."""
    return frame(PING, ACK if ack else 0, 0, data)


def priority(stream, depends_on=0, weight=15):
    """A PRIORITY frame."""
    return frame(PRIORITY, 0, stream, struct.pack(">IB", depends_on, weight))


def data(stream, payload=b"", end=False, padding=None):
    """A DATA frame."""
    flags = END_STREAM if end else 0
    if padding is not None:
        return frame(DATA, flags | PADDED, stream,
                     bytes([padding]) + payload + b"\0" * padding)
    return frame(DATA, flags, stream, payload)


def _integer(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out = [first | limit]
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def _as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def block(fields):
    """A header block: each field a literal without indexing."""
    out = b""
    for name, value in fields:
        name, value = _as_bytes(name), _as_bytes(value)
        out += b"\0" + _integer(len(name), 7) + name + _integer(len(value), 7) + value
    return out


def request_fields(path="/", method="GET", authority="test.example", scheme="http", extra=()):
    """The fields of an ordinary request; None leaves a pseudo-header out."""
    pseudo = ((":method", method), (":scheme", scheme), (":authority", authority), (":path", path))
    return [(name, value) for name, value in pseudo if value is not None] + list(extra)


def headers(stream, fields=None, end=True, flags=END_HEADERS):
    """A HEADERS frame; `fields` default to a GET."""
    return frame(HEADERS, flags | (END_STREAM if end else 0), stream,
                 block(request_fields() if fields is None else fields))


def request(stream, path="/", body=None, **about):
    """All frames of one request."""
    out = headers(stream, request_fields(path, **about), end=body is None)
    if body is not None:
        pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
        for piece in pieces[:-1]:
            out += data(stream, piece)
        out += data(stream, pieces[-1], end=True)
    return out


class Http2Client(RawClient):
    """A connection that says exactly what a test gives it, and keeps what it reads by stream."""

    def __init__(self, address, pairs=(), greet=True, **options):
        """`pairs`: our SETTINGS. Without `greet` not even the preface is sent."""
        super().__init__(address, **options)
        self.hpack = Decoder()
        self.their_settings = None
        self.acked = 0
        self.responses = {}
        self.ended = set()
        self.goaways = []
        self.frames = []        # all that was read
        self.auto_window = True  # gives back what DATA took
        self.auto_ack = True
        self._next = 1
        self._block = b""
        if greet:
            self.send(PREFACE + settings(*pairs))

    def open(self, path="/", **about):
        """Sends a request on the next stream and returns its number."""
        stream = self._next
        self._next += 2
        self.send(request(stream, path, **about))
        return stream

    def next_stream(self):
        """The number for a stream that the test opens itself."""
        self._next += 2
        return self._next - 2

    def read_frame(self):
        """The next frame; SETTINGS, PING and DATA are answered as a peer must."""
        head = self.read_exactly(9)
        size = int.from_bytes(head[:3], "big")
        got = Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF,
                    self.read_exactly(size))
        self.frames.append(got)
        self._note(got)
        return got

    def _note(self, got):
        if got.kind == SETTINGS:
            if got.flags & ACK:
                self.acked += 1
            else:
                self.their_settings = got.settings
                if self.auto_ack:
                    self._answer(settings(ack=True))
        elif got.kind == PING and not got.flags & ACK:
            if self.auto_ack:
                self._answer(ping(got.payload, ack=True))
        elif got.kind == GOAWAY:
            self.goaways.append(got)
        elif got.kind in (HEADERS, CONTINUATION):
            self._note_fields(got)
        elif got.kind == DATA:
            response = self.response(got.stream)
            response.body += got.payload
            response.data_frames += 1
            if self.auto_window and got.payload:
                update = window_update(0, len(got.payload))
                if not got.ends_stream:
                    update += window_update(got.stream, len(got.payload))
                self._answer(update)
        elif got.kind == RST_STREAM:
            self.response(got.stream).reset = got.error
            self.ended.add(got.stream)
        if got.ends_stream:
            self.ended.add(got.stream)

    def _answer(self, out):
        """The peer may be closing already; what it has sent is still to be read."""
        try:
            self.send(out)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _note_fields(self, got):
        self._block += got.payload
        if not got.flags & END_HEADERS:
            return
        fields, self._block = self.hpack.decode(self._block), b""
        response = self.response(got.stream)
        if response.fields:
            response.trailers = fields
        elif dict(fields)[":status"].startswith("1"):
            response.informational.append(fields)
        else:
            response.fields = fields

    def response(self, stream):
        """What there is of a stream's response."""
        return self.responses.setdefault(stream, Response())

    def read_response(self, stream):  # pylint: disable=arguments-renamed
        """Reads until the stream has ended."""
        while stream not in self.ended:
            self.read_frame()
        return self.responses[stream]

    def get(self, path="/", **about):  # pylint: disable=arguments-differ
        """One request and its response."""
        return self.read_response(self.open(path, **about))

    def read_until_frame(self, kind, stream=None):
        """The next frame of a kind."""
        while True:
            got = self.read_frame()
            if got.kind == kind and (stream is None or got.stream == stream):
                return got

    def sync(self):
        """Reads until all that was sent has been understood: a PING comes back."""
        mark = b"sync" + len(self.frames).to_bytes(4, "big")
        self.send(ping(mark))
        while True:
            got = self.read_frame()
            if got.kind == PING and got.flags & ACK and got.payload == mark:
                return

    def read_to_goaway(self):
        """Reads to the end; the last GOAWAY, or None."""
        try:
            while True:
                self.read_frame()
        except (StreamClosed, ConnectionResetError):
            pass
        return self.goaways[-1] if self.goaways else None


class Decoder:
    """HPACK for what our own server sends."""

    def __init__(self):
        self.table = []
        self.size = 4096

    def decode(self, octets):
        """Fields of one block."""
        fields, at = [], 0
        while at < len(octets):
            first = octets[at]
            if first & 0x80:
                index, at = self._read_integer(octets, at, 7)
                fields.append(self._entry(index))
            elif first & 0xE0 == 0x20:
                self.size, at = self._read_integer(octets, at, 5)
                self._evict()
            else:
                indexed = first & 0xC0 == 0x40
                index, at = self._read_integer(octets, at, 6 if indexed else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = self._read_text(octets, at)
                value, at = self._read_text(octets, at)
                fields.append((name, value))
                if indexed:
                    self.table.insert(0, (name, value))
                    self._evict()
        return fields

    def _entry(self, index):
        if index <= len(STATIC_TABLE):
            return STATIC_TABLE[index - 1]
        return self.table[index - len(STATIC_TABLE) - 1]

    def _evict(self):
        while sum(len(n) + len(v) + 32 for n, v in self.table) > self.size:
            self.table.pop()

    @staticmethod
    def _read_integer(octets, at, bits):
        limit = (1 << bits) - 1
        value = octets[at] & limit
        at += 1
        if value < limit:
            return value, at
        shift = 0
        while True:
            byte = octets[at]
            at += 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, at

    def _read_text(self, octets, at):
        coded = octets[at] & 0x80
        size, at = self._read_integer(octets, at, 7)
        text = octets[at:at + size]
        return (_huffman(text) if coded else text).decode("latin-1"), at + size


def _huffman(octets):
    out = bytearray()
    code = length = 0
    for octet in octets:
        for bit in range(7, -1, -1):
            code = code << 1 | octet >> bit & 1
            length += 1
            symbol = HUFFMAN.get((length, code))
            if symbol is not None:
                out.append(symbol)
                code = length = 0
    return bytes(out)


STATIC_TABLE = [(name, value) for name, _, value in (line.partition("=") for line in (
    ":authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https "
    ":status=200 :status=204 :status=206 :status=304 :status=400 :status=404 :status=500 "
    "accept-charset accept-encoding=gzip,deflate accept-language accept-ranges accept "
    "access-control-allow-origin age allow authorization cache-control content-disposition "
    "content-encoding content-language content-length content-location content-range "
    "content-type cookie date etag expect expires from host if-match if-modified-since "
    "if-none-match if-range if-unmodified-since last-modified link location max-forwards "
    "proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie "
    "strict-transport-security transfer-encoding user-agent vary via www-authenticate"
).split(" "))]

# RFC 7541 appendix B is a canonical code: the lengths say all. One letter a symbol, "A" is 5 bits.
_LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCC"
    "DCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSS"
    "QQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV")


def _canonical_code():
    codes, code, length = {}, 0, 5
    for size, symbol in sorted((ord(letter) - ord("A") + 5, symbol)
                               for symbol, letter in enumerate(_LENGTHS)):
        code <<= size - length
        length = size
        codes[(length, code)] = symbol
        code += 1
    return codes


HUFFMAN = _canonical_code()
