"""Active checks and passive ejection."""

import threading
import time

from front_door import seconds
from scripted import ok, post


class Checked:
    """A handler with a health page that the test can make good or bad."""

    def __init__(self, answer=None, healthy=True):
        self.answer = answer or ok()
        self.healthy = healthy
        self.checks = 0
        self.requests = []
        self._lock = threading.Lock()

    def __call__(self, connection, request):
        if request.target == "/healthz":
            with self._lock:
                self.checks += 1
            healthy = self.healthy(self.checks) if callable(self.healthy) else self.healthy
            return ok() if healthy else ok(status="503 Service Unavailable")
        with self._lock:
            self.requests.append(request.target)
        return self.answer(connection, request) if callable(self.answer) else self.answer


HEALTH = {"path": "/healthz", "interval": "50ms"}


def is_up(door, backend):
    """The backend's `up` in the status."""
    return door.backend_status(backend)["up"]


def test_sends_nothing_to_a_backend_before_its_first_good_check(stage):
    checked = Checked(healthy=False)
    backend = stage.backend(checked)
    door = stage.front_door(backend, health=HEALTH, wait="listening")

    backend.wait_for(lambda _: checked.checks >= 3, seconds(10))
    assert door.get().status == 503
    assert not is_up(door, backend)
    assert checked.requests == []
    checked.healthy = True
    door.until(lambda: is_up(door, backend), "up")

    assert door.get().status == 200


def test_asks_for_the_configured_page(stage):
    checked = Checked()
    backend = stage.backend(checked)
    stage.front_door(backend, health=HEALTH)

    request = backend.requests[0]
    assert request.start_line in {"GET /healthz HTTP/1.1", "GET /healthz HTTP/1.0"}
    assert request.get("Host")
    assert "flaskscale" in request.get("User-Agent", "").lower()


def test_trusts_a_new_backend_at_once_and_one_that_failed_after_some_good_checks(stage):
    checked = Checked(healthy=lambda number: number == 1 or number > 4)
    backend = stage.backend(checked)
    door = stage.front_door(backend, health={**HEALTH, "rise": 3, "fall": 3}, wait="listening")

    door.until(lambda: is_up(door, backend), "up")
    assert checked.checks <= 3
    door.until(lambda: not is_up(door, backend), "down")
    door.until(lambda: is_up(door, backend), "up again")

    assert checked.checks >= 7  # one good, three bad, three good


def test_counts_bad_checks_before_it_gives_up(stage):
    checked = Checked()
    backend, other = stage.backend(checked), stage.backend(Checked())
    door = stage.front_door(backend, other, health={**HEALTH, "fall": 3})
    door.until(lambda: is_up(door, backend) and is_up(door, other), "both up")

    checked.healthy = lambda number: number % 3 != 0  # never two bad ones in a row
    before = checked.checks
    backend.wait_for(lambda _: checked.checks >= before + 7, seconds(10))
    assert is_up(door, backend)

    checked.healthy = False
    door.until(lambda: not is_up(door, backend), "down")
    checked.requests.clear()
    assert [door.get().status for _ in range(10)] == [200] * 10
    assert checked.requests == []
    assert door.metric("flaskscale_backend_up", backend=backend.address) == 0

    checked.healthy = True
    door.until(lambda: is_up(door, backend), "up again")


def test_takes_a_check_without_an_answer_as_bad(stage):
    def silent(_, request):
        if request.target == "/healthz":
            time.sleep(seconds(1))
            return False
        return ok()

    backend = stage.backend(silent)
    door = stage.front_door(backend, health={**HEALTH, "timeout": "100ms"}, wait="listening")

    backend.wait_requests(2)
    assert not is_up(door, backend)
    assert door.get().status == 503


def test_checks_by_connecting_where_no_page_is_configured(stage):
    backend = stage.backend()
    door = stage.front_door(backend, health={"interval": "50ms", "fall": 1})
    assert is_up(door, backend)
    assert backend.requests == []

    backend.stop_listening()
    door.until(lambda: not is_up(door, backend), "down")


def test_ejects_a_backend_that_breaks_again_and_again(stage):
    broken = Checked(answer=lambda *_: False)
    backend, other = stage.backend(broken), stage.backend(Checked())
    door = stage.front_door(backend, other, health=HEALTH)
    door.until(lambda: is_up(door, backend) and is_up(door, other), "both up")

    for number in range(200):
        if door.backend_status(backend)["ejected"]:
            break
        with door.client() as client:
            client.exchange(post(b"hello", f"/{number}"))
    assert door.backend_status(backend)["ejected"]
    assert is_up(door, backend)  # its checks are good all the time

    broken.requests.clear()
    with door.client() as client:
        assert [client.exchange(post(b"hello")).status for _ in range(30)] == [200] * 30
    assert broken.requests == []


def test_ejects_a_backend_that_answers_only_with_errors(stage):
    failing = Checked(answer=ok(b"no", status="500 Internal Server Error"))
    backend, other = stage.backend(failing), stage.backend(Checked())
    door = stage.front_door(backend, other, health=HEALTH)
    door.until(lambda: is_up(door, backend) and is_up(door, other), "both up")

    statuses = [door.get().status for _ in range(100)]

    assert door.backend_status(backend)["ejected"]
    assert statuses.count(500) < 50
    assert set(statuses[-20:]) == {200}


def test_never_ejects_the_last_backend(stage):
    backend = stage.backend(Checked(answer=ok(b"no", status="500 Internal Server Error")))
    door = stage.front_door(backend, health=HEALTH)

    assert [door.get().status for _ in range(30)] == [500] * 30
    assert not door.backend_status(backend)["ejected"]


def test_keeps_half_of_a_pool_that_fails_as_a_whole(stage):
    backends = [stage.backend(Checked(answer=ok(b"no", status="500 Internal Server Error")))
                for _ in range(4)]
    door = stage.front_door(*backends, health=HEALTH)
    door.until(lambda: all(is_up(door, backend) for backend in backends), "all up")

    statuses = {door.get().status for _ in range(200)}

    assert statuses == {500}
    assert sum(door.backend_status(backend)["ejected"] for backend in backends) <= 2
