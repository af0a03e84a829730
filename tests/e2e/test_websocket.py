"""WebSockets through the front door, with Debian's websockets library at both ends."""

import asyncio
import os
import signal

import pytest
import websockets
from flaskscale_process import FlaskscaleProcess, static_config
from websocket_backend import WebSocketBackend


@pytest.fixture(scope="module")
def backend():
    """The echo server."""
    with WebSocketBackend() as server:
        yield server


@pytest.fixture(scope="module")
def front(backend):
    """flaskscale before it."""
    with FlaskscaleProcess(static_config(backend.address, slots=64), wait="serving") as server:
        yield server


def connect(front, path="/chat", **options):
    """A WebSocket client connection through the front door."""
    return websockets.connect(front.url(path).replace("http:", "ws:"), max_size=1 << 24,
                              open_timeout=20, close_timeout=10, **options)


def test_text_and_a_megabyte_are_echoed(front):
    async def talk():
        async with connect(front) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            payload = os.urandom(1 << 20)
            await socket.send(payload)
            assert await socket.recv() == payload

    asyncio.run(talk())


def test_ping_is_answered(front):
    async def talk():
        async with connect(front) as socket:
            pong = await socket.ping(b"are you there")
            await asyncio.wait_for(pong, 10)

    asyncio.run(talk())


def test_backend_sees_the_upgrade_and_who_asks(front, backend):
    async def talk():
        async with connect(front, subprotocols=["chat"]) as socket:
            await socket.send("x")
            await socket.recv()

    asyncio.run(talk())

    head = backend.heads[-1]
    assert head["Upgrade"].lower() == "websocket"
    assert head["X-Forwarded-For"] == "127.0.0.1"
    assert head["Sec-WebSocket-Protocol"] == "chat"


def test_close_code_of_the_backend_arrives(front):
    async def talk():
        async with connect(front) as socket:
            await socket.send("close 4711")
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
            return socket.close_code, socket.close_reason

    assert asyncio.run(talk()) == (4711, "as you wish")


def test_refused_upgrade_is_an_ordinary_answer(front):
    async def talk():
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            async with connect(front, "/forbidden"):
                pass
        return refused.value.status_code

    assert asyncio.run(talk()) == 403


def test_many_at_once_do_not_mix(front):
    async def talk(number):
        async with connect(front) as socket:
            for turn in range(50):
                text = f"{number}:{turn}:" + "x" * (number * 100)
                await socket.send(text)
                assert await socket.recv() == text

    async def all_of_them():
        await asyncio.gather(*(talk(number) for number in range(30)))

    asyncio.run(all_of_them())


def test_slot_is_held_while_open_and_freed_after(front):
    async def talk():
        async with connect(front):
            await asyncio.to_thread(front.wait_until, lambda: front.pool()["in_flight"] == 1,
                                    what="this WebSocket alone in flight")

    asyncio.run(talk())

    front.wait_until(lambda: front.pool()["in_flight"] == 0, what="slot of the closed WebSocket")


def test_reload_keeps_it_open(front, backend):
    async def talk():
        async with connect(front) as socket:
            await socket.send("before")
            assert await socket.recv() == "before"
            await asyncio.to_thread(front.reload, static_config(backend.address, slots=65))
            await socket.send("after")
            assert await socket.recv() == "after"

    asyncio.run(talk())


def test_a_shutdown_says_goodbye_to_both_ends(backend):
    """1001, "going away", spread over the last part of the time that is left."""
    text = static_config(backend.address, slots=200).replace(
        'state_dir = "state"', 'state_dir = "state"\nshutdown_timeout = "9s"')

    async def talk(front):
        sockets = [await connect(front) for _ in range(30)]
        for socket in sockets:
            await socket.send("x")
            assert await socket.recv() == "x"
        front.signal(signal.SIGTERM)
        await asyncio.gather(*(socket.wait_closed() for socket in sockets))
        return {(socket.close_code, socket.close_reason) for socket in sockets}

    with FlaskscaleProcess(text, wait="serving") as front:
        assert asyncio.run(talk(front)) == {(1001, "")}
        assert front.wait_exit(30) == 0
