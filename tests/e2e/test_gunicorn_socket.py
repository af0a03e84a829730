"""Flask under gunicorn behind a Unix socket and a path prefix: links, files, packing, events."""

import gzip
import subprocess
import time

import pytest
from curl import run_curl
from flaskscale_process import MARK_VARIABLE, SCALE, FlaskscaleProcess, wait_until
from raw_client import RawClient

APP = '''
import gzip, io, time
from flask import Flask, Response, request, send_file, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
FILE = bytes(range(256)) * 1024

@app.get("/link")
def link():
    return {"url": url_for("link", _external=True), "client": request.remote_addr}

@app.get("/file")
def file():
    return send_file(io.BytesIO(FILE), mimetype="application/octet-stream", etag="v1",
                     conditional=True)

@app.get("/packed")
def packed():
    return Response(gzip.compress(b"text " * 10000),
                    headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})

@app.get("/stream")
def stream():
    def parts():
        for number in range(3):
            yield f"data: {number}\\n\\n"
            time.sleep(0.5)
    return Response(parts(), mimetype="text/event-stream")

@app.get("/poll")
def poll():
    time.sleep(2)
    return "news"
'''
CONFIG = """
[server]
workers = 2
state_dir = "state"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
paths = ["/shop"]
pool = "app"
strip_prefix = "/shop"
[routes.response_headers]
set = {{ "X-Frame-Options" = "DENY" }}
[[routes]]
redirect = "/shop{{path}}{{query}}"
[pools.app]
backends = ["unix:{socket}"]
slots = 4
sticky_cookie = "where"
[pools.app.health]
path = "/link"
interval = "250ms"
timeout = "5s"
rise = 1
"""
FILE = bytes(range(256)) * 1024


@pytest.fixture(name="front", scope="module")
def _front(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "shop.py").write_text(APP, encoding="utf-8")
    socket = folder / "app.sock"
    with FlaskscaleProcess(CONFIG.format(socket=socket), wait="ready",
                           start_timeout=20 * SCALE) as server:
        gunicorn = subprocess.Popen(
            ["/usr/bin/gunicorn", "--chdir", str(folder), "--bind", f"unix:{socket}",
             "--worker-class", "gthread", "--threads", "4", "--log-level", "warning", "shop:app"],
            env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
                 MARK_VARIABLE: server.mark})
        try:
            wait_until(lambda: all(b["up"] for b in server.pool()["backends"]), 30 * SCALE,
                       "gunicorn up")
            yield server
        finally:
            gunicorn.terminate()
            gunicorn.wait(20)


def test_links_have_the_prefix_and_the_client_is_known(front):
    result = run_curl("--header", "Host: shop.example", front.url("/shop/link"))
    assert result.json() == {"url": "http://shop.example/shop/link", "client": "127.0.0.1"}
    assert result.headers("X-Frame-Options") == ["DENY"]
    assert result.header("Set-Cookie").startswith("where=")


def test_a_redirect_is_followed_to_the_prefix(front):
    result = run_curl("--location", front.url("/link"))
    assert (result.status, result.facts["num_redirects"]) == (200, 1)


@pytest.mark.parametrize("span", ["0-0", "100-1999", "-5", "262000-"])
def test_ranges_of_a_file(front, span):
    result = run_curl("--range", span, front.url("/shop/file"))
    first, _, last = span.partition("-")
    wanted = FILE[-int(last):] if not first else FILE[int(first): int(last) + 1 if last else None]
    assert (result.status, result.body) == (206, wanted)
    assert result.header("Content-Range").endswith("/262144")


def test_conditional_requests(front):
    tag = run_curl(front.url("/shop/file")).header("ETag")
    again = run_curl("--header", f"If-None-Match: {tag}", front.url("/shop/file"))
    assert (again.status, again.body, again.header("ETag")) == (304, b"", tag)
    assert run_curl("--range", "900000-", front.url("/shop/file")).status == 416


def test_compressed_content_stays_as_it_is(front):
    plain = run_curl(front.url("/shop/packed"))
    assert gzip.decompress(plain.body) == b"text " * 10000
    assert run_curl("--compressed", front.url("/shop/packed")).body == b"text " * 10000


def test_events_and_long_polls_are_not_held_back(front):
    with RawClient(front.listener()) as client:
        client.send(b"GET /shop/stream HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_head().get("Content-Type").startswith("text/event-stream")
        arrivals = []
        for number in range(3):
            assert client.read_chunk()[0] == f"data: {number}\n\n".encode()
            arrivals.append(time.monotonic())
        assert arrivals[2] - arrivals[0] > 0.5
        assert client.read_chunk()[0] == b""
        client.read_until(b"\r\n")
        began = time.monotonic()
        assert client.get("/shop/poll").body == b"news"
        assert time.monotonic() - began >= 1.9
