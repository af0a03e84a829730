"""What routes do beside naming a pool: redirects, answers, prefixes and header fields."""

import pytest

from scripted import ok

ROUTES = [
    {"hosts": ["old.example"],
     "redirect": {"target": "https://new.example{path}{query}", "status": 308},
     "response_headers": {"set": {"X-Moved": "yes"}}},
    {"paths": ["/self"], "redirect": "{scheme}://{host}/there{path}"},
    {"paths": ["/down"], "respond": {"status": 503, "body_file": "down.html",
                                     "retry_after": "90s"}},
    {"paths": ["/teapot"], "respond": {"status": 418, "body": "short and stout"}},
    {"paths": ["/empty"], "respond": {"status": 204}},
    {"paths": ["/shop"], "pool": "app", "strip_prefix": "/shop",
     "request_headers": {"remove": ["X-Debug"], "set": {"X-Env": "prod"}, "add": {"X-Tag": "b"}},
     "response_headers": {"remove": ["Server"], "set": {"X-Frame-Options": "DENY"}}},
    {"pool": "app"},
]
PAGE = "<!doctype html><p>Back soon</p>"


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend, tmp_path_factory):
    page = tmp_path_factory.mktemp("pages") / "down.html"
    page.write_text(PAGE, encoding="utf-8")
    routes = [dict(route) for route in ROUTES]
    routes[2] = {**routes[2], "respond": {**routes[2]["respond"], "body_file": str(page)}}
    return shared_stage.front_door(backend, routes=routes)


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


def test_redirects_with_path_and_query(door):
    answer = door.get("/a/b?c=d", host="old.example:8080")

    assert answer.status == 308
    assert answer.get("Location") == "https://new.example/a/b?c=d"
    assert answer.get("X-Moved") == "yes"
    assert answer.get("Content-Length") == "0"
    assert answer.get("Date")


def test_redirects_to_the_own_host_without_its_port(door):
    answer = door.get("/self/x?y", host="[::1]:8080")
    assert (answer.status, answer.get("Location")) == (302, "http://[::1]/there/self/x")


def test_answers_with_a_page_from_a_file(door):
    with door.client() as client:
        for _ in range(2):  # the connection goes on
            answer = client.get("/down/anything")
            assert (answer.status, answer.body.decode()) == (503, PAGE)
            assert answer.get("Content-Type") == "text/html; charset=utf-8"
            assert answer.get("Retry-After") == "90"
        head = client.exchange(b"HEAD /down HTTP/1.1\r\nHost: a\r\n\r\n", to_method="HEAD")
        assert head.get("Content-Length") == str(len(PAGE))
        answer = client.get("/teapot")
        assert (answer.status, answer.body) == (418, b"short and stout")
        assert answer.get("Content-Type") == "text/plain; charset=utf-8"
        empty = client.get("/empty")
        assert (empty.status, empty.get("Content-Length")) == (204, None)


def test_answers_before_a_body_has_come(door):
    with door.client() as client:
        client.send(b"POST /teapot HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin")
        answer = client.read_response()
        assert (answer.status, answer.get("Connection")) == (418, "close")


def test_counts_what_routes_answer(stage, backend):
    # A door of its own: what answered the test before may still be about to be counted.
    door = stage.front_door(backend, routes=[
        {"respond": {"status": 418, "body": "short and stout"}}])
    door.get("/teapot")
    door.until(lambda: door.metric("flaskscale_answered_requests_total",
                                   reason="fixed_response") == 1, "an answer counted")
    line = door.until_logged(lambda line: line["path"] == "/teapot" and line["status"] == 418)
    assert line["reason"] == "fixed_response"


@pytest.mark.parametrize("sent, seen", [
    ("/shop", "/"), ("/shop?x=1", "/?x=1"), ("/shop/", "/"), ("/shop/a?b", "/a?b"),
    ("/shop//a", "//a")])
def test_takes_a_prefix_off(door, backend, sent, seen):
    assert door.get(sent).status == 200
    assert backend.requests[-1].target == seen
    assert backend.requests[-1].get("X-Forwarded-Prefix") == "/shop"


def test_leaves_other_paths_alone(door, backend):
    door.get("/shopping?x")
    assert backend.requests[-1].target == "/shopping?x"
    assert backend.requests[-1].get("X-Forwarded-Prefix") is None
    assert backend.requests[-1].get("X-Env") is None


def test_edits_header_fields_both_ways(door, backend):
    backend.answer = ok(b"ok", "Server: secret/1.0", "X-Frame-Options: SAMEORIGIN", "X-Own: 1")

    answer = door.get("/shop/x", extra="X-Debug: 1\r\nx-env: test\r\nX-Tag: a\r\n"
                                       "Connection: X-Env\r\n")

    request = backend.requests[-1]
    assert request.get("X-Debug") is None
    assert request.all("X-Env") == ["prod"]
    assert request.all("X-Tag") == ["a", "b"]
    assert answer.get("Server") is None
    assert answer.all("X-Frame-Options") == ["DENY"]
    assert answer.get("X-Own") == "1"


def test_adds_its_fields_to_answers_of_our_own(stage):
    door = stage.front_door(text="""
[server]
workers = 1
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
pool = "app"
response_headers = { set = { "X-Frame-Options" = "DENY", "Cache-Control" = "public" } }
[pools.app]
backends = ["127.0.0.1:1"]
queue = { timeout = "1ms" }
""", wait="ready")

    answer = door.get("/")

    assert answer.status in (502, 503)
    assert answer.get("X-Frame-Options") == "DENY"
    assert answer.all("Cache-Control") == ["no-store"]


def test_a_maintenance_page_comes_and_goes_by_reload(stage):
    door = stage.front_door(stage.backend())
    written = door.config_path.read_text(encoding="utf-8")
    page = '[[routes]]\nrespond = { status = 503, body = "later" }\n'
    everything_else = written.replace('[[routes]]\npool = "app"\n', "")

    with door.client() as client:
        assert client.get().status == 200
        door.reload(page + everything_else)
        assert (client.get().status, client.get().body) == (503, b"later")
        door.reload(written)
        assert client.get().status == 200
