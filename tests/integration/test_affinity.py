"""Sticky cookies and consistent hashing, as wishes under slots and queue."""

import re
from collections import Counter

from front_door import seconds
from scripted import Gate, ok


def _named(stage, count, **options):
    """Backends that answer with their number."""
    return [stage.backend(ok(str(number).encode()), **options) for number in range(count)]


def _cookie(answer):
    """Value of the sticky cookie that the answer sets; None if it sets none."""
    for line in answer.all("Set-Cookie"):
        if line.startswith("who="):
            assert line.endswith("; Path=/; HttpOnly; SameSite=Lax")
            return re.match(r"who=([0-9a-f]{16});", line).group(1)
    return None


def test_a_client_comes_back_to_its_backend(stage):
    door = stage.front_door(*_named(stage, 5), pool={"sticky_cookie": "who"})

    first = door.get()
    cookie = _cookie(first)
    assert cookie
    for _ in range(20):
        answer = door.get(extra=f"Cookie: a=b; who={cookie}; c=d\r\n")
        assert answer.body == first.body
        assert _cookie(answer) is None
    assert len({door.get().body for _ in range(30)}) > 1  # others go where they like


def test_the_cookie_outlives_a_restart_and_tells_no_address(stage):
    backends = _named(stage, 4)
    door = stage.front_door(*backends, pool={"sticky_cookie": "who"})
    first = door.get()
    cookie = _cookie(first)
    other = stage.front_door(*backends, pool={"sticky_cookie": "who", "sticky_secret": "another"})

    door.stop()
    door.start()

    assert door.get(extra=f"Cookie: who={cookie}\r\n").body == first.body
    assert _cookie(other.get(extra=f"Cookie: who={cookie}\r\n")) not in (None, cookie)


def test_equal_secrets_make_equal_cookies(stage):
    backends = _named(stage, 3)
    doors = [stage.front_door(*backends, pool={"sticky_cookie": "who", "sticky_secret": "s"})
             for _ in range(2)]
    first = doors[0].get()
    assert doors[1].get(extra=f"Cookie: who={_cookie(first)}\r\n").body == first.body


def test_a_cookie_that_names_nobody_is_replaced(stage):
    door = stage.front_door(*_named(stage, 2), pool={"sticky_cookie": "who"})
    for value in ("", "x", "0123456789abcdef", "0123456789ABCDEFG", "../../etc/passwd"):
        assert _cookie(door.get(extra=f"Cookie: who={value}\r\n")) not in (None, value)


def test_a_full_backend_costs_nobody_a_wait(stage):
    gates = [Gate(ok(str(number).encode())) for number in range(2)]
    backends = [stage.backend(gate) for gate in gates]
    door = stage.front_door(*backends, pool={"sticky_cookie": "who", "slots": 1})
    for gate in gates:
        gate.let(1)
    first = door.get()
    mine = int(first.body)
    cookie = f"Cookie: who={_cookie(first)}\r\n"
    count = len(backends[mine].targets)
    door.until_counted("in_flight", 0)  # the answer came before its slot was free

    with door.client() as holder, door.client() as second:
        request = f"GET / HTTP/1.1\r\nHost: a\r\n{cookie}\r\n".encode()
        holder.send(request)
        backends[mine].wait_requests(count + 1)
        second.send(request)
        backends[1 - mine].wait_requests(1)
        for gate in gates:
            gate.open()
        assert int(holder.read_response().body) == mine
        answer = second.read_response()
        assert int(answer.body) == 1 - mine
        assert _cookie(answer) is None  # it comes back when there is room
    assert int(door.get(extra=cookie).body) == mine
    assert door.pool()["queue"]["idle_slot_while_queued_seconds"] == 0


def test_a_drained_backend_is_left_and_another_named(stage):
    backends = _named(stage, 2)
    door = stage.front_door(*backends, pool={"sticky_cookie": "who"})
    first = door.get()
    cookie = _cookie(first)

    door.drain(backends[int(first.body)].address)

    answer = door.get(extra=f"Cookie: who={cookie}\r\n")
    assert answer.body != first.body
    assert _cookie(answer) not in (None, cookie)


def _places(door, extra):
    """The backend of each key. One request at a time on one connection, and none of another one: a
    backend that still has the one before would have more than its share."""
    door.until_counted("in_flight", 0)
    with door.client() as client:
        return {key: client.get(extra=extra.format(key)).body for key in range(40)}


def test_hash_of_a_header_a_cookie_and_the_client(stage):
    backends = _named(stage, 5)
    for hash_on, extra in (("header:X-User", "X-User: {}\r\n"), ("cookie:id", "Cookie: id={}\r\n"),
                           ("client", "X-Forwarded-For: 203.0.113.{}\r\n")):
        door = stage.front_door(*backends, listener={"trusted_proxies": ["127.0.0.1"]},
                                pool={"balance": "consistent_hash", "hash_on": hash_on})
        places = _places(door, extra)
        assert len(set(places.values())) > 2
        assert _places(door, extra) == places
        door.stop()
        door.start()
        assert _places(door, extra) == places
        door.stop()


def test_a_hot_key_spreads_and_waits_for_nobody(stage):
    gate = Gate()
    backends = [stage.backend(gate) for _ in range(3)]
    door = stage.front_door(*backends, pool={"balance": "consistent_hash", "slots": 2,
                                             "hash_on": "header:X-Key"})
    clients = [door.client() for _ in range(6)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Key: hot\r\n\r\n")
    door.until(lambda: sum(len(b.targets) for b in backends) == 6, "all six served at once")
    gate.open()
    for client in clients:
        assert client.read_response().status == 200
        client.close()
    assert Counter(len(backend.targets) for backend in backends) == {2: 3}
    assert seconds(1) and door.pool()["queue"]["idle_slot_while_queued_seconds"] == 0
