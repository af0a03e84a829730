"""What of a client's head the application sees, and what a client can't make it see."""

import pytest
from curl import run_curl
from demo_server import DemoServer
from raw_client import RawClient


@pytest.fixture(scope="module")
def trusting():
    """A flaskscale that believes the forwarding headers of loopback clients."""
    with DemoServer(listener='trusted_proxies = ["127.0.0.0/8"]') as server:
        yield server


def seen_by_flask(server, *headers):
    """{lower-case name: value} of the fields that arrived."""
    arguments = [argument for header in headers for argument in ("--header", header)]
    result = run_curl(*arguments, server.url("/headers"))
    assert result.status == 200, result.body
    return {name.lower(): value for name, value in result.json()["headers"]}


def test_client_is_named(demo):
    seen = seen_by_flask(demo, "Host: shop.example:8080")

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "shop.example:8080"
    assert "for=127.0.0.1" in seen["forwarded"].replace('"', "")
    assert seen["host"] == "shop.example:8080"
    assert "1.1 " in seen["via"]


def test_each_request_has_an_id_of_its_own(demo):
    ids = {seen_by_flask(demo)["x-request-id"] for _ in range(5)}

    assert len(ids) == 5
    assert all(len(request_id) >= 16 for request_id in ids)


def test_what_a_stranger_claims_is_replaced(demo):
    seen = seen_by_flask(demo, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https",
                         "X-Forwarded-Host: bank.example", "Forwarded: for=6.6.6.6;proto=https",
                         "X-Request-Id: chosen-by-the-client-0123456789")

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == f"127.0.0.1:{demo.listener()[1]}"
    assert "6.6.6.6" not in seen["forwarded"]
    assert "chosen" not in seen["x-request-id"]


@pytest.mark.parametrize("spelling", ["X_Forwarded_For", "x-forwarded_for", "X_FORWARDED-FOR"])
def test_no_claim_comes_in_by_another_spelling(demo, spelling):
    """WSGI has one name for X-Forwarded-For and X_Forwarded_For."""
    with RawClient(demo.listener()) as client:
        response = client.get("/headers", extra=f"{spelling}: 6.6.6.6\r\n")

    assert b"6.6.6.6" not in response.body


def test_a_trusted_proxy_is_believed(trusting):
    seen = seen_by_flask(trusting, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https",
                         "X-Forwarded-Host: bank.example", "X-Request-Id: made-by-the-first-proxy")

    assert [part.strip() for part in seen["x-forwarded-for"].split(",")] == ["6.6.6.6", "127.0.0.1"]
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-forwarded-host"] == "bank.example"
    assert seen["x-request-id"] == "made-by-the-first-proxy"


def test_hop_by_hop_fields_stop_here(demo):
    seen = seen_by_flask(demo, "Connection: X-Secret, keep-alive", "X-Secret: 1",
                         "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers",
                         "X-Kept: 2")

    assert seen["x-kept"] == "2"
    assert not {"x-secret", "keep-alive", "proxy-connection"} & set(seen)
    assert (seen["te"], seen["connection"]) == ("trailers", "TE")  # our own words


def test_host_can_not_be_nominated_away(demo):
    seen = seen_by_flask(demo, "Connection: Host, Content-Length", "Host: shop.example")

    assert seen["host"] == "shop.example"


def test_absolute_target_names_the_host(demo):
    with RawClient(demo.listener()) as client:
        response = client.exchange(b"GET http://shop.example/headers?x=1 HTTP/1.1\r\n"
                                   b"Host: shop.example\r\n\r\n")

    assert response.status == 200
    assert b'["Host","shop.example"]' in response.body.replace(b" ", b"")
    assert b'"query":"x=1"' in response.body.replace(b" ", b"")
