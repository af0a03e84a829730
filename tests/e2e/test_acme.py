"""Certificates by ACME: against pebble, with half of its nonces refused and slow validation."""

import json
import re
import socket
import ssl
import subprocess

import pytest
from acme_directory import FaultyFront, Pebble
from certificates import openssl
from flaskscale_process import SCALE, FlaskscaleProcess, binary_path
from needed_tools import skip_without
from raw_backend import RawBackend

pytestmark = skip_without("pebble")

NAMES = ["shop.example.com", "www.example.com"]


def _config(pebble, backend, *, directory=None, names=None, web=None):
    listed = ", ".join(f'"{name}"' for name in names or NAMES)
    return f"""
[server]
workers = 2
state_dir = "state"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[acme]
directory = "{directory or pebble.url}"
ca = "{pebble.identity.cert}"
email = "ops@example.com"
agree_terms = true
[listeners.web]
listen = ["127.0.0.1:{pebble.http_port if web is None else web}"]
redirect_to_https = true
[listeners.secure]
listen = ["127.0.0.1:0"]
[[listeners.secure.certificates]]
acme = [{listed}]
[[routes]]
pool = "app"
[pools.app]
backends = ["{backend.address}"]
[pools.app.health]
interval = "200ms"
rise = 1
"""


@pytest.fixture(name="backend", scope="module")
def _backend():
    with RawBackend() as backend:
        yield backend


@pytest.fixture(name="pebble")
def _pebble(tmp_path):
    with Pebble(tmp_path / "pebble") as pebble:
        yield pebble


def _folder(program, name=NAMES[0]):
    return next(program.directory.glob(f"state/acme/127.0.0.1_*/{name}"))


def _record(program):
    path = _folder(program) / "order.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _issuer(program):
    text = (_folder(program) / "fullchain.pem").read_text()
    return openssl("x509", "-noout", "-issuer", stdin=text)


def _has_certificate(program):
    return "Pebble" in _issuer(program)


def _served(program, name=NAMES[0], authority=None):
    """What the secure listener shows for the name, as PEM; checked if there is an authority."""
    context = ssl.create_default_context(cadata=authority)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(program.listener("secure"), timeout=10 * SCALE) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert secure.recv(100).startswith(b"HTTP/1.1 200")
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))


def _is_served(program, authority):
    try:
        return _served(program, NAMES[1], authority)
    except ssl.SSLCertVerificationError:
        return None


def test_a_stand_in_serves_until_the_certificate_is_there(pebble, backend):
    with FlaskscaleProcess(_config(pebble, backend), wait="serving") as program:
        assert "stand-in" in openssl("x509", "-noout", "-issuer", stdin=_served(program))
        program.wait_until(lambda: _has_certificate(program), 60 * SCALE, "a certificate")
        root = pebble.root()
        program.wait_until(lambda: _is_served(program, root), 15 * SCALE, "it is served")
        _served(program, NAMES[0], root)

        folder = _folder(program)
        assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600
        assert (folder.parent / "account.key").stat().st_mode & 0o777 == 0o600
        program.wait_until(
            lambda: program.metrics()['flaskscale_acme_renewals_total{result="ok"}'] == 1,
            10 * SCALE, "it is counted")
        assert program.metrics()['flaskscale_acme_renewals_total{result="failed"}'] == 0
        # Each name by a request in cleartext, which the listener otherwise redirects.
        answered = 'flaskscale_answered_requests_total{reason="acme_challenge"}'
        assert program.metrics()[answered] >= len(NAMES)
        certificate = program.status()["acme"]["certificates"][0]
        assert certificate["names"] == NAMES and not certificate["stand_in"]
        # Renewal at two thirds of what pebble gives.
        assert certificate["next_seconds"] > 3600


def test_a_restart_in_mid_order_goes_on_with_it(pebble, backend):
    # The order is made and its challenges are not answered yet: nobody looks while we are away.
    with FaultyFront(pebble, {"/chalZ/": "html"}) as front:
        config = _config(pebble, backend, directory=front.url)
        with FlaskscaleProcess(config, wait="listening") as program:
            program.wait_until(lambda: front.seen and _record(program).get("failures"),
                               30 * SCALE, "an order")
            before = _record(program)
            assert before["order"]
            program.kill()
            program.start()
            program.wait_until(lambda: _has_certificate(program), 90 * SCALE, "a certificate")
            program.wait_until(lambda: not _record(program)["order"], 10 * SCALE, "all is noted")
            assert _record(program)["last_order_ms"] == before["last_order_ms"], "another order"
            assert not _record(program)["challenges"]


def test_a_short_certificate_is_renewed_under_open_connections(tmp_path, backend):
    with Pebble(tmp_path / "short", slowness=1, validity=75) as pebble:
        with FlaskscaleProcess(_config(pebble, backend), wait="serving") as program:
            program.wait_until(lambda: _has_certificate(program), 60 * SCALE, "a certificate")
            root = pebble.root()
            first = program.wait_until(lambda: _is_served(program, root), 15 * SCALE, "served")
            context = ssl.create_default_context(cadata=root)
            plain = socket.create_connection(program.listener("secure"), timeout=20 * SCALE)
            with context.wrap_socket(plain, server_hostname=NAMES[0]) as kept:
                def second():
                    kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert kept.recv(4096).startswith(b"HTTP/1.1 200")
                    now = _is_served(program, root)
                    return now if now and now != first else None

                # No two orders within a minute, so it is not sooner than that.
                program.wait_until(second, 100 * SCALE, "another certificate is served")
            assert program.metrics()['flaskscale_acme_renewals_total{result="failed"}'] == 0


def test_a_directory_that_fails_at_every_step_is_outlived(pebble, backend):
    faults = {"/dir": "drop", "/nonce-plz": "html", "/sign-me-up": "nonsense", "/authZ/": "lose",
              "/chalZ/": "html", "/my-order/": "nonsense", "/finalize-order/": "lose",
              "/certZ/": "nonsense"}
    with FaultyFront(pebble, faults) as front:
        config = _config(pebble, backend, directory=front.url)
        with FlaskscaleProcess(config, wait="listening") as program:
            told = 0

            def done():
                # Whoever reloads asks not to wait.
                nonlocal told
                complaints = len(re.findall(r"acme: .*the next try is in", program.stderr()))
                if complaints > told:
                    told = complaints
                    program.reload()
                return _has_certificate(program)

            program.wait_until(done, 150 * SCALE, "a certificate")
            assert sorted(front.seen) == sorted(faults)
            assert program.metrics()['flaskscale_acme_renewals_total{result="failed"}'] >= 5


def test_the_log_says_what_failed_and_where_to_look(pebble, backend):
    # Nobody listens where pebble looks.
    with FlaskscaleProcess(_config(pebble, backend, web=0), wait="listening") as program:
        program.wait_until(lambda: "the next try is in" in program.stderr(), 60 * SCALE, "a word")
        line = next(line for line in program.stderr().splitlines() if "the next try" in line)
        assert re.search(r"(shop|www)\.example\.com: the directory could not validate it", line)
        assert "port 80 must be reachable" in line
        assert "a self-signed stand-in serves meanwhile" in line
        assert "no listener without certificates listens on port 80" in program.stderr()


def test_check_tells_what_is_wrong(tmp_path, pebble, backend):
    path = tmp_path / "flaskscale.toml"

    def said(config):
        path.write_text(config)
        done = subprocess.run([str(binary_path()), "check", "-c", str(path)], capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    right = _config(pebble, backend)
    assert said(right)[0] == 0, said(right)
    code, text = said(right.replace("agree_terms = true", ""))
    assert code == 2 and "agree_terms must be true" in text and pebble.url in text
    code, text = said(right.replace("shop.example.com", "*.example.com"))
    assert code == 2 and "is a wildcard, which HTTP-01 can't validate" in text
