"""The operator's commands against a running server."""

import socket
import subprocess

from demo_server import POOL
from flaskscale_process import SCALE, binary_path


def flaskscale(*arguments):
    """(exit status, standard output, standard error) of one run."""
    done = subprocess.run([str(binary_path()), *arguments], capture_output=True, text=True,
                          check=False, timeout=30 * SCALE)
    return done.returncode, done.stdout, done.stderr


def admin_of(server):
    """The option that names the server's admin listener."""
    return "--admin", server.ready["admin"]


def drained(server):
    """Addresses that an operator has taken out."""
    return [b["address"] for b in server.backends() if b["drained_by_operator"]]


def test_status_shows_pool_and_backends(demo):
    code, out, _ = flaskscale("status", *admin_of(demo))

    assert code == 0
    assert POOL in out
    assert all(backend["address"] in out for backend in demo.backends())


def test_drain_and_undrain(demo):
    address = demo.backends("ready")[0]["address"]

    assert flaskscale("drain", POOL, address, *admin_of(demo))[0] == 0
    demo.wait_until(lambda: drained(demo) == [address], what="drained by an operator")
    assert flaskscale("undrain", POOL, address, *admin_of(demo))[0] == 0
    demo.wait_until(lambda: not drained(demo), what="taken back")


def test_draining_what_is_not_there_fails(demo):
    for pool, address in ((POOL, "127.0.0.1:1"), ("nobody", "127.0.0.1:1")):
        code, _, err = flaskscale("drain", pool, address, *admin_of(demo))

        assert code == 1
        assert address in err or pool in err


def test_status_without_a_server_fails_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    code, _, err = flaskscale("status", "--admin", f"127.0.0.1:{port}")

    assert code == 1
    assert len(err.strip().splitlines()) == 1
