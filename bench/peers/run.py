#!/usr/bin/python3
"""FlaskScale beside Debian's nginx, HAProxy and nghttpx, and a forwarder that only moves bytes.

Each proxy has one worker, pinned to one CPU; load and backend are on another. All on loopback."""
import argparse
import contextlib
import json
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import measure
import proxies
import secure
from rounds import CLIENTS, against_peers, interleaved, print_table, progress, ratio

DESCRIPTORS = 65536
SPARE_DESCRIPTORS = 500
QUIET_LOAD = 0.7
TRACED_REQUESTS = 5000


def run_wrk(port, seconds):
    """Requests completed and requests a second; fails when one was not answered well."""
    done = subprocess.run(
        ["/usr/bin/wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=False)
    text = done.stdout
    requests = re.search(r"(\d+) requests in ", text)
    rate = re.search(r"Requests/sec: +([\d.]+)", text)
    if done.returncode or "Socket errors" in text or "Non-2xx" in text or not requests or not rate:
        raise proxies.Failure(f"wrk reports failures:\n{text}{done.stderr}")
    if int(requests[1]) == 0:
        raise proxies.Failure("wrk completed no request")
    return int(requests[1]), float(rate[1])


def small(bench, options):
    """CPU of the proxy for a small keep-alive request."""
    found = interleaved(bench, bench.names, options, lambda server: run_wrk(server.port, options.seconds),
                        "small", lambda server: run_wrk(server.port, 1))
    return {"unit": "microseconds of CPU of the proxy for one request",
            "clients": CLIENTS, "seconds": options.seconds, **found}


def open_clients(server, clients, count):
    """Opens connections, makes one request on each, and leaves them open."""
    request = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
    while len(clients) < count:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        clients.append(connection)
        connection.sendall(request)
        status, body = proxies.read_response(connection)
        if status != 200 or len(body) != proxies.BODY:
            raise proxies.Failure(f"{server.name}: status {status} on connection {len(clients)}")


def assert_open(server, clients):
    for connection in clients:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.recv(1)
            raise proxies.Failure(f"{server.name} did not keep all of {len(clients)} connections")
        connection.settimeout(10)


def settled_memory(pid):
    """Memory once it no longer changes, or after two seconds."""
    last = measure.memory(pid)
    for _ in range(8):
        time.sleep(0.25)
        now = measure.memory(pid)
        if now == last:
            break
        last = now
    return last


def idle_memory(bench, name, options):
    """Memory of one fresh proxy at growing numbers of idle connections."""
    server = bench.start(name)
    clients = []
    most = options.connections
    if name == "forwarder":  # it needs a second descriptor for each client
        most = min(most, options.forwarder_connections)
    try:
        open_clients(server, clients, 1)
        points = []
        for step in range(options.steps + 1):
            open_clients(server, clients, max(1, most * step // options.steps))
            points.append((len(clients), *settled_memory(server.pid)))
        assert_open(server, clients)
    finally:
        for connection in clients:
            connection.close()
        server.stop()
    return {
        "bytes_per_connection": measure.slope([(count, written) for count, written, _ in points]),
        "rss_bytes_per_connection": measure.slope([(count, rss) for count, _, rss in points]),
        "rss_without": points[0][2], "rss_with": points[-1][2], "points": points,
    }


def idle(bench, options):
    """User memory of the proxy for one idle client connection that has made one request."""
    found = {}
    for name in bench.names:
        found[name] = idle_memory(bench, name, options)
        progress(f"idle: {name}")
    slopes = {name: one["bytes_per_connection"] for name, one in found.items()}
    for name, one in found.items():
        one["ratio_to_better_peer"] = against_peers(slopes, name)
    return {"unit": "bytes of anonymous memory for one idle connection (slope)",
            "connections": options.connections, "proxies": found}


def traced_calls(server, load, report):
    """System calls for one request, by name, counted by strace during load."""
    strace = subprocess.Popen(
        ["/usr/bin/strace", "-f", "-c", "-o", report, "-p", str(server.pid)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        first = strace.stderr.readline()
        if "attached" not in first:
            raise proxies.Failure(f"strace: {first}")
        requests, _ = load(server)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    calls = {}
    for line in report.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = int(words[3]) / requests
    return calls


def calls(bench, options):
    """System calls of the proxy for one small request of each kind."""
    kinds = {"small": lambda server: run_wrk(server.port, options.seconds),
             "tls": secure.tls_load(TRACED_REQUESTS), "h2": secure.h2_load(TRACED_REQUESTS),
             "h2c": secure.h2c_load(TRACED_REQUESTS)}
    result = {"unit": "system calls for one request", "clients": CLIENTS, "kinds": {}}
    for kind, load in kinds.items():
        names = bench.names if kind == "small" else [name for name in bench.names if name != "forwarder"]
        result["kinds"][kind] = found = {}
        for name in names:
            server = bench.start(name)
            load(server)
            each = traced_calls(server, load, bench.folder / f"{name}.{kind}.strace")
            server.stop()
            found[name] = {"total": sum(each.values()), "calls": each}
            progress(f"calls: {kind}, {name}")
    return result


def print_small(result):
    print_table(f"small: GET with a 128-byte answer, {CLIENTS} keep-alive clients, "
                f"{result['seconds']} s a round", "request", result)


def print_idle(result):
    print(f"\nidle: user memory of the proxy, 0 to {result['connections']} idle client connections "
          "after one request each")
    print(f"{'':12}{'bytes each':>16}{'RSS each':>12}{'RSS without':>14}{'RSS with':>12}{'/ better peer':>15}")
    for name, one in result["proxies"].items():
        print(f"{name:12}{one['bytes_per_connection']:16.0f}{one['rss_bytes_per_connection']:12.0f}"
              f"{one['rss_without'] / 2**20:10.1f} MiB{one['rss_with'] / 2**20:8.1f} MiB"
              f"{ratio(one['ratio_to_better_peer']):>15}")


def print_calls(result):
    print("\ncalls: system calls of the proxy for one small request")
    for kind, found in result["kinds"].items():
        for name, one in found.items():
            most = sorted(one["calls"].items(), key=lambda item: -item[1])
            print(f"{kind:8}{name:12}{one['total']:6.2f}   "
                  + ", ".join(f"{call} {count:.2f}" for call, count in most if count >= 0.005))


SERIES = {"small": (small, print_small), "idle": (idle, print_idle), **secure.SERIES,
          "calls": (calls, print_calls)}


def parse_options():
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__)
    parser.add_argument("series", nargs="*", metavar="SERIES",
                        help=f"{', '.join(SERIES)} (default: small idle)")
    parser.add_argument("--build", default="build/release", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, but for `idle` (default 7)")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of load of a round of `small` (default 4)")
    parser.add_argument("--requests", type=int, default=60000,
                        help="requests of a round of `tls`, `h2`, `h2c` (default 60000)")
    parser.add_argument("--handshakes", type=int, default=2000,
                        help="connections of a round of `handshake` (default 2000)")
    parser.add_argument("--connections", type=int, default=10000, help="clients of `idle` (default 10000)")
    parser.add_argument("--steps", type=int, default=5, help="measurements of `idle` (default 5)")
    parser.add_argument("--max-steal", type=float, default=0.01,
                        help="share of time taken by the host from which a round is repeated (default 0.01)")
    parser.add_argument("--only", default=",".join(proxies.PROXIES), help="proxies, joined by commas")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything to this file")
    options = parser.parse_args()
    options.series = options.series or ["small", "idle"]
    options.only = options.only.split(",")
    for word, known in [(word, SERIES) for word in options.series] + [
            (word, proxies.PROXIES) for word in options.only]:
        if word not in known:
            parser.error(f"'{word}' is none of {', '.join(known)}")
    for name in ("rounds", "seconds", "requests", "handshakes", "connections", "steps"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def raise_descriptor_limit(connections):
    """Raises the limit as far as we may; returns how many idle clients the forwarder can hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((DESCRIPTORS, max(DESCRIPTORS, hard)), (hard, hard)):
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < connections + SPARE_DESCRIPTORS:
        raise proxies.Failure(f"descriptor limit is {soft}: too low for {connections} connections")
    return (soft - SPARE_DESCRIPTORS) // 2


def measure_all(options, exits):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="flaskscale-bench-"))
    exits.callback(shutil.rmtree, folder, ignore_errors=True)
    bench = proxies.Bench(options.build.resolve(), options.only, folder, exits)
    report = {"machine": measure.machine(), "versions": bench.versions()}
    host = report["machine"]
    print(f"{host['cpu']}, kernel {host['kernel']}, congestion control {host['congestion_control']}; "
          f"proxy on CPU {bench.front}, load and backend on CPU {bench.back}")
    print(", ".join(f"{name} {version}" for name, version in report["versions"].items()))
    if host["load"] > QUIET_LOAD:
        print(f"warning: the load average is {host['load']:.1f}: other work here falsifies the figures")
    for name in options.series:
        report[name] = SERIES[name][0](bench, options)
        SERIES[name][1](report[name])
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        options.forwarder_connections = raise_descriptor_limit(options.connections)
        with contextlib.ExitStack() as exits:
            measure_all(options, exits)
    except proxies.Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
