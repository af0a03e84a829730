"""An emulated Google Compute Engine whose VMs are real processes, as a program beside the test.

Environment: FLASKSCALE_GCE_EMULATOR names the program (default: the release build's). It needs the
API's description, which lies beside the project; without it tests skip, or fail with FLASKSCALE_CI=1.
"""

import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import parse_qsl

from flaskscale_process import MARK_VARIABLE, ROOT, SCALE, wait_until
from process_tree import kill_marked

DISCOVERY = ROOT.parent / "shared" / "gce" / "compute.v1.merged.json"
PROJECT = "shop-project"
GROUP = "shop"
TEMPLATE = "shop-v1"
ZONE, OTHER_ZONE = "us-central1-a", "us-central1-b"
# A VM answers about 1.5 s after it was asked for, at the default rate.
QUICK = {"timings": {"create_delay": 0.5, "provisioning": 2, "staging": 2, "boot": 6, "pull": 4,
                     "start": 2, "resume": 2, "operation_running": 0.5, "retry": 10}}
RATE = 10


def emulator_path():
    """The emulator's program."""
    found = ROOT / "build" / "release" / "tests" / "support" / "gce" / "gce_emulator"
    return Path(os.environ.get("FLASKSCALE_GCE_EMULATOR", found))


def require_discovery():
    """Skips, or fails in CI, where the API's description is missing."""
    if not DISCOVERY.is_file():
        import pytest  # the demo uses this module too
        if os.environ.get("FLASKSCALE_CI") == "1":
            pytest.fail(f"{DISCOVERY.name} is missing, and FLASKSCALE_CI=1 wants it")
        pytest.skip(f"{DISCOVERY.name} is not there: the emulator can't check requests")


def deployed_permissions():
    """What the custom role of conf/gce allows; every test runs with exactly that."""
    text = (ROOT / "conf" / "gce" / "identity.tf").read_text()
    found = re.findall(r'^\s+"(compute\.[\w.]+)",$', text, re.MULTILINE)
    assert len(found) > 10
    return found


class GceCloud:
    """A running emulator, as a context manager: one group a zone.

    On a good way out it must have seen no request that the API's description forbids.
    """

    def __init__(self, zones=(ZONE,), size=0, rate=RATE, seed=1, settings=None, arguments=()):
        """`seed`: None is another one each time."""
        self.zones = list(zones)
        self._directory = Path(tempfile.mkdtemp(prefix="gce-cloud-"))
        self._settings = {**QUICK, **(settings or {})}
        self._mark = uuid.uuid4().hex
        self._arguments = ["--discovery", DISCOVERY, "--project", PROJECT,
                           "--zones", ",".join(zones), "--group", GROUP, "--template", TEMPLATE,
                           "--size", size, "--rate", rate,
                           "--seed", random.getrandbits(31) if seed is None else seed, *arguments]
        self._process = None
        self.ports = {}

    @staticmethod
    def needs():
        """Files without which it can't start."""
        return [emulator_path(), DISCOVERY]

    # Start and stop

    def __enter__(self):
        require_discovery()
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_violations()
                self._process.terminate()
                code = self._process.wait(20 * SCALE)
                assert code == 0, f"emulator ended with {code}\n{self._log()[-4000:]}"
            else:
                print(f"---- the emulated cloud\n{self._log()[-3000:]}\n{self._last_calls()}")
        finally:
            self._end()

    def _start(self):
        ports, settings = self._directory / "ports.json", self._directory / "settings.json"
        settings.write_text(json.dumps(self._settings))
        command = [emulator_path(), *self._arguments, "--ports-file", ports, "--settings", settings]
        with open(self._directory / "log", "wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, MARK_VARIABLE: self._mark}, start_new_session=True)
        wait_until(lambda: ports.exists() or self._process.poll() is not None, 20 * SCALE,
                   "emulator's ports file")
        assert ports.exists(), f"emulator ended\n{self._log()}"
        self.ports = json.loads(ports.read_text())
        self.act("role", permissions=deployed_permissions())

    def _end(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        kill_marked(self._mark)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _log(self):
        path = self._directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _last_calls(self):
        try:
            entries = self.journal()
        except (OSError, AssertionError) as error:
            return str(error)
        return "\n".join(f"{e['at']} {e['http']} {e['method']} {e['path']} {e['status']} "
                         f"{json.dumps(e.get('request'))} {e.get('fault') or ''}"
                         for e in entries[-40:])

    # Control

    def call(self, method, path, body=None):
        """One call to the emulator's control port; its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.ports['control']}/_emu/{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from None
        return json.loads(text) if text.strip() else {}

    def act(self, what, **fields):
        """Something that happens in the cloud."""
        return self.call("POST", f"actions/{what}", fields)

    def fault(self, method, kind, **fields):
        """From now on calls of `method` (a glob) fail in this way; its id."""
        return self.call("POST", "faults", {"method": method, "kind": kind, **fields})["id"]

    def heal(self, fault=None):
        """Takes one fault back, or all."""
        self.call("DELETE", f"faults/{fault}" if fault else "faults")

    def hits(self, fault):
        """How often a fault has struck."""
        return next(f["hits"] for f in self.faults() if f["id"] == fault)

    def faults(self):
        """All faults."""
        found = self.call("GET", "faults")
        return found["faults"] if isinstance(found, dict) else found

    def change(self, **settings):
        """Merges settings."""
        self.call("PUT", "settings", settings)

    def permissions(self):
        """What the caller's role allows."""
        return self.call("GET", "settings")["permissions"]

    # The API itself, as an operator with the gcloud command would use it

    def api(self, method, path, body=None):
        """One call below the API's base address, with a token of our own; its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.ports["api"] + path, data, method=method, headers={
            "Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"{}")

    def _token(self):
        request = urllib.request.Request(
            f"http://{self.ports['metadata']}/computeMetadata/v1/instance/service-accounts/default"
            "/token", headers={"Metadata-Flavor": "Google"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())["access_token"]

    def group_path(self, zone=ZONE):
        """Path of a zone's group."""
        return f"projects/{PROJECT}/zones/{zone}/instanceGroupManagers/{GROUP}"

    def instance_url(self, name, zone=ZONE):
        """How the API names a VM."""
        return f"{self.ports['api']}projects/{PROJECT}/zones/{zone}/instances/{name}"

    # What it knows

    def state(self):
        """/_emu/state."""
        return self.call("GET", "state")

    def group(self, zone=ZONE):
        """The group of one zone."""
        return next(g for g in self.state()["groups"] if g["location"].endswith(zone))

    def members(self, zone=None, **wanted):
        """Members of all groups or of one zone's, with these fields."""
        return [m for g in self.state()["groups"] if zone is None or g["location"].endswith(zone)
                for m in g["members"] if all(m.get(k) == v for k, v in wanted.items())]

    def names(self, zone=None, **wanted):
        """Names of members."""
        return {member["name"] for member in self.members(zone, **wanted)}

    def member(self, name):
        """One member; None when it is in no group."""
        return next((m for m in self.members() if m["name"] == name), None)

    def at_address(self, address):
        """The member with the address of a backend ("host:port")."""
        host = address.rpartition(":")[0]
        return next(m for m in self.members() if m.get("address") == host)

    def target(self):
        """targetSize of all groups together."""
        return sum(group["targetSize"] for group in self.state()["groups"])

    def machines(self):
        """All VMs, of the groups or not."""
        return self.state()["instances"]

    def check_violations(self):
        """Fails if any request was not as the API's description has it."""
        found = self.call("GET", "violations")
        assert found["count"] == 0, json.dumps(found, indent=1)[:4000]

    def journal(self, method="*", since=0):
        """Requests and responses, oldest first; each one's "query" as names and values."""
        entries = self.call("GET", f"journal?since={since}")["entries"]
        return [{**e, "query": dict(parse_qsl(e["query"]))} for e in entries
                if fnmatch(e["method"].removeprefix("compute."), method)]

    def calls(self, method="*"):
        """How many API calls of a method (a glob)."""
        return sum(entry["count"] for name, entry in
                   self.call("GET", "calls")["by_method"].items()
                   if fnmatch(name.removeprefix("compute."), method))

    def named_in(self, method):
        """Names in the requests of a method, call by call."""
        found = []
        for entry in self.journal(f"*.{method}"):
            rows = (entry["request"] or {}).get("instances", [])
            found.append({(row["name"] if isinstance(row, dict) else row.rpartition("/")[2])
                          for row in rows})
        return found
