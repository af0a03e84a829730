"""The few HTTP/2 frames that the floods and the normal traffic are made of."""
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
FRAME_HEAD = 9
LARGEST_WINDOW = 0x7FFFFFFF


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


SETTINGS_ACK = frame(SETTINGS, ACK)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", 8))  # CANCEL


def block(path):
    """The head of a GET, without the dynamic table."""
    def text(word):
        return bytes([len(word)]) + word.encode()

    # :method GET, :scheme http; :authority and :path as literals that are not indexed.
    return b"\x82\x86" + b"\x01" + text("bench") + b"\x04" + text(path)


def request(stream, path="/", flags=END_STREAM | END_HEADERS):
    return frame(HEADERS, flags, stream, block(path))
