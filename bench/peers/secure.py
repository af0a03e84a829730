"""The series over TLS and HTTP/2. All negotiate TLS 1.3, TLS_AES_128_GCM_SHA256, X25519 and one
ECDSA P-256 certificate; the backend speaks HTTP/1.1."""
import json
import os
import re
import subprocess
import sys

import proxies
from rounds import CLIENTS, interleaved, print_table

SUITE = "TLS_AES_128_GCM_SHA256"
GROUP = "X25519"
HTTP2_CLIENTS = 16
STREAMS = 10
WARM_UP = 20  # the share of a round that comes before all rounds
OPENSSL_CONFIG = f"""openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = client
[client]
Ciphersuites = {SUITE}
Groups = {GROUP}
"""


def run_h2load(port, requests, http1=False, secure=True):
    """Requests completed and requests a second; fails when one was not answered well, or when
    something else than asked for was negotiated."""
    command = ["/usr/bin/h2load", "-t1", f"-n{requests}"]
    command += [f"-c{CLIENTS}", "--h1"] if http1 else [f"-c{HTTP2_CLIENTS}", f"-m{STREAMS}"]
    command += [f"--tls13-ciphers={SUITE}", f"--groups={GROUP}",
                f"http{'s' if secure else ''}://127.0.0.1:{port}/"]
    proxies.require_program(command[0])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = re.search(r"^finished in .*?([\d.]+) req/s", done.stdout, re.MULTILINE)
    expected = [f"{requests} succeeded, 0 failed, 0 errored, 0 timeout", f"{requests} 2xx",
                "Application protocol: " + ("http/1.1" if http1 else "h2" if secure else "h2c")]
    if secure:
        expected += ["TLS Protocol: TLSv1.3", f"Cipher: {SUITE}", f"Server Temp Key: {GROUP}"]
    missing = [text for text in expected if text not in done.stdout]
    if done.returncode or missing or not rate:
        raise proxies.Failure(f"h2load on port {port}: not found: {missing}\n{done.stdout}{done.stderr}")
    return requests, float(rate[1])


def tls_load(requests):
    return lambda server: run_h2load(server.ports["tls_port"], requests, http1=True)


def h2_load(requests):
    return lambda server: run_h2load(server.ports["tls_port"], requests)


def h2c_load(requests):
    return lambda server: run_h2load(server.ports["h2c_port"], requests, secure=False)


def handshake_load(bench, count, kind):
    """A load of new connections, each with one request."""
    config = bench.folder / "openssl.cnf"
    config.write_text(OPENSSL_CONFIG)
    client = proxies.HERE / "handshakes.py"

    def load(server):
        done = subprocess.run(
            [sys.executable, str(client), str(server.ports["tls_port"]), str(count), kind],
            env={**os.environ, "OPENSSL_CONF": str(config)}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise proxies.Failure(f"{server.name}: {done.stderr}")
        found = json.loads(done.stdout)
        return found["connections"], found["connections"] / found["seconds"]

    return load


def names_of(bench):
    """The forwarder knows nothing of what it forwards."""
    names = [name for name in bench.names if name != "forwarder"]
    if not names:
        raise proxies.Failure("the forwarder has no TLS and no HTTP/2")
    return names


def requests_series(make_load, label):
    def series(bench, options):
        found = interleaved(bench, names_of(bench), options, make_load(options.requests), label,
                            make_load(max(1000, options.requests // WARM_UP)))
        return {"unit": "microseconds of CPU of the proxy for one request",
                "requests": options.requests, **found}

    return series


def handshake(bench, options):
    """CPU of the proxy for a new connection with one request, full and resumed."""
    result = {"unit": "microseconds of CPU of the proxy for one connection with one request",
              "connections": options.handshakes}
    for kind in ("full", "resumed"):
        result[kind] = interleaved(
            bench, names_of(bench), options, handshake_load(bench, options.handshakes, kind),
            f"handshake, {kind}", handshake_load(bench, max(16, options.handshakes // WARM_UP), kind))
    return result


def print_tls(result):
    print_table(f"tls: GET with a 128-byte answer over TLS 1.3, {CLIENTS} keep-alive clients of HTTP/1.1",
                "request", result)


def print_http2(label, what):
    def print_series(result):
        print_table(f"{label}: GET with a 128-byte answer, HTTP/2 {what} to HTTP/1.1 behind; "
                    f"{HTTP2_CLIENTS} clients, {STREAMS} requests at a time each", "request", result)

    return print_series


def print_handshake(result):
    for kind in ("full", "resumed"):
        print_table(f"handshake, {kind}: new TLS 1.3 connections, one GET each", "connection",
                    result[kind])


SERIES = {
    "tls": (requests_series(tls_load, "tls"), print_tls),
    "handshake": (handshake, print_handshake),
    "h2": (requests_series(h2_load, "h2"), print_http2("h2", "over TLS 1.3")),
    "h2c": (requests_series(h2c_load, "h2c"), print_http2("h2c", "in cleartext")),
}
