"""A WebSocket backend on a loopback port, in a thread of its own."""

import asyncio
import http
import threading

import websockets

from loopback import own_address


async def _echo(websocket):
    """Echoes every message; "close CODE" ends the connection with that code."""
    async for message in websocket:
        if isinstance(message, str) and message.startswith("close "):
            await websocket.close(int(message.split()[1]), "as you wish")
            return
        await websocket.send(message)


async def _refuse_some(path, _headers):
    """/forbidden answers 403 instead of 101."""
    if path == "/forbidden":
        return http.HTTPStatus.FORBIDDEN, [("Content-Length", "3")], b"no\n"
    return None


class WebSocketBackend:
    """Echo server, as a context manager; `heads` has the request headers of each connection.
    `options` are those of websockets.serve()."""

    def __init__(self, **options):
        self._options = options
        self.heads = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def address(self):
        """"host:port" as the configuration wants it."""
        return f"{own_address()}:{self.port}"

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(10), "WebSocket backend did not start"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _handle(self, websocket):
        self.heads.append(websocket.request_headers)
        await _echo(websocket)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(websockets.serve(
            self._handle, own_address(), 0, process_request=_refuse_some, max_size=1 << 24,
            **self._options))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
