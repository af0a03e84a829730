"""What the kernel tells about a process: CPU time, memory, stolen time."""
import os
import pathlib
import time


def processes(root):
    """The process and all that descend from it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(root):
    """(exact CPU time of all threads, the part spent in user code as the tick counter saw it)."""
    total, user, system = 0, 0, 0
    for pid in processes(root):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        user += int(fields[11])
        system += int(fields[12])
    return total / 1e9, user / os.sysconf("SC_CLK_TCK"), system / os.sysconf("SC_CLK_TCK")


def memory(root):
    """(anonymous, resident) bytes of the process and all that descend from it. Anonymous is what the
    program wrote; Private_Dirty would count pages of a new program file until they are on the disk."""
    anonymous = resident = 0
    for pid in processes(root):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "Anonymous":
                anonymous += int(rest.split()[0]) * 1024
            elif name == "Rss":
                resident += int(rest.split()[0]) * 1024
    return anonymous, resident


class Steal:
    """The share of the machine's time that its host took away since the last question."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return fields[7], sum(fields)

    def share(self):
        stolen, total = self.now()
        before, self.before = self.before, (stolen, total)
        return (stolen - before[0]) / max(1, total - before[1])


def machine():
    """What a reader must know to judge the figures."""
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    sysctl = pathlib.Path("/proc/sys/net")
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "kernel": os.uname().release,
        "congestion_control": (sysctl / "ipv4/tcp_congestion_control").read_text().strip(),
        "somaxconn": int((sysctl / "core/somaxconn").read_text()),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def slope(points):
    """Least-squares slope of (x, y) points."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))
