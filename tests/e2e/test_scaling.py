"""Instances come when they are needed, and are replaced when they die; no visitor notices."""

import os
import random
import signal

from curl import run_curl
from demo_server import DemoServer
from process_tree import children_of, is_alive
from wrk import Wrk, failures


def kill_instance(server, address):
    """kill -9 of everything that an instance consists of."""
    master = server.master_of(address)
    family = [master, *children_of(master)]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    server.wait_until(lambda: not any(is_alive(pid) for pid in family), what="instance dead")


def test_first_request_starts_the_first_instance_and_is_held_for_it():
    with DemoServer(minimum=0, maximum=2, scaling='idle_to_zero = "3s"') as server:
        assert server.backends() == []
        assert server.descendants() == []

        result = run_curl(server.url("/"))

        assert result.status == 200, result.body
        assert b"Expedition shop" in result.body
        assert len(server.backends()) >= 1
        server.wait_for_instances(0)
        server.wait_until(lambda: not server.descendants(), 20, "no instance left when idle")
        assert run_curl(server.url("/healthz")).status == 200


def test_killed_instance_costs_no_answer_and_is_replaced():
    with DemoServer(minimum=3, maximum=3) as server:
        victim = random.choice(server.backends("ready"))["address"]
        before = set(server.descendants())

        with Wrk(server.url("/"), connections=9, seconds=30, think_ms=20) as load:
            server.wait_until(
                lambda: any(b["address"] == victim and b["in_flight"] for b in server.backends()),
                what="requests at the victim")
            kill_instance(server, victim)
            server.wait_until(lambda: set(server.descendants()) - before, 20, "replacement started")
            server.wait_for_instances(3)
            result = load.result(wait=False)

        # An answer that had begun can't be asked for again; it shows as a read error, at most one
        # per slot of the killed instance.
        lost = failures(result)
        assert lost.pop("read", 0) <= server.settings["slots"]
        assert lost == {}
        assert result["requests"] > 50
        assert any(decision["action"] in ("scale_out", "replace")
                   for decision in server.decisions("demo"))


def test_every_decision_says_why():
    with DemoServer(minimum=1, maximum=2) as server:
        run_curl(server.url("/"))
        decisions = server.wait_until(lambda: server.decisions("demo"), what="a first decision")

        for decision in decisions:
            assert decision["reason"]
            assert decision["text"]
            assert decision["formula"]
            assert decision["inputs"]
            assert 1 <= decision["target"] <= 2
        numbers = [decision["number"] for decision in decisions]
        assert numbers == sorted(set(numbers))


def test_failing_command_is_reported_and_serving_goes_on():
    """The application's folder is right, its name is not: instances end before they answer."""
    with DemoServer(minimum=1, maximum=1) as server:
        server.reload(server.config(minimum=2, maximum=2).replace('"app:app"', '"nothing:app"'))
        server.wait_until(
            lambda: server.demo_pool()["scaling"]["instances_by_state"]["failed"] > 0
            or any("fail" in decision["reason"] for decision in server.decisions("demo")),
            30, "failed instance to be told")

        assert run_curl(server.url("/healthz")).body == b"ok\n"
