"""CPU of each proxy for one unit of load, in interleaved rounds, and its table."""
import statistics
import sys

import measure
import proxies

CLIENTS = 64
PEERS = ("nginx", "haproxy", "nghttpx")


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def against_peers(figures, name):
    """The figure in relation to the better peer's, or None."""
    peers = [figures[peer] for peer in PEERS if peer in figures]
    return figures[name] / min(peers) if peers else None


def measured(bench, server, load):
    """One stretch of load on one proxy. `load(server)` gives (units done, units a second)."""
    connections, _ = bench.backend_counts()
    steal = measure.Steal()
    before = measure.cpu_seconds(server.pid)
    units, rate = load(server)
    after = measure.cpu_seconds(server.pid)
    used, user, system = (b - a for a, b in zip(before, after))
    stolen = steal.share()
    opened = bench.backend_counts()[0] - connections
    if server.name != "forwarder" and opened > max(4 * CLIENTS, units / 100):
        raise proxies.Failure(
            f"{server.name} opened {opened} connections for {units} requests: no reuse, no comparison")
    return {"units": units, "rate": rate, "steal": stolen, "backend_connections": opened,
            "cpu_us": used / units * 1e6,
            "user_us": used / units * 1e6 * user / max(user + system, 0.01)}


def interleaved(bench, names, options, load, label, warm_up):
    """Rounds in which each proxy has its stretch of load, forwards and backwards in turn; rounds in
    which the host took time away are repeated. `warm_up(server)` comes first."""
    servers = [bench.start(name) for name in names]
    for server in servers:
        warm_up(server)
    samples = {name: [] for name in names}
    dropped = attempt = 0
    while len(samples[names[0]]) < options.rounds:
        if dropped > options.rounds:
            raise proxies.Failure(f"{dropped} rounds dropped: the host takes too much time away")
        order = servers if attempt % 2 == 0 else servers[::-1]
        attempt += 1
        found = {server.name: measured(bench, server, load) for server in order}
        if max(sample["steal"] for sample in found.values()) > options.max_steal:
            dropped += 1
            continue
        for name, sample in found.items():
            samples[name].append(sample)
        progress(f"{label}: round {len(samples[names[0]])} of {options.rounds}")
    for server in servers:
        server.stop()
    medians = {name: statistics.median(one["cpu_us"] for one in found) for name, found in samples.items()}
    return {
        "rounds": options.rounds, "rounds_dropped_for_steal": dropped,
        "proxies": {name: {
            "cpu_us": spread([one["cpu_us"] for one in found]),
            "user_us": spread([one["user_us"] for one in found]),
            "rate": spread([one["rate"] for one in found]),
            "backend_connections": sum(one["backend_connections"] for one in found),
            "ratio_to_better_peer": against_peers(medians, name),
        } for name, found in samples.items()},
    }


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def print_table(title, unit, result):
    """`unit` is what the CPU is for: "request"."""
    print(f"\n{title}")
    print(f"{'':12}{f'us CPU/{unit}':>18}{'least':>9}{'most':>9}{'user':>9}{f'{unit}s/s':>14}"
          f"{'/ better peer':>15}")
    for name, one in result["proxies"].items():
        cpu = one["cpu_us"]
        print(f"{name:12}{cpu['median']:18.2f}{cpu['min']:9.2f}{cpu['max']:9.2f}"
              f"{one['user_us']['median']:9.2f}{one['rate']['median']:14.0f}"
              f"{ratio(one['ratio_to_better_peer']):>15}")
