"""Long answers: each part reaches the client when the application sends it."""

import time

from raw_client import RawClient


def open_stream(server, target):
    """A client that has read the head of an event stream."""
    client = RawClient(server.listener())
    client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    head = client.read_head()
    assert head.status == 200
    assert head.get("Content-Type").startswith("text/event-stream")
    return client


def test_each_event_arrives_before_the_next_is_sent(demo):
    with open_stream(demo, "/events?count=3&interval=1") as client:
        arrivals = []
        for number in range(3):
            assert f'"number": {number}'.encode() in client.read_chunk()[0]
            arrivals.append(time.monotonic())

        gaps = [later - earlier for earlier, later in zip(arrivals, arrivals[1:])]
        assert all(gap > 0.5 for gap in gaps), gaps
        assert client.read_chunk()[0] == b""


def test_running_stream_holds_a_slot_and_gives_it_back(demo):
    with open_stream(demo, "/events?count=100&interval=0.2") as client:
        client.read_chunk()
        demo.wait_until(lambda: demo.demo_pool()["in_flight"] == 1, what="stream alone in flight")

    demo.wait_until(lambda: demo.demo_pool()["in_flight"] == 0, what="slot of a client that left")


def test_streams_beyond_the_slots_wait_and_are_served_later(demo):
    """Eight streams take all slots; a page waits for the first of them to end, and not longer."""
    streams = [open_stream(demo, "/events?count=4&interval=0.5") for _ in range(8)]
    try:
        with RawClient(demo.listener()) as visitor:
            visitor.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            demo.wait_until(lambda: demo.demo_pool()["queue"]["depth"] == 1, what="page in queue")
            assert visitor.read_response().body == b"ok\n"
        for stream in streams:
            while stream.read_chunk()[0]:
                pass
    finally:
        for stream in streams:
            stream.close()

    pool = demo.demo_pool()
    assert pool["queue"]["idle_slot_while_queued_seconds"] == 0
