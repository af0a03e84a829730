"""The access log: one line for every exchange, with the split of its time and why it ended so."""

import json
import re
import time
from datetime import datetime, timezone

import pytest

from front_door import duration, seconds
from scripted import Gate, ok, post


@pytest.fixture(name="backend", scope="module")
def _backend(shared_stage):
    return shared_stage.backend()


@pytest.fixture(name="door", scope="module")
def _door(shared_stage, backend):
    return shared_stage.front_door(backend, timeouts={"response": duration(0.5)})


@pytest.fixture(autouse=True)
def _fresh(backend):
    backend.answer = ok()


def line_of(door, path):
    """The line of the exchange with this path."""
    return door.until_logged(lambda line: line["path"] == path, f"a line for {path}")


def test_says_who_asked_what_and_who_answered(door, backend):
    before = datetime.now(timezone.utc)
    answer = door.get("/plain?a=b", host="Shop.example:80",
                      extra="User-Agent: tester\r\nReferer: http://a/\r\n")

    line = line_of(door, "/plain?a=b")
    assert line["client"] == "127.0.0.1"
    assert (line["method"], line["protocol"]) == ("GET", "HTTP/1.1")
    assert line["host"].lower() == "shop.example:80"
    assert (line["status"], line["reason"]) == (200, "ok")
    assert (line["pool"], line["backend"], line["retries"]) == ("app", backend.address, 0)
    assert line["request_id"] == answer.get("X-Request-Id")
    assert (line["user_agent"], line["referer"]) == ("tester", "http://a/")
    written = datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
    assert abs((written - before).total_seconds()) < seconds(5)


def test_splits_the_time(stage):
    def slow(*_):
        time.sleep(seconds(0.15))
        return ok()

    door = stage.front_door(stage.backend(slow), pool={"slots": 1})
    with door.client() as first, door.client() as second:
        first.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        door.until_counted("in_flight", 1)
        second.send(b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        first.read_response()
        second.read_response()

    for path, waited in (("/first", False), ("/second", True)):
        line = line_of(door, path)
        assert line["first_byte_ms"] >= seconds(0.14) * 1000
        assert line["total_ms"] >= line["first_byte_ms"]
        assert (line["queue_ms"] > 20) == waited
        assert line["connect_ms"] is None or 0 <= line["connect_ms"] < line["total_ms"]
        assert line["total_ms"] < seconds(5) * 1000


def test_tells_a_new_backend_connection_from_a_reused_one(stage):
    door = stage.front_door(stage.backend(), server={"workers": 1})
    with door.client() as client:
        client.get("/new")
        client.get("/reused")

    assert line_of(door, "/new")["connect_ms"] >= 0
    assert line_of(door, "/reused")["connect_ms"] is None


def test_counts_bytes_both_ways(door, backend):
    backend.answer = ok(b"x" * 10_000)
    with door.client() as client:
        client.exchange(post(b"y" * 5_000, "/bytes"))

    line = line_of(door, "/bytes")
    assert 5_000 < line["bytes_in"] < 5_500
    assert 10_000 < line["bytes_out"] < 10_800


def test_escapes_what_clients_send(door):
    user_agent = 'a"b\\c\t\u00e9 \u202e</script>'
    with door.client() as client:
        client.exchange(b"GET /strange?a=%22 HTTP/1.1\r\nHost: a\r\nReferer: \xff\xfe\r\n"
                        b"User-Agent: " + user_agent.encode() + b"\r\n\r\n")
        status = client.get("/escaped").status

    assert status == 200
    line_of(door, "/escaped")
    raw = (door.directory / "access.log").read_bytes()
    assert all(json.loads(line) for line in raw.decode("utf-8").splitlines())
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw)
    assert line_of(door, "/strange?a=%22")["user_agent"] == user_agent


REASONS = {
    "no_route": (404, "no_route"),
    "malformed": (400, None),
    "response_timeout": (504, None),
    "broken": (502, None),
}


@pytest.mark.parametrize("case", REASONS)
def test_gives_the_reason_of_an_answer_of_its_own(stage, case):
    answer = {"response_timeout": Gate(), "broken": lambda *_: False}.get(case, ok())
    routes = [{"paths": ["/only"], "pool": "app"}] if case == "no_route" else None
    door = stage.front_door(stage.backend(answer), routes=routes,
                            timeouts={"response": duration(0.5)})
    status, reason = REASONS[case]

    got = door.get("/x", extra=": empty name\r\n" if case == "malformed" else "")
    line = door.until_logged(lambda line: line["status"] == status)

    assert got.status == status
    assert re.fullmatch(r"[a-z0-9_]+", line["reason"])
    assert line["reason"] != "ok"
    assert reason in {None, line["reason"]}
    assert line["request_id"] == got.get("X-Request-Id")
    assert door.reasons().get(line["reason"]) == 1


def test_logs_a_client_that_left(door, backend):
    gate = Gate()
    backend.answer = gate
    seen = len(backend.requests)
    with door.client() as client:
        client.send(b"GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
        backend.wait_requests(seen + 1)
        client.reset()

    assert line_of(door, "/left")["reason"] == "client_left"


def test_logs_an_answer_that_was_cut_short(door, backend):
    backend.answer = lambda connection, _: connection.send(ok(b"x" * 100)[:-50]) or False
    with door.client() as client:
        client.send(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_until(b"x" * 50)
        assert client.at_end()

    line = line_of(door, "/cut")
    assert line["status"] == 200
    assert line["reason"] not in {"", "ok"}


def test_logs_every_request_of_a_connection_once(door):
    with door.client() as client:
        for number in range(200):
            client.get(f"/many/{number}")

    line_of(door, "/many/199")
    paths = [line["path"] for line in door.log_lines() if line["path"].startswith("/many/")]
    assert paths == [f"/many/{number}" for number in range(200)]


def test_writes_text_where_it_is_asked_for(stage):
    door = stage.front_door(stage.backend(), access_log="text.log", access_log_format="text")
    door.get("/text", extra="User-Agent: tester\r\n")

    log = door.directory / "text.log"
    door.until(lambda: log.exists() and "/text" in log.read_text(), "a line")
    assert re.match(r'127\.0\.0\.1 - - \[[^\]]+\] "GET /text HTTP/1\.1" 200 \d+ "-" "tester"',
                    log.read_text())


def test_writes_to_standard_output_where_it_is_asked_for(stage):
    door = stage.front_door(stage.backend(), access_log="-")
    door.get("/out")

    door.until(lambda: '"path":"/out"' in door.stdout_path.read_text(), "a line")


def test_writes_nothing_where_it_is_off(stage):
    door = stage.front_door(stage.backend(), access_log="off")
    door.get("/quiet")
    door.stop()

    assert not (door.directory / "off").exists()
    assert "/quiet" not in door.stdout_path.read_text() + door.stderr()
