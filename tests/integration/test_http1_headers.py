"""What FlaskScale writes, keeps and removes in the heads of requests and answers."""

import re

import pytest

from scripted import ok


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend)


@pytest.fixture(name="trusting", scope="module")
def _trusting(shared_stage, backend):
    return shared_stage.front_door(backend, listener={"trusted_proxies": ["127.0.0.0/8"]})


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


def forwarded(door, backend, *lines, start="GET / HTTP/1.1"):
    """The request head that the backend gets for these field lines."""
    fields = "".join(f"{line}\r\n" for line in lines)
    with door.client() as client:
        answer = client.exchange(f"{start}\r\nHost: test.example\r\n{fields}\r\n".encode("latin-1"))
    assert answer.status == 200
    return backend.requests[-1]


# Targets

@pytest.mark.parametrize("start,expected,host", [
    ("GET http://test.example/a?b=c HTTP/1.1", "GET /a?b=c HTTP/1.1", "test.example"),
    ("GET http://test.example HTTP/1.1", "GET / HTTP/1.1", "test.example"),
    ("GET HTTP://TEST.example/a HTTP/1.1", "GET /a HTTP/1.1", None),
    ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1", "test.example"),
    ("OPTIONS http://test.example HTTP/1.1", "OPTIONS * HTTP/1.1", "test.example"),
    ("GET /a%2Fb/../c;d?e#f HTTP/1.1".replace("#f", ""), "GET /a%2Fb/../c;d?e HTTP/1.1",
     "test.example"),
    ("DELETE /x HTTP/1.1", "DELETE /x HTTP/1.1", "test.example"),
    ("PROPFIND /x HTTP/1.1", "PROPFIND /x HTTP/1.1", "test.example"),
])
def test_sends_the_origin_form_to_the_backend(door, backend, start, expected, host):
    request = forwarded(door, backend, start=start)

    assert request.start_line == expected
    assert len(request.all("Host")) == 1
    if host:
        assert request.get("Host") == host


@pytest.mark.parametrize("target", ["test.example:443", "/"])
def test_refuses_connect(door, backend, target):
    seen = len(backend.requests)

    with door.client() as client:
        answer = client.exchange(
            f"CONNECT {target} HTTP/1.1\r\nHost: test.example:443\r\n\r\n".encode())

    assert answer.status in {400, 405, 501} if target == "/" else answer.status in {405, 501}
    assert len(backend.requests) == seen


def test_answers_404_where_no_route_matches(stage):
    backend = stage.backend()
    door = stage.front_door(backend, routes=[{"hosts": ["shop.example"], "paths": ["/shop"],
                                              "pool": "app"}])

    with door.client() as client:
        assert client.get("/shop/1", host="shop.example").status == 200
        assert client.get("/shop", host="SHOP.example:80").status == 200
        with door.expect_reason("no_route", beside=1):
            assert client.get("/other", host="shop.example").status == 404
        assert client.get("/shop", host="other.example").status == 404
    assert len(backend.requests) == 2


# Hop by hop

def test_removes_hop_by_hop_fields_of_a_request(door, backend):
    request = forwarded(
        door, backend, "Connection: X-Private , x-other,keep-alive", "X-Private: 1", "X-OTHER: 2",
        "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers", "X-Kept: 3")

    for name in ("X-Private", "X-Other", "Keep-Alive", "Proxy-Connection"):
        assert request.get(name) is None, name
    # Trailers pass through, so what the client says of them is said again, as our own.
    assert (request.get("TE"), request.get("Connection")) == ("trailers", "TE")
    assert request.get("X-Kept") == "3"


def test_never_removes_what_frames_or_routes_by_nomination(door, backend):
    with door.client() as client:
        answer = client.exchange(
            b"POST / HTTP/1.1\r\nHost: test.example\r\nConnection: Host, Content-Length, "
            b"Transfer-Encoding, close\r\nContent-Length: 5\r\n\r\nhello")

    request = backend.complete[-1]
    assert answer.status == 200
    assert request.get("Host") == "test.example"
    assert request.get("Content-Length") == "5"
    assert request.body == b"hello"


def test_never_removes_what_it_adds_itself_by_nomination(door, backend):
    request = forwarded(door, backend, "Connection: X-Forwarded-For, Forwarded, X-Request-Id, Via")

    for name in ("X-Forwarded-For", "Forwarded", "X-Request-Id", "Via"):
        assert request.get(name), name


def test_removes_hop_by_hop_fields_of_an_answer(door, backend):
    backend.answer = ok(b"ok", "Connection: X-Private", "X-Private: 1", "Keep-Alive: timeout=5",
                        "Proxy-Connection: keep-alive", "X-Kept: 3")

    answer = door.get()

    for name in ("X-Private", "Keep-Alive", "Proxy-Connection"):
        assert answer.get(name) is None, name
    assert answer.get("X-Kept") == "3"


# Everything else stays

def test_passes_fields_on_in_order_and_as_they_are(door, backend):
    request = forwarded(door, backend, "x-a:  1 \t", "X-B: \xe4\xf6", "x-a: 2", "Cookie: a=b; c=d",
                        "X-Empty:", "Accept: a, b")

    kept = [(name.lower(), value) for name, value in request.fields
            if name.lower() in {"x-a", "x-b", "cookie", "x-empty", "accept"}]
    assert kept == [("x-a", "1"), ("x-b", "\xe4\xf6"), ("x-a", "2"), ("cookie", "a=b; c=d"),
                    ("x-empty", ""), ("accept", "a, b")]


def test_leaves_date_and_server_as_the_backend_says(door, backend):
    backend.answer = ok(b"ok", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Server: gunicorn",
                        "Set-Cookie: a=1", "Set-Cookie: b=2")

    answer = door.get()

    assert answer.all("Date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert answer.all("Server") == ["gunicorn"]
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("status", ["200 Fine", "404 Not Found", "299 ", "599 Own Word"])
def test_passes_the_status_on(door, backend, status):
    backend.answer = ok(b"ok", status=status)

    answer = door.get()

    assert (answer.status, answer.body) == (int(status.split()[0]), b"ok")


# Who asks, and through whom

def test_tells_the_backend_who_asks(door, backend):
    request = forwarded(door, backend)

    assert request.all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["http"]
    assert request.all("X-Forwarded-Host") == ["test.example"]
    forwarded_field = request.get("Forwarded")
    assert "for=127.0.0.1" in forwarded_field
    assert "proto=http" in forwarded_field
    assert re.search(r'host="?test\.example"?', forwarded_field)


def test_believes_nothing_of_a_client_it_does_not_trust(door, backend):
    request = forwarded(
        door, backend, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7",
        "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1",
        "Forwarded: for=6.6.6.6;host=evil.example", "X-Request-Id: mine", "X-Real-Ip: 6.6.6.6")

    assert request.all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["http"]
    assert request.all("X-Forwarded-Host") == ["test.example"]
    assert len(request.all("Forwarded")) == 1
    assert "evil" not in request.get("Forwarded")
    assert "6.6.6.6" not in request.get("Forwarded")
    assert request.get("X-Request-Id") != "mine"


def test_extends_what_a_trusted_proxy_says(trusting, backend):
    request = forwarded(
        trusting, backend, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: shop.example", "Forwarded: for=203.0.113.9;proto=https",
        "X-Request-Id: from-the-edge-1")

    assert ",".join(request.all("X-Forwarded-For")).replace(" ", "") == "203.0.113.9,127.0.0.1"
    assert request.all("X-Forwarded-Proto") == ["https"]
    assert request.all("X-Forwarded-Host") == ["shop.example"]
    assert ",".join(request.all("Forwarded")).startswith("for=203.0.113.9;proto=https")
    assert "for=127.0.0.1" in ",".join(request.all("Forwarded"))
    assert request.all("X-Request-Id") == ["from-the-edge-1"]


@pytest.mark.parametrize("identity", ["", "a b", "x" * 1000, 'a"b', "a,b\xe4"])
def test_makes_its_own_id_when_that_of_a_trusted_proxy_is_no_good(trusting, backend, identity):
    request = forwarded(trusting, backend, f"X-Request-Id: {identity}")

    assert len(request.all("X-Request-Id")) == 1
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,128}", request.get("X-Request-Id"))


def test_gives_each_request_its_own_id_and_tells_both_sides(door, backend):
    pairs = [(door.get().get("X-Request-Id"), backend.requests[-1].get("X-Request-Id"))
             for _ in range(20)]

    assert all(told == sent and told for told, sent in pairs)
    assert len({told for told, _ in pairs}) == 20


def test_keeps_the_id_that_the_backend_chose(door, backend):
    backend.answer = ok(b"ok", "X-Request-Id: of-the-backend")

    assert door.get().all("X-Request-Id") == ["of-the-backend"]


def test_signs_requests_and_answers_with_via(door, backend):
    backend.answer = ok(b"ok", "Via: 1.0 inner")

    answer = door.get(extra="Via: 1.0 edge\r\n")
    request = backend.requests[-1]

    assert re.fullmatch(r"1\.0 edge, ?1\.1 \S+.*", ",".join(request.all("Via")))
    assert re.fullmatch(r"1\.0 inner, ?1\.1 \S+.*", ",".join(answer.all("Via")))
