"""A browser at the front door: headless Chromium loads a page of fifty parts over HTTP/2, talks by
WebSocket and reads an event stream."""

import json

import browser as browsers
import pytest
from flaskscale_process import SCALE
from needed_tools import skip_without
from secure_front import HOST, SecureFront
from shop_window import FETCHED, IMAGES, PARTS, SCRIPTS, STYLES, ShopWindow
from websocket_backend import WebSocketBackend

pytestmark = skip_without(*browsers.PROGRAMS)

CHAT = """
[[routes]]
paths = ["/chat"]
pool = "chat"
"""
CHAT_POOL = """
[pools.chat]
backends = ["{address}"]
[pools.chat.health]
interval = "250ms"
rise = 1
"""


@pytest.fixture(name="shop", scope="module")
def _shop():
    with ShopWindow() as shop:
        yield shop


@pytest.fixture(name="front", scope="module")
def _front(shop):
    with WebSocketBackend(ping_interval=None) as chat, SecureFront(
            shop.address, routes=CHAT, extra=CHAT_POOL.format(address=chat.address),
            wait="serving") as front:
        yield front


@pytest.fixture(name="browser", scope="module")
def _browser(front):
    with browsers.Browser(hosts=[HOST]) as browser:
        browser.open(front.secure_url("/"))
        yield browser


def logged(front, path):
    """Lines of the access log about one path."""
    return [line for line in map(json.loads, front.access_log()) if line["path"] == path]


def test_page_and_its_fifty_parts_come_by_http2(front, browser):
    assert browser.run("return document.title") == "Shop window"
    numbers = browser.run("return window.fetched.then(all => all.map(part => part.number))")
    assert numbers == list(range(FETCHED))
    assert browser.run("return window.ran") == SCRIPTS
    assert browser.run("return document.styleSheets.length") == STYLES
    assert browser.run("return [...document.images].filter(i => i.naturalWidth == 20).length"
                       ) == IMAGES

    entries = browser.run("""return performance.getEntriesByType('navigation').concat(
        performance.getEntriesByType('resource')).map(
        e => [new URL(e.name).pathname, e.nextHopProtocol, e.responseStatus])""")
    assert len(entries) == 1 + PARTS
    assert {(protocol, status) for _, protocol, status in entries} == {("h2", 200)}

    # The same by the program's own account: each path once, and all over one connection.
    front.wait_until(lambda: all(logged(front, path) for path, _, _ in entries), 10 * SCALE,
                     "every part in the access log")
    for path, _, _ in entries:
        line, = logged(front, path)
        assert (line["protocol"], line["status"], line["reason"]) == ("HTTP/2.0", 200, "ok")
    handshakes = front.metrics()['flaskscale_tls_handshakes_total{kind="full"}']
    assert handshakes <= 2  # Chromium may open a second one before it knows that it needs none


def test_web_socket_echoes(front, browser):
    told = browser.run("""return new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/chat`);
        socket.binaryType = 'arraybuffer';
        const large = new Uint8Array(1 << 20);
        for (let n = 0; n < large.length; n += 65536)
            crypto.getRandomValues(large.subarray(n, n + 65536));
        socket.onopen = () => socket.send('hello');
        const got = [];
        socket.onmessage = ({data}) => {
            if (typeof data === 'string') { got.push(data); socket.send(large); return; }
            const echo = new Uint8Array(data);
            got.push(echo.every((octet, n) => octet === large[n]) && echo.length);
            socket.close(1000);
        };
        socket.onerror = () => reject(new Error('error of the socket'));
        socket.onclose = ({code, wasClean}) => resolve([...got, code, wasClean]);
    })""")

    assert told == ["hello", 1 << 20, 1000, True]
    front.wait_until(lambda: logged(front, "/chat"), 10 * SCALE, "the WebSocket in the access log")
    line, = logged(front, "/chat")
    # RFC 8441: a stream of the connection that brought the page.
    assert line["protocol"] == "HTTP/2.0", line
    assert line["bytes_in"] > 1 << 20 and line["bytes_out"] > 1 << 20


def test_events_arrive_one_by_one(front, shop, browser):
    browser.run("""window.events = [];
        window.source = new EventSource('/events');
        window.source.onmessage = ({data}) => window.events.push(data);""")
    for number in range(5):
        shop.tell()  # the next is not sent before the browser has this one
        wanted = [str(n) for n in range(number + 1)]
        front.wait_until(lambda: browser.run("return window.events") == wanted, 10 * SCALE,
                         f"{wanted} in the browser")
    assert browser.run("return performance.getEntriesByName(location.origin + '/events').length"
                       ) == 0  # it has not ended

    browser.run("window.source.close()")
    front.wait_until(lambda: front.pool()["in_flight"] == 0, 10 * SCALE, "slot of the stream")
    front.wait_until(lambda: logged(front, "/events"), 10 * SCALE, "the stream in the access log")
    assert logged(front, "/events")[0]["protocol"] == "HTTP/2.0"
