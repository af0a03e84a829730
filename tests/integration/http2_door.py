"""Connections of raw frames to a front door, and the requests that they begin with."""

import http2_frames as h2
from http2_frames import Http2Client

from front_door import seconds


def connect(door, *pairs, **options):
    """A greeted connection."""
    return Http2Client(door.listener("web"), pairs, timeout=seconds(10), **options)


def header_block(extra=(), **about):
    """Of a request."""
    return h2.block(h2.request_fields(extra=extra, **about))


GET = header_block()
POST = header_block(method="POST")


def post(stream):
    """The head of a request whose body follows."""
    return h2.frame(h2.HEADERS, h2.END_HEADERS, stream, POST)
