"""Reloading, draining and un-draining while visitors come: nobody loses an answer."""

import time

from demo_server import POOL, DemoServer
from wrk import Wrk, failures

ROUNDS = 6
ROUND_SECONDS = 1.0


def test_reload_and_drain_lose_nothing():
    with DemoServer(minimum=3, maximum=3) as server:
        generation = server.status()["generation"]
        ready = [backend["address"] for backend in server.backends("ready")]

        with Wrk(server.url("/"), connections=128, seconds=60, threads=2) as load:
            for turn in range(ROUNDS):
                ends = time.monotonic() + ROUND_SECONDS
                address = ready[turn % len(ready)]
                assert server.drain(address, POOL)["state"] == "draining"
                server.reload(server.config(shutdown=f"{15 + turn}s"))
                drained = next(b for b in server.backends() if b["address"] == address)
                assert drained["drained_by_operator"], "a reload took the drain back"
                server.wait_until(lambda end=ends: time.monotonic() > end, what="end of the round")
                server.undrain(address, POOL)
                assert load.is_running()
            result = load.result(wait=False)

        assert failures(result) == {}
        assert result["requests"] > 100
        assert server.status()["generation"] >= generation + ROUNDS
        pool = server.demo_pool()
        # While one is held in drain another may be started in its place; none that was there is lost.
        assert set(ready) <= {b["address"] for b in pool["backends"]}
        assert pool["queue"]["idle_slot_while_queued_seconds"] < 0.1


def test_drained_backend_gets_nothing_new_and_finishes_what_it_has():
    with DemoServer(minimum=2, maximum=2) as server:
        first, second = (backend["address"] for backend in server.backends("ready"))

        with Wrk(server.url("/"), connections=6, seconds=30) as load:
            server.wait_until(lambda: server.demo_pool()["in_flight"] >= 4, what="load")
            server.drain(first, POOL)

            def in_flight(address):
                return next(b for b in server.backends() if b["address"] == address)["in_flight"]

            server.wait_until(lambda: in_flight(first) == 0, what="drained")
            for _ in range(20):
                assert in_flight(first) == 0
            assert in_flight(second) > 0
            server.undrain(first, POOL)
            server.wait_until(lambda: in_flight(first) > 0, what="taken back")
            result = load.result(wait=False)

        assert failures(result) == {}


def test_bad_configuration_changes_nothing():
    with DemoServer() as server:
        before = server.status()
        with Wrk(server.url("/healthz"), connections=4, seconds=30, think_ms=5) as load:
            after = server.reload(server.config() + "\n[nonsense]\n", expect_success=False)
            so_far = server.demo_pool()["requests_total"]
            server.wait_until(lambda: server.demo_pool()["requests_total"] > so_far + 100,
                              what="requests after the reload")
            result = load.result(wait=False)

        assert failures(result) == {}
        assert after["generation"] == before["generation"]
        assert "nonsense" in after["last_reload"]["error"]
        server.reload(server.config())
