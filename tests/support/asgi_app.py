"""A small ASGI application: what it is asked, bodies both ways, events on demand, WebSocket echo.

    uvicorn asgi_app:app        hypercorn asgi_app:app
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from urllib.parse import parse_qsl

_gates = defaultdict(lambda: asyncio.Semaphore(0))  # event stream -> events that it may send
_left = set()  # event streams whose client has gone


async def app(scope, receive, send):
    """Entry of the server."""
    await {"lifespan": _live, "http": _answer, "websocket": _echo}[scope["type"]](
        scope, receive, send)


async def _live(_scope, receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _answer(scope, receive, send):
    query = dict(parse_qsl(scope["query_string"].decode()))
    handler = _HANDLERS.get(scope["path"])
    if handler is None:
        await _reply(send, {"error": "no such page"}, 404)
    else:
        await handler(query, scope, receive, send)


async def _reply(send, content, status=200):
    body = json.dumps(content).encode()
    await _begin(send, "application/json", status, [(b"content-length", b"%d" % len(body))])
    await send({"type": "http.response.body", "body": body})


async def _begin(send, content_type, status=200, fields=()):
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", content_type.encode()), *fields]})


async def _page(_query, scope, _receive, send):
    await _reply(send, {"method": scope["method"], "scheme": scope["scheme"],
                        "client": scope["client"][0] if scope["client"] else None,
                        "headers": [[name.decode(), value.decode("latin-1")]
                                    for name, value in scope["headers"]]})


async def _upload(_query, _scope, receive, send):
    digest, size, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await _reply(send, {"size": size, "sha256": digest.hexdigest()})


async def _stream(query, _scope, _receive, send):
    """`chunks` pieces of `size` bytes, their sum unknown at the start."""
    await _begin(send, "text/plain")
    for number in range(int(query["chunks"])):
        await send({"type": "http.response.body", "body": b"%c" % (97 + number % 26)
                    * int(query["size"]), "more_body": True})
    await send({"type": "http.response.body"})


async def _events(query, _scope, receive, send):
    """An event for each call of /next with the same name; until `count`, or the client leaves."""
    await _begin(send, "text/event-stream")

    async def tell():
        for number in range(int(query["count"])):
            await _gates[query["name"]].acquire()
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number,
                        "more_body": True})

    async def watch():
        while (await receive())["type"] != "http.disconnect":
            pass
        _left.add(query["name"])

    tasks = [asyncio.ensure_future(tell()), asyncio.ensure_future(watch())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    if query["name"] not in _left:
        await send({"type": "http.response.body"})


async def _next(query, _scope, _receive, send):
    _gates[query["name"]].release()
    await _reply(send, {})


async def _who_left(_query, _scope, _receive, send):
    await _reply(send, sorted(_left))


async def _echo(_scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"),
                    "bytes": message.get("bytes")})


_HANDLERS = {"/": _page, "/upload": _upload, "/stream": _stream, "/events": _events,
             "/next": _next, "/left": _who_left}
