"""HTTP/2 by real clients: curl, nghttp and h2load, over TLS with ALPN and in cleartext."""

import hashlib
import os
import re
import subprocess

import pytest
from application_server import ApplicationServer
from flaskscale_process import SCALE
from h2load import h2load
from raw_backend import RawBackend
from secure_front import SecureFront

FLASK_ROUTE = """
[[routes]]
paths = ["/headers", "/upload", "/download", "/stream", "/slow", "/cookie"]
pool = "flask"
"""
FLASK_POOL = """
[pools.flask]
backends = ["{address}"]
[pools.flask.health]
path = "/healthz"
interval = "250ms"
timeout = "5s"
rise = 1
"""
CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n"
           b"6\r\nhello \r\n5\r\nworld\r\n0\r\nX-Checksum: 42\r\n\r\n")


def _answer(request):
    """The body comes back; /trailers answers with some."""
    if request.target == "/trailers":
        return CHUNKED
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(request.body), request.body)


@pytest.fixture(name="backend", scope="module")
def _backend():
    with RawBackend(lambda connection: connection.serve(_answer), timeout=60 * SCALE) as backend:
        yield backend


@pytest.fixture(name="front", scope="module")
def _front(backend):
    with ApplicationServer("gunicorn") as flask, SecureFront(
            backend.address, routes=FLASK_ROUTE, extra=FLASK_POOL.format(address=flask.address),
            wait="serving") as front:
        yield front


@pytest.fixture(name="http", params=["--http2", "--http2-prior-knowledge"])
def _http(request):
    """Over TLS, and in cleartext."""
    return request.param


def pattern(size):
    """What the application's /download answers."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


# --- curl
def test_pages_come_over_http2(front, http):
    result = front.curl(path="/headers?a=1%20b&c=%2F", http=http)

    assert (result.status, result.facts["http_version"]) == (200, "2"), result.stderr
    told = result.json()
    assert (told["method"], told["query"]) == ("GET", "a=1%20b&c=%2F")
    fields = {name.lower(): value for name, value in told["headers"]}
    assert fields["x-forwarded-proto"] == ("https" if http == "--http2" else "http")
    assert fields["via"] == "2.0 flaskscale"
    assert result.header("Connection") is None and result.header("Transfer-Encoding") is None


def test_head_has_the_length_and_no_body(front, http):
    result = front.curl("--head", path="/download?bytes=5000", http=http)

    assert (result.status, result.header("Content-Length")) == (200, "5000")


def test_methods_arrive_as_they_are(front, http):
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        told = front.curl("--request", method, path="/headers", http=http).json()
        assert told["method"] == method


def test_post_and_empty_post_arrive(front, http):
    told = front.curl("--data", "name=value", path="/upload", http=http).json()
    assert (told["size"], told["content_type"]) == (10, "application/x-www-form-urlencoded")
    assert front.curl("--data", "", path="/upload", http=http).json()["size"] == 0


def test_upload_waits_for_100_continue(front, http):
    payload = os.urandom(3_000_000)

    result = front.curl("--header", "Expect: 100-continue", "--expect100-timeout", "40",
                        "--data-binary", "@-", path="/upload", http=http, stdin=payload)

    assert result.status == 200, result.stderr
    assert result.heads[0].startswith("HTTP/2 100")
    assert result.json()["sha256"] == hashlib.sha256(payload).hexdigest()
    assert result.facts["time_total"] < 30  # and not after curl's own patience


def test_range_and_conditional_requests(front, http):
    result = front.curl("--range", "250-1259", path="/download?bytes=5000", http=http)
    assert (result.status, result.body) == (206, pattern(5000)[250:1260])
    assert result.header("Content-Range") == "bytes 250-1259/5000"

    tag = result.header("ETag")
    again = front.curl("--header", f"If-None-Match: {tag}", path="/download?bytes=5000", http=http)
    assert (again.status, again.body, again.header("ETag")) == (304, b"", tag)


def test_response_trailers_arrive(front, http):
    result = front.curl(path="/trailers", http=http)

    assert (result.status, result.body) == (200, b"hello world")
    assert "x-checksum: 42" in result.heads[-1].lower()


def test_cookies_go_both_ways(front, http, tmp_path):
    jar = tmp_path / "jar"
    visits = [front.curl("--cookie", jar, "--cookie-jar", jar, path="/cookie", http=http)
              for _ in range(3)]

    assert [result.json()["visits"] for result in visits] == [1, 2, 3]
    assert len(visits[0].headers("Set-Cookie")) == 2


def test_large_bodies_go_both_ways_side_by_side(front, http, tmp_path):
    """Uploads that come back, uploads, downloads: over TLS as streams of one connection."""
    payload = tmp_path / "payload"
    payload.write_bytes(os.urandom(4_000_003))
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()
    base = front.url("", "plain") if http != "--http2" else front.secure_url("", host="localhost")
    # This curl (7.88) can't share a connection from the start that it knows speaks HTTP/2.
    sharing = ["--parallel"] if http == "--http2" else ["--parallel", "--parallel-immediate"]
    jobs = []
    send = ["--data-binary", f"@{payload}"]
    for number in range(4):
        jobs += [
            [*send, "--output", tmp_path / f"echo{number}", f"{base}/echo"],
            [*send, "--output", tmp_path / f"sum{number}", f"{base}/upload"],
            ["--output", tmp_path / f"file{number}", f"{base}/download?bytes=8000000"],
        ]
    arguments = []
    for job in jobs:
        common = ["--silent", http, "--cacert", front.ca.cert, "--noproxy", "*", "--max-time", "60",
                  "--write-out", "%{num_connects}\n"]
        arguments += (["--next"] if arguments else []) + common + job
    done = subprocess.run(
        ["curl", *sharing, "--parallel-max", "12", *map(str, arguments)],
        capture_output=True, text=True, timeout=120 * SCALE, check=False)

    assert done.returncode == 0, done.stderr
    opened = sum(map(int, done.stdout.split()))
    assert opened == 1 if http == "--http2" else opened <= 12
    for number in range(4):
        assert (tmp_path / f"echo{number}").read_bytes() == payload.read_bytes()
        assert digest in (tmp_path / f"sum{number}").read_text()
        assert (tmp_path / f"file{number}").read_bytes() == pattern(8_000_000)


# --- nghttp
def nghttp(front, *arguments, listener="secure", path="/"):
    """Output of one run, frames included."""
    base = front.url(path, "plain") if listener == "plain" else front.secure_url(
        path, host="localhost")
    done = subprocess.run(["nghttp", "--verbose", "--no-verify-peer", *map(str, arguments), base],
                          capture_output=True, text=True, timeout=60 * SCALE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("listener", ["secure", "plain"])
def test_nghttp_gets_pages_and_trailers(front, listener):
    told = nghttp(front, listener=listener, path="/trailers")

    assert ("The negotiated protocol: h2" in told) == (listener == "secure")
    assert ":status: 200" in told and "hello world" in told and "x-checksum: 42" in told


def test_nghttp_sends_bodies_with_trailers(front, backend, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 100_000)
    nghttp(front, "--null-out", "--data", body, "--no-content-length", "--trailer", "x-sum: 7",
           path="/with-trailers")

    got = next(r for r in backend.requests if r.target == "/with-trailers")
    assert (got.method, got.body) == ("POST", body.read_bytes())
    assert ("x-sum", "7") in [(name.lower(), value) for name, value in got.trailers]


@pytest.mark.parametrize("listener", ["secure", "plain"])
def test_upload_over_the_limit_is_refused_before_it_is_sent(front, listener, tmp_path):
    """By nghttp: curl 7.88 forgets the answer when it may stop sending (RST_STREAM NO_ERROR)."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate((100 << 20) + 1)
    told = nghttp(front, "--data", large, listener=listener, path="/upload")

    assert ":status: 413" in told and "error_code=NO_ERROR" in told
    assert sum(map(int, re.findall(r"send DATA frame <length=(\d+)", told))) < 10 << 20


def test_nghttp_small_windows_only_slow_it_down(front):
    """A window of 1 KiB for each stream: many turns of flow control."""
    told = nghttp(front, "--window-bits=10", "--connection-window-bits=12",
                  path="/stream?chunks=50&size=3000")

    assert ":status: 200" in told
    assert sum(int(n) for n in re.findall(r"recv DATA frame <length=(\d+)", told)) == 150_000


# --- h2load
def load(front, requests, *arguments, listener="secure", path="/"):
    """What h2load counted at one of the listeners."""
    url = front.url(path, "plain") if listener == "plain" else front.secure_url(
        path, host="127.0.0.1")
    return h2load(url, requests, *arguments)


@pytest.mark.parametrize("listener", ["secure", "plain"])
def test_h2load_many_streams_are_all_answered_and_counted(front, backend, listener):
    name = 'flaskscale_requests_total{'

    def served():
        return sum(v for key, v in front.metrics().items() if key.startswith(name))

    before, seen = served(), len(backend.requests)
    counts, codes, _ = load(front, 2000, "-c", 8, "-m", 50, "-t", 2, listener=listener)

    assert counts == [2000, 2000, 2000, 2000, 0, 0, 0]
    assert codes == [2000, 0, 0, 0]
    assert served() - before == 2000
    assert sum(1 for r in backend.requests[seen:] if "h2load" in r.get("User-Agent", "")) == 2000


@pytest.mark.parametrize("listener", ["secure", "plain"])
def test_h2load_large_bodies_come_back_whole(front, listener, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(os.urandom(500_000))
    counts, codes, data = load(front, 60, "-c", 3, "-m", 10, "-d", body, listener=listener,
                              path="/echo")

    assert (counts, codes) == ([60, 60, 60, 60, 0, 0, 0], [60, 0, 0, 0])
    assert data == 60 * 500_000
