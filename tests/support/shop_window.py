"""A page of many parts for browsers, with an event stream that sends when the test says so."""

import json
import threading

from raw_backend import RawBackend

STYLES, SCRIPTS, IMAGES, FETCHED = 10, 15, 20, 5
PARTS = STYLES + SCRIPTS + IMAGES + FETCHED

_PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Shop window</title>
<link rel="icon" href="data:,">
{styles}{scripts}</head><body>{images}
<script>
window.fetched = Promise.all([...Array({fetched}).keys()].map(
  n => fetch(`/part/fetched-${{n}}.json`).then(r => r.json())));
</script></body></html>"""


def _page():
    return _PAGE.format(
        styles=_repeat('<link rel="stylesheet" href="/part/style-{n}.css">\n', STYLES),
        scripts=_repeat('<script src="/part/script-{n}.js"></script>\n', SCRIPTS),
        images=_repeat('<img alt="" src="/part/image-{n}.svg">\n', IMAGES), fetched=FETCHED)


def _repeat(markup, count):
    return "".join(markup.format(n=number) for number in range(count))


def _part(name):
    """(content type, text) of one part; scripts count themselves."""
    number = int(name.partition("-")[2].partition(".")[0])
    if name.endswith(".css"):
        return "text/css", f".part-{number} {{ order: {number}; }}" + "\n/* */" * 2000
    if name.endswith(".js"):
        return "text/javascript", "window.ran = (window.ran || 0) + 1;" + "\n//" * 5000
    if name.endswith(".svg"):
        return "image/svg+xml", ('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
                                 f'<circle cx="10" cy="10" r="{number % 10 + 1}"/></svg>')
    return "application/json", json.dumps({"number": number})


class ShopWindow(RawBackend):
    """The page at /, its parts at /part/*, and /events: one for each call of tell()."""

    def __init__(self):
        super().__init__(self._serve)
        self._told = threading.Semaphore(0)
        self._page = _page()

    def tell(self):
        """Lets the event stream send its next event."""
        self._told.release()

    def _serve(self, connection):
        while (request := connection.read_request()) is not None:
            if request.target == "/events":
                self._stream(connection)
            else:
                connection.send(self._answer(request))

    def _answer(self, request):
        kind, text = "text/html; charset=utf-8", self._page
        if request.target.startswith("/part/"):
            kind, text = _part(request.target.removeprefix("/part/"))
        body = text.encode()
        return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def _stream(self, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n")
        number = 0
        while connection.is_silent(0):
            if self._told.acquire(timeout=0.1):
                event = f"id: {number}\ndata: {number}\n\n".encode()
                connection.send(b"%x\r\n%s\r\n" % (len(event), event))
                number += 1
