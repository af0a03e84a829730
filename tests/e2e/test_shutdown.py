"""The end of flaskscale: in order, in a hurry, or by kill -9. No process stays behind."""

import signal
import time

import pytest
from curl import run_curl
from demo_server import DemoServer
from flaskscale_process import SCALE, wait_until
from raw_client import RawClient


def start_slow_request(server, seconds):
    """A client whose request is running at a backend."""
    client = RawClient(server.listener(), timeout=40 * SCALE)
    client.send(f"GET /slow?seconds={seconds} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    server.wait_until(lambda: server.demo_pool()["in_flight"] == 1, what="request at the backend")
    return client


def nothing_left(server):
    """Waits until no process of this server is left."""
    wait_until(lambda: not server.descendants(), 10 * SCALE, "instances ended with flaskscale")


def test_sigterm_lets_the_running_request_end():
    with DemoServer() as server:
        address = server.listener()
        with start_slow_request(server, 2) as client:
            server.signal(signal.SIGTERM)

            response = client.read_response()

        assert response.status == 200
        assert b"slept" in response.body
        assert server.wait_exit() == 0
        nothing_left(server)
        with pytest.raises(ConnectionRefusedError):
            RawClient(address)


def test_sigterm_waits_no_longer_than_it_may():
    with DemoServer(shutdown="1s") as server:
        with start_slow_request(server, 50) as client:
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            server.wait_exit(30 * SCALE)

            assert time.monotonic() - begun < 20 * SCALE
            response = client.read_response()
        assert response.status == 503
        assert b"shutting_down" in response.body
        nothing_left(server)


def test_second_sigterm_ends_it_at_once():
    with DemoServer(shutdown="40s") as server:
        with start_slow_request(server, 50):
            server.signal(signal.SIGTERM)
            server.wait_until(lambda: server.status()["state"] == "draining", what="draining")
            begun = time.monotonic()
            server.signal(signal.SIGTERM)

            assert server.wait_exit(30 * SCALE) in (0, 1)
            assert time.monotonic() - begun < 15 * SCALE
        nothing_left(server)


def test_readyz_says_draining_before_the_end():
    with DemoServer() as server:
        with start_slow_request(server, 2) as client:
            server.signal(signal.SIGTERM)
            server.wait_until(lambda: server.admin("/readyz")[0] == 503, what="/readyz 503")
            assert client.read_response().status == 200
        assert server.wait_exit() == 0
        nothing_left(server)


def test_instances_of_a_killed_flaskscale_are_adopted():
    with DemoServer(minimum=2, maximum=2) as server:
        addresses = {backend["address"] for backend in server.backends("ready")}
        masters = {server.master_of(address) for address in addresses}
        server.kill()
        assert masters <= set(server.descendants())

        server.start()

        assert {backend["address"] for backend in server.backends("ready")} == addresses
        assert {server.master_of(address) for address in addresses} == masters
        assert run_curl(server.url("/")).status == 200
        assert len(server.backends()) == 2
    # leaving the block has checked that the adopted instances ended too


def test_instances_of_a_killed_flaskscale_that_are_too_many_are_ended():
    with DemoServer(minimum=3, maximum=3) as server:
        server.kill()
        orphans = server.descendants()
        assert orphans

        server.settings.update(minimum=1, maximum=1)
        server.write_config(server.config())
        server.start()

        server.wait_until(lambda: len(server.backends()) == 1, 40, "pool shrunk to its maximum")
        server.wait_until(lambda: len(server.descendants()) == 2, 20,
                          "one gunicorn master and its worker left")
        assert run_curl(server.url("/")).status == 200
