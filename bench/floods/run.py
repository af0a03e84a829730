#!/usr/bin/python3
"""What floods of HTTP/2 frames and of TLS handshakes do to normal requests beside them.

The proxy has one worker and one CPU to itself; backend, traffic and flooders are on another, where
flooders get what the others leave. Each flood is measured in turn with quiet stretches and with a
control, in which the same flooders flood a sink: what they take from the machine is in it, and what
they cost the proxy is not. A flood passes when the 99th percentile of normal requests is below
twice that of the control, none of them failed, and the proxy has grown by little.

The percentile is taken of each second, and of the seconds the median: a host that takes the CPUs
away for a moment spoils some seconds, a flood that costs others their time spoils them all. That of
all requests together is printed too."""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))

import kinds  # noqa: E402
import measure  # noqa: E402
import proxies  # noqa: E402

FLOODS = [*kinds.KINDS, "tls"]
CONNECTIONS = {"stall": 32}
OTHER_CONNECTIONS = 16
TLS_CONNECTIONS = 64
FLOODERS = 2
MOST_RATIO = 2.0
MOST_GROWTH = 64 << 20
TOLD_REASONS = 3


def run_python(name, *words, idle=False):
    """A helper of this folder; `idle`: it gets the CPU only when nobody else wants it."""
    def in_child():
        if idle:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    return subprocess.Popen([sys.executable, str(HERE / name), *map(str, words)],
                            stdout=subprocess.PIPE, text=True, preexec_fn=in_child)


def ended(process):
    """Its JSON, once it is told to end."""
    process.send_signal(signal.SIGTERM)
    try:
        output, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return json.loads(output or "{}")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def usual_percentile(samples, share):
    """The median over the seconds of a stretch: samples are (second, value). Infinite without any."""
    seconds = collections.defaultdict(list)
    for second, value in samples:
        seconds[second].append(value)
    if not seconds:
        return float("inf")
    return statistics.median(percentile(values, share) for values in seconds.values())


def counters(server):
    """{"metric reason": count} of all that /metrics counts with a reason or a kind."""
    url = f"http://127.0.0.1:{server.ports['admin_port']}/metrics"
    with urllib.request.urlopen(url, timeout=20) as answer:
        text = answer.read().decode()
    found = collections.Counter()
    for line in text.splitlines():
        sample = re.match(r'flaskscale_(\w+)_total\{.*?(?:reason|kind)="([^"]*)".*\} ([\d.e+]+)$', line)
        if sample and sample[2] != "ok":
            found[sample[2]] += float(sample[3])
    return found


class Watch:
    """Memory of the proxy from its begin to its highest."""

    def __init__(self, server):
        self.status = pathlib.Path(f"/proc/{server.pid}/status")
        pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # forgets the highest
        self.before = self.of("VmRSS")

    def of(self, name):
        line = re.search(rf"^{name}:\s+(\d+) kB$", self.status.read_text(), re.MULTILINE)
        return int(line[1]) * 1024

    def highest(self):
        return self.of("VmHWM")


def stretch(server, options, flood=None, port=None):
    """Normal traffic for a while, beside a flood or not."""
    watch, before = Watch(server), counters(server)
    cpu = measure.cpu_seconds(server.pid)[0]
    flooders = []
    try:
        if flood:
            total = TLS_CONNECTIONS if flood == "tls" else CONNECTIONS.get(flood, OTHER_CONNECTIONS)
            flooders = [run_python("flooder.py", flood, port, total // FLOODERS, idle=True)
                        for _ in range(FLOODERS)]
        traffic = run_python("traffic.py", server.port, server.ports["h2c_port"], options.rate,
                             options.seconds)
        output, _ = traffic.communicate(timeout=options.seconds + 60)
    finally:
        floods = [ended(process) for process in flooders]
    if any(one.get("connections", 0) == 0 for one in floods):
        raise proxies.Failure(f"{flood}: a flooder got nothing done: other work here takes the CPU")
    if traffic.returncode:
        raise proxies.Failure(f"the normal traffic ended with status {traffic.returncode}")
    found = json.loads(output)
    every = found["http1"] + found["http2"]
    values = [value for _, value in every]
    return {"p50": percentile(values, 0.5), "p99": usual_percentile(every, 0.99),
            "p99_of_all": percentile(values, 0.99), "most": max(values, default=0),
            "http1_p99": usual_percentile(found["http1"], 0.99),
            "http2_p99": usual_percentile(found["http2"], 0.99),
            "requests": len(every), "failed": found["failed"],
            "proxy_cpu": (measure.cpu_seconds(server.pid)[0] - cpu) / options.seconds,
            "rss_before": watch.before, "rss_highest": watch.highest(),
            "flood_connections": sum(one.get("connections", 0) for one in floods),
            "flood_bytes": sum(one.get("bytes", 0) for one in floods),
            "reasons": dict((counters(server) - before).most_common())}


def measured(bench, sink_port, flood, options):
    """Quiet, control and flood in turn, over a fresh proxy."""
    server = bench.start("flaskscale")
    target = server.ports["tls_port" if flood == "tls" else "h2c_port"]
    found = {"quiet": [], "control": [], "flood": []}
    for number in range(options.rounds):
        found["quiet"].append(stretch(server, options))
        found["control"].append(stretch(server, options, flood, sink_port))
        found["flood"].append(stretch(server, options, flood, target))
        print(f"  {flood}: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    server.stop()
    return judged(found)


def judged(found):
    p99, of_all = ({name: statistics.median(one[figure] for one in stretches)
                    for name, stretches in found.items()} for figure in ("p99", "p99_of_all"))
    floods = found["flood"]
    reasons = collections.Counter()
    for one in floods:
        reasons.update(one["reasons"])
    result = {
        "p99": p99, "p99_of_all": of_all,
        "to_control": p99["flood"] / p99["control"], "to_quiet": p99["flood"] / p99["quiet"],
        "failed": sum(one["failed"] for one in floods),
        "rss_before": floods[0]["rss_before"], "rss_highest": max(one["rss_highest"] for one in floods),
        "connections": sum(one["flood_connections"] for one in floods), "reasons": dict(reasons),
        "proxy_cpu": statistics.median(one["proxy_cpu"] for one in floods), "stretches": found}
    result["passes"] = (result["to_control"] < MOST_RATIO and result["failed"] == 0
                        and result["rss_highest"] - floods[0]["rss_before"] < MOST_GROWTH)
    return result


def print_table(results, options):
    print(f"\nfloods: {options.rate:.0f} normal requests a second, half HTTP/1.1, half HTTP/2; "
          f"{options.seconds:.0f} s each, {options.rounds} rounds; p99 in microseconds, of the usual "
          "second and of all requests")
    print(f"{'':14}{'quiet':>8}{'control':>9}{'flood':>8}{'/control':>9}{'/quiet':>8}"
          f"{'all: quiet':>12}{'control':>9}{'flood':>9}{'failed':>8}"
          f"{'RSS MiB':>14}{'CPU':>6}{'connections':>13}  verdict, counted reasons")
    for flood, one in results.items():
        p99 = one["p99"]
        memory = f"{one['rss_before'] / 2**20:.0f} to {one['rss_highest'] / 2**20:.0f}"
        most = sorted(one["reasons"].items(), key=lambda item: -item[1])[:TOLD_REASONS]
        print(f"{flood:14}{p99['quiet']:8.0f}{p99['control']:9.0f}{p99['flood']:8.0f}"
              f"{one['to_control']:9.2f}{one['to_quiet']:8.2f}"
              f"{one['p99_of_all']['quiet']:12.0f}{one['p99_of_all']['control']:9.0f}"
              f"{one['p99_of_all']['flood']:9.0f}{one['failed']:8}{memory:>14}"
              f"{one['proxy_cpu']:6.0%}{one['connections']:13}  {'ok' if one['passes'] else 'FAILS':6}"
              + ", ".join(f"{reason} {count:.0f}" for reason, count in most))


def parse_options():
    parser = argparse.ArgumentParser(prog="./dev bench floods", description=__doc__)
    parser.add_argument("floods", nargs="*", metavar="FLOOD", help=f"{', '.join(FLOODS)} (default: all)")
    parser.add_argument("--build", default="build/release", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=30, help="of a stretch (default 30)")
    parser.add_argument("--rounds", type=int, default=3, help="quiet, control and flood (default 3)")
    parser.add_argument("--rate", type=float, default=400, help="normal requests a second (default 400)")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything to this file")
    options = parser.parse_args()
    options.floods = options.floods or FLOODS
    for flood in options.floods:
        if flood not in FLOODS:
            parser.error(f"'{flood}' is none of {', '.join(FLOODS)}")
    if options.seconds <= 0 or options.rounds < 1 or options.rate <= 0:
        parser.error("--seconds, --rounds and --rate must be above 0")
    return options


def measure_all(options, exits):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="flaskscale-floods-"))
    exits.callback(shutil.rmtree, folder, ignore_errors=True)
    bench = proxies.Bench(options.build.resolve(), ["flaskscale"], folder, exits)
    sink = run_python("sink.py", idle=True)
    exits.callback(sink.kill)
    sink_port = int(sink.stdout.readline())
    host = measure.machine()
    print(f"{host['cpu']}, kernel {host['kernel']}, load average {host['load']:.1f}; flaskscale "
          f"{bench.versions()['flaskscale']}, one worker")
    results = {flood: measured(bench, sink_port, flood, options) for flood in options.floods}
    print_table(results, options)
    if options.json:
        options.json.write_text(json.dumps({"machine": host, "floods": results}, indent=2) + "\n")
    if not all(one["passes"] for one in results.values()):
        sys.exit(1)


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as exits:
            measure_all(options, exits)
    except proxies.Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
