"""What browsers and scripts do with HTTP/1.1 and HTTP/1.0, through to a real Flask application."""

import hashlib
import os

from curl import run_curl
from raw_client import RawClient


def pattern(size):
    """What the application's /download answers."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def test_page_is_served(demo):
    result = run_curl(demo.url("/"))

    assert (result.code, result.status) == (0, 200), result.stderr
    assert b"Expedition shop" in result.body
    assert int(result.header("Content-Length")) == len(result.body)


def test_server_and_date_stay_as_the_backend_says(demo):
    result = run_curl(demo.url("/healthz"))

    assert result.headers("Server") == ["gunicorn"]
    assert len(result.headers("Date")) == 1


def test_head_has_the_length_and_no_body_and_keeps_the_connection(demo):
    result = run_curl("--head", demo.url("/healthz"), "--next", "--silent",
                      "--write-out", "%{stderr}\n%{json}\n", demo.url("/healthz"))

    assert result.code == 0, result.stderr
    assert "Content-Length: 3" in result.heads[0]
    assert result.body.endswith(b"ok\n")
    assert result.facts["connects"] == 1


def test_connection_is_reused(demo):
    result = run_curl(*[demo.url("/healthz")] * 5)

    assert result.body == b"ok\n" * 5
    assert result.facts["connects"] == 1


def test_upload_waits_for_100_continue(demo):
    payload = os.urandom(3_000_000)

    result = run_curl("--header", "Expect: 100-continue", "--expect100-timeout", "20",
                      "--data-binary", "@-", demo.url("/upload"), stdin=payload)

    assert result.status == 200, result.stderr
    assert result.heads[0].startswith("HTTP/1.1 100 ")
    assert result.json()["sha256"] == hashlib.sha256(payload).hexdigest()
    assert result.facts["time_total"] < 15  # and not after curl's own patience


def test_chunked_upload_arrives_whole(demo):
    payload = os.urandom(5_000_001)

    result = run_curl("--request", "POST", "--header", "Transfer-Encoding: chunked",
                      "--upload-file", "-", demo.url("/upload"), stdin=payload)

    assert result.status == 200, result.stderr
    assert result.json()["size"] == len(payload)
    assert result.json()["sha256"] == hashlib.sha256(payload).hexdigest()


def test_empty_post_is_a_request(demo):
    result = run_curl("--request", "POST", "--data", "", demo.url("/upload"))

    assert result.json()["size"] == 0


def test_upload_over_the_limit_is_refused_before_it_is_sent(demo):
    with RawClient(demo.listener()) as client:
        response = client.exchange(b"POST /upload HTTP/1.1\r\nHost: a\r\n"
                                   b"Content-Length: 104857601\r\n\r\n")

        assert response.status == 413
        assert client.at_end()


def test_range_is_served(demo):
    result = run_curl("--range", "250-1259", demo.url("/download?bytes=5000"))

    assert result.status == 206
    assert result.header("Content-Range") == "bytes 250-1259/5000"
    assert result.body == pattern(5000)[250:1260]


def test_not_modified_has_no_body_and_keeps_the_connection(demo):
    tag = run_curl(demo.url("/download?bytes=100")).header("ETag")

    result = run_curl("--header", f"If-None-Match: {tag}", demo.url("/download?bytes=100"),
                      demo.url("/download?bytes=100"))

    assert (result.status, result.body) == (304, b"")
    assert result.facts["connects"] == 1


def test_big_download_arrives_whole(demo):
    size = 100_000_000

    result = run_curl(demo.url(f"/download?bytes={size}"))

    assert result.code == 0, result.stderr
    assert hashlib.sha256(result.body).digest() == hashlib.sha256(pattern(size)).digest()


def test_stream_of_unknown_length_arrives_whole(demo):
    result = run_curl(demo.url("/stream?chunks=300&size=7000"))

    expected = b"".join(bytes([ord("a") + number % 26]) * 7000 for number in range(300))
    assert result.header("Transfer-Encoding") == "chunked"
    assert result.body == expected


def test_http_1_0_client_gets_no_chunks_and_an_end(demo):
    result = run_curl("--http1.0", demo.url("/stream?chunks=3&size=10"))

    assert (result.code, result.status) == (0, 200), result.stderr
    assert result.header("Transfer-Encoding") is None
    assert result.body == b"a" * 10 + b"b" * 10 + b"c" * 10


def test_http_1_0_request_without_host_is_served_and_closed(demo):
    with RawClient(demo.listener()) as client:
        client.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        response = client.read_response()

        assert response.status == 200
        assert response.body == b"ok\n"
        assert client.at_end()


def test_http_1_0_keep_alive_is_honoured_where_the_length_is_known(demo):
    with RawClient(demo.listener()) as client:
        first = client.exchange(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

        if first.get("Connection", "").lower() == "keep-alive":
            assert client.exchange(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200
        else:
            assert client.at_end()


def test_pipelined_requests_are_answered_in_order(demo):
    with RawClient(demo.listener()) as client:
        client.send(b"GET /slow?seconds=0.3 HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")

        assert b"slept" in client.read_response().body
        assert client.read_response().body == b"ok\n"
        assert b'"size":3' in client.read_response().body


def test_half_closed_client_still_gets_its_answer(demo):
    with RawClient(demo.listener()) as client:
        client.send(b"GET /slow?seconds=0.3 HTTP/1.1\r\nHost: a\r\n\r\n")
        client.half_close()

        assert b"slept" in client.read_response().body
        assert client.at_end()


def test_methods_arrive_as_they_are(demo):
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        result = run_curl("--request", method, demo.url("/headers?a=1%20b&c=%2F"))

        assert result.json()["method"] == method
        assert result.json()["query"] == "a=1%20b&c=%2F"


def test_errors_of_the_application_pass_through(demo):
    assert run_curl(demo.url("/nowhere")).status == 404
    assert run_curl(demo.url("/upload")).status == 405
    assert run_curl(demo.url("/slow?seconds=often")).status == 400


def test_connect_is_refused(demo):
    with RawClient(demo.listener()) as client:
        client.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")

        assert client.read_response().status in (405, 501)


def test_cookies_go_both_ways(demo, tmp_path):
    jar = tmp_path / "jar"

    visits = [run_curl("--cookie", jar, "--cookie-jar", jar, demo.url("/cookie"))
              for _ in range(3)]

    assert [result.json()["visits"] for result in visits] == [1, 2, 3]
    assert len(visits[0].headers("Set-Cookie")) == 2
