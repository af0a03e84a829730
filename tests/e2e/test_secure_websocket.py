"""WebSockets over TLS (wss), with Debian's websockets library at both ends."""

import asyncio
import os
import resource

import pytest
import websockets
from flaskscale_process import SCALE
from secure_front import SecureFront
from websocket_backend import WebSocketBackend

MANY = 1000
PATIENCE = 100 * SCALE
# A thousand clients in one process are slower than one client may be.
TIMEOUTS = f"""
[timeouts]
header = "{PATIENCE:.0f}s"
response = "{PATIENCE:.0f}s"
"""


@pytest.fixture(name="backend", scope="module")
def _backend():
    # Two descriptors of this process for each WebSocket: its client and its backend.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * MANY)), hard))
    # No pings of its own: they would end what a busy machine is late to answer.
    with WebSocketBackend(ping_interval=None) as server:
        yield server


@pytest.fixture(name="front", scope="module")
def _front(backend):
    with SecureFront(backend.address, extra=TIMEOUTS, wait="serving") as front:
        yield front


def connect(front, context, path="/chat", **options):
    """A WebSocket client connection through the front door."""
    options = {"open_timeout": PATIENCE, "close_timeout": PATIENCE, "ping_interval": None,
               "max_size": 1 << 24, **options}
    return websockets.connect(front.secure_url(path, "wss", "127.0.0.1"), ssl=context, **options)


def test_text_and_a_megabyte_are_echoed(front):
    async def talk():
        async with connect(front, front.tls_context()) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            payload = os.urandom(1 << 20)
            await socket.send(payload)
            assert await socket.recv() == payload
        return socket.close_code

    assert asyncio.run(talk()) == 1000


def test_megabytes_may_cross_each_other(front):
    """Many are on the way in both directions before the first is read."""
    payloads = [os.urandom(1 << 20) for _ in range(8)]

    async def talk():
        async with connect(front, front.tls_context(), compression=None) as socket:
            sender = asyncio.ensure_future(send_all(socket))
            got = [await socket.recv() for _ in payloads]
            await sender
            return got

    async def send_all(socket):
        for payload in payloads:
            await socket.send(payload)

    assert asyncio.run(talk()) == payloads


def test_pings_are_answered_in_both_directions(front):
    async def talk():
        async with connect(front, front.tls_context()) as socket:
            for number in range(5):
                pong = await socket.ping(b"%d" % number)
                await asyncio.wait_for(pong, PATIENCE)

    asyncio.run(talk())


def test_backend_sees_who_asks_and_how(front, backend):
    async def talk():
        async with connect(front, front.tls_context(), subprotocols=["chat"]) as socket:
            await socket.send("x")
            await socket.recv()

    asyncio.run(talk())

    head = backend.heads[-1]
    assert head["X-Forwarded-Proto"] == "https"
    assert head["Sec-WebSocket-Protocol"] == "chat"


def test_close_code_of_the_backend_arrives(front):
    async def talk():
        async with connect(front, front.tls_context()) as socket:
            await socket.send("close 4711")
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
            return socket.close_code, socket.close_reason

    assert asyncio.run(talk()) == (4711, "as you wish")


def test_a_thousand_at_once(front):
    """All are open before the first speaks, and each gets its own words back."""
    context = front.tls_context()
    # Not more handshakes side by side than one process can finish in the time of one.
    door = asyncio.Semaphore(50)

    async def enter():
        async with door:
            return await connect(front, context, compression=None)

    async def speak(number, socket):
        for turn in range(2):
            await socket.send(f"{number}:{turn}")
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == f"{number}:{turn}"
        await asyncio.wait_for(await socket.ping(), PATIENCE)

    async def all_of_them():
        sockets = await asyncio.gather(*(enter() for _ in range(MANY)))
        held = await asyncio.to_thread(lambda: front.pool()["in_flight"])
        await asyncio.gather(*(speak(*entry) for entry in enumerate(sockets)))
        await asyncio.gather(*(socket.close() for socket in sockets))
        return held, {socket.close_code for socket in sockets}

    assert asyncio.run(all_of_them()) == (MANY, {1000})
    front.wait_until(lambda: front.pool()["in_flight"] == 0, 10 * SCALE, "all slots are free")
