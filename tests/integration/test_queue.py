"""The queue of a pool: slots are a hard limit, waiting is bounded, nobody is forgotten."""

import threading
import time
from contextlib import ExitStack

import pytest

from front_door import config, duration, seconds
from scripted import Gate, ok


def request(target="/", *fields):
    """A GET with further field lines."""
    return (f"GET {target} HTTP/1.1\r\nHost: test.example\r\n"
            + "".join(f"{field}\r\n" for field in fields) + "\r\n").encode()


@pytest.fixture(name="clients")
def _clients():
    """Keeps the connections of a test until its end."""
    with ExitStack() as stack:
        yield stack


def send(door, clients, target="/", *fields):
    """Sends one request on a connection of its own."""
    client = clients.enter_context(door.client(timeout=seconds(20)))
    client.send(request(target, *fields))
    return client


def queue_up(door, clients, count, in_flight=1, prefix="/"):
    """`in_flight` requests that are served and then `count` that wait, in this order."""
    served = []
    for number in range(in_flight):
        served.append(send(door, clients, f"{prefix}served{number}"))
        door.until_counted("in_flight", number + 1)
    waiting = []
    for number in range(count):
        waiting.append(send(door, clients, f"{prefix}{number}"))
        door.until_queued(number + 1)
    return served, waiting


def statuses(clients):
    """Status of the answer to each."""
    return [client.read_response().status for client in clients]


def assert_nobody_waited_beside_a_free_slot(door):
    """The gauge of lost wake-ups."""
    assert door.pool()["queue"]["idle_slot_while_queued_seconds"] < 0.05


# Slots

def test_never_has_more_in_flight_than_slots(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 2})

    served, waiting = queue_up(door, clients, count=4, in_flight=2)
    backend.wait_requests(2)
    assert door.pool()["in_flight"] == 2
    assert backend.serving == 2
    gate.open()

    assert statuses(served + waiting) == [200] * 6
    assert backend.most_serving == 2
    door.until_counted("in_flight", 0)
    assert_nobody_waited_beside_a_free_slot(door)


def test_keeps_to_the_slots_of_every_backend_under_load(stage):
    backends = [stage.backend(slow_ok) for _ in range(2)]
    door = stage.front_door(*backends, pool={"slots": 3}, server={"workers": 4})
    wrong = []

    def ask():
        with door.client(timeout=seconds(30)) as client:
            for _ in range(25):
                if client.get().status != 200:
                    wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
    assert max(backend.most_serving for backend in backends) == 3
    assert len(backends[0].requests) + len(backends[1].requests) == 24 * 25
    assert min(len(backend.requests) for backend in backends) > 100
    assert_nobody_waited_beside_a_free_slot(door)


def slow_ok(*_):
    """An answer after 3 ms."""
    time.sleep(0.003)
    return ok()


def test_serves_fifo_in_the_order_of_arrival(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1}, queue={"order": "fifo"})

    served, waiting = queue_up(door, clients, count=6)
    for _ in range(7):
        gate.let()
    assert statuses(served + waiting) == [200] * 7

    assert backend.targets == ["/served0"] + [f"/{number}" for number in range(6)]


def test_shows_what_waits(stage, clients):
    gate = Gate()
    door = stage.front_door(stage.backend(gate), pool={"slots": 1}, queue={"limit": 50})

    served, waiting = queue_up(door, clients, count=3)
    door.until(lambda: door.pool()["queue"]["oldest_seconds"] > 0.05, "the oldest grows older")
    queue = door.pool()["queue"]
    assert (queue["depth"], queue["limit"]) == (3, 50)
    assert queue["bytes"] > 0
    assert door.metric("flaskscale_queue_depth", pool="app") == 3
    gate.open()

    assert statuses(served + waiting) == [200] * 4
    queue = door.pool()["queue"]
    assert (queue["depth"], queue["bytes"], queue["oldest_seconds"]) == (0, 0, 0)
    door.until(lambda: door.metric("flaskscale_queue_wait_seconds_count", pool="app") >= 3,
               "three waits counted")


# Limits

def test_refuses_when_the_queue_is_full(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1}, queue={"limit": 2})
    served, waiting = queue_up(door, clients, count=2)

    with door.expect_reason("queue_full", beside=3):
        answer = door.get("/refused", extra="Accept: application/json\r\n")

    assert answer.status == 503
    assert 1 <= int(answer.get("Retry-After")) <= 300
    assert b"queue_full" in answer.body
    assert door.pool()["queue"]["refused_total"] == 1
    gate.open()
    assert statuses(served + waiting) == [200] * 3
    assert "/refused" not in backend.targets


def test_keeps_the_connection_of_a_refused_client(stage, clients):
    gate = Gate()
    door = stage.front_door(stage.backend(gate), pool={"slots": 1}, queue={"limit": 1})
    queue_up(door, clients, count=1)

    with door.client() as client:
        assert client.get().status == 503
        gate.open()
        door.until_counted("in_flight", 0)
        assert client.get().status == 200


def test_refuses_what_has_waited_too_long(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1}, queue={"timeout": duration(0.4)})
    served, _ = queue_up(door, clients, count=0)

    started = time.monotonic()
    with door.expect_reason("waited_too_long", beside=1):
        answer = door.get("/late")
    passed = time.monotonic() - started

    assert answer.status == 503
    assert int(answer.get("Retry-After")) >= 1
    assert seconds(0.35) <= passed <= seconds(3)
    door.until_queued(0)
    gate.open()
    assert statuses(served) == [200]
    assert "/late" not in backend.targets


def test_bounds_the_bytes_that_wait(stage, clients):
    gate = Gate()
    door = stage.front_door(stage.backend(gate), pool={"slots": 1}, queue={"bytes": "100KiB"})
    served, _ = queue_up(door, clients, count=0)

    waiting = [send(door, clients, "/", "X-Long: " + "x" * 15000) for _ in range(20)]
    door.until(lambda: door.reasons().get("queue_bytes", 0) >= 1, "a refusal for bytes")
    door.until(lambda: door.pool()["queue"]["depth"] + door.reasons().get("queue_bytes", 0) == 20,
               "all have arrived")
    queue = door.pool()["queue"]
    assert 1 <= queue["depth"] <= 6
    assert 15000 <= queue["bytes"] <= 100 << 10
    gate.open()

    results = statuses(served + waiting)
    assert set(results) == {200, 503}
    assert results.count(200) == queue["depth"] + 1
    door.until_counted("bytes", 0, part="queue")


# Leaving

# Whoever ends only its half looks like one that closes, so in the queue both have left.
@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_frees_the_place_of_a_client_that_leaves(stage, clients, how):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1}, queue={"limit": 1, "timeout": "60s"})
    served, waiting = queue_up(door, clients, count=1, prefix="/left")

    getattr(waiting[0], how)()
    door.until_queued(0)
    last = send(door, clients, "/stays")
    door.until_queued(1)
    gate.open()

    assert statuses(served + [last]) == [200, 200]
    assert backend.targets == ["/leftserved0", "/stays"]
    assert door.pool()["queue"]["client_left_total"] == 1


def test_frees_the_slot_of_a_client_that_leaves(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1})
    served, waiting = queue_up(door, clients, count=1)
    backend.wait_requests(1)

    served[0].reset()
    backend.wait_requests(2)
    gate.open()

    assert statuses(waiting) == [200]


# Backends come and go

def test_takes_nothing_new_to_a_drained_backend(stage, clients):
    gate = Gate()
    drained, other = stage.backend(gate), stage.backend(gate)
    door = stage.front_door(drained, other, pool={"slots": 1})
    served, waiting = queue_up(door, clients, count=2, in_flight=2)

    answer = door.drain(drained.address)
    assert (answer["state"], answer["in_flight"]) == ("draining", 1)
    gate.open()

    assert statuses(served + waiting) == [200] * 4
    assert (len(drained.requests), len(other.requests)) == (1, 3)
    assert door.backend_status(drained)["drained_by_operator"]


def test_wakes_the_waiting_when_a_backend_is_taken_back(stage, clients):
    gates = [Gate(), Gate()]
    drained, other = stage.backend(gates[0]), stage.backend(gates[1])
    door = stage.front_door(drained, other, pool={"slots": 1})
    gates[0].open()
    door.drain(drained.address)
    served, waiting = queue_up(door, clients, count=3)

    door.undrain(drained.address)

    assert statuses(waiting) == [200] * 3
    assert len(drained.requests) == 3
    gates[1].open()
    assert statuses(served) == [200]
    assert_nobody_waited_beside_a_free_slot(door)


def test_loses_no_request_while_backends_are_drained_and_taken_back(stage):
    backends = [stage.backend(slow_ok) for _ in range(2)]
    door = stage.front_door(*backends, pool={"slots": 2})
    wrong = []
    stop = threading.Event()

    def ask():
        with door.client(timeout=seconds(30)) as client:
            while not stop.is_set():
                if client.get().status != 200:
                    wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        address = backends[turn % 2].address
        door.drain(address)
        time.sleep(0.03)
        door.undrain(address)
    stop.set()
    for thread in threads:
        thread.join()

    assert not wrong
    assert max(backend.most_serving for backend in backends) <= 2
    assert_nobody_waited_beside_a_free_slot(door)


def test_wakes_the_waiting_when_a_backend_joins(stage, clients):
    gate = Gate()
    first, second = stage.backend(gate), stage.backend()
    door = stage.front_door(first, pool={"slots": 1})
    served, waiting = queue_up(door, clients, count=3)

    door.reload(config(first, second, pool={"slots": 1}))

    assert statuses(waiting) == [200] * 3
    assert len(second.requests) == 3
    gate.open()
    assert statuses(served) == [200]


def test_wakes_the_waiting_when_a_reload_gives_more_slots(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1})
    served, waiting = queue_up(door, clients, count=3)

    door.reload(config(backend, pool={"slots": 3}))
    door.until_counted("in_flight", 3)
    door.until_queued(1)
    door.until(lambda: backend.most_serving == 3, "three at the backend")
    gate.open()

    assert statuses(served + waiting) == [200] * 4
    assert backend.most_serving == 3


def test_keeps_queue_connections_and_counters_over_reloads(stage, clients):
    gate = Gate()
    backend = stage.backend(gate)
    door = stage.front_door(backend, pool={"slots": 1})
    served, waiting = queue_up(door, clients, count=4)
    connections = door.status()["connections"]

    for limit in range(900, 905):
        door.reload(config(backend, pool={"slots": 1}, queue={"limit": limit}))
        queue = door.pool()["queue"]
        assert (queue["depth"], queue["limit"]) == (4, limit)
    assert door.status()["connections"] == connections
    gate.open()

    assert statuses(served + waiting) == [200] * 5
    for client in served + waiting:  # and each connection serves on
        assert client.get().status == 200
    door.until_counted("requests_total", 10)


def test_answers_503_without_any_backend_up(stage):
    backend = stage.backend()
    backend.stop_listening()
    door = stage.front_door(backend, wait="listening")

    with door.expect_reason("no_capacity"):
        answer = door.get()

    assert answer.status == 503
    assert int(answer.get("Retry-After")) >= 1
