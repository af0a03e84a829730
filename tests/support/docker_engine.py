"""A Docker engine: the one that runs here, or one of our own with its own data, socket and bridge.

Speaks the engine's API itself, so that the docker command is not needed.
"""

import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

from process_tree import find_marked, kill_marked

SOCKET = "/var/run/docker.sock"
API = "v1.40"
MARK_VARIABLE = "FLASKSCALE_ENGINE_MARK"
START_SECONDS = 30
STOP_SECONDS = 20


class EngineError(RuntimeError):
    """The engine refused, or none can run here."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerEngine:
    """A running engine behind a Unix socket."""

    def __init__(self, path=SOCKET):
        self.path = str(path)

    @property
    def host(self):
        """As configurations name it."""
        return f"unix://{self.path}"

    def call(self, method, path, body=None, timeout=60, kind="application/json", fine=()):
        """The answer's body, JSON decoded where it is JSON."""
        connection = _UnixConnection(self.path, timeout)
        try:
            data = json.dumps(body) if isinstance(body, (dict, list)) else body
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, f"/{API}{path}", data, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status >= 400 and response.status not in fine:
            raise EngineError(f"{method} {path}: {response.status} {text.decode(errors='replace')}")
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        try:
            return json.loads(text) if is_json else text
        except ValueError:  # a stream of several objects
            return text

    def answers(self):
        """An engine is there."""
        try:
            return self.call("GET", "/_ping", timeout=5) == b"OK"
        except (OSError, EngineError, http.client.HTTPException):
            return False

    # Images

    def has_image(self, name):
        """The image is on the engine."""
        try:
            self.call("GET", f"/images/{name}/json")
        except EngineError:
            return False
        return True

    def import_image(self, archive, name):
        """An image of one layer from a tar file."""
        repository, tag = name.rsplit(":", 1)
        with open(archive, "rb") as file:
            answer = self.call("POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}",
                               file, kind="application/x-tar")
        _raise_stream_error(answer)

    def build(self, folder, names, image, arguments):
        """An image from the Dockerfile of a folder and the files beside it that it needs."""
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name in names:
                archive.add(Path(folder, name), arcname=name, filter=_without_cache)
        query = urllib.parse.urlencode({"t": image, "buildargs": json.dumps(arguments),
                                        "networkmode": "host", "rm": 1, "forcerm": 1})
        _raise_stream_error(self.call("POST", f"/build?{query}", context.getvalue(), timeout=900,
                                      kind="application/x-tar"))

    def pull(self, name):
        """An image from its registry."""
        repository, tag = name.rsplit(":", 1)
        _raise_stream_error(
            self.call("POST", f"/images/create?fromImage={repository}&tag={tag}", timeout=600))

    def tag(self, image, name):
        """Another name for an image."""
        repository, tag = name.rsplit(":", 1)
        self.call("POST", f"/images/{image}/tag?repo={repository}&tag={tag}")

    def remove_image(self, name):
        """No error when it is not there."""
        self.call("DELETE", f"/images/{name}?force=1", fine=(404, 409))

    # Containers

    def containers(self, pool=None):
        """All of them, or those of a pool."""
        filters = {"label": [f"flaskscale.pool={pool}"]} if pool else {}
        query = urllib.parse.urlencode({"all": 1, "filters": json.dumps(filters)})
        return self.call("GET", f"/containers/json?{query}")

    def names(self, pool=None):
        """Names of the containers."""
        return sorted(container["Names"][0][1:] for container in self.containers(pool))

    def run(self, name, image, labels=None, command=None):
        """Creates and starts a container."""
        body = {"Image": image, "Labels": labels or {}}
        if command:
            body["Cmd"] = command
        self.call("POST", f"/containers/create?name={name}", body)
        self.call("POST", f"/containers/{name}/start")

    def inspect(self, name):
        """All about a container."""
        return self.call("GET", f"/containers/{name}/json")

    def kill(self, name, number="SIGKILL"):
        """A signal to a container."""
        self.call("POST", f"/containers/{name}/kill?signal={number}")

    def remove(self, name):
        """Kills and removes a container; no error when it is not there."""
        self.call("DELETE", f"/containers/{name}?force=1&v=1", fine=(404, 409))


def _without_cache(entry):
    return None if "__pycache__" in entry.name else entry


def _raise_stream_error(answer):
    """Builds and pulls report their failures at the end of a successful answer."""
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else json.dumps(answer)
    for line in text.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("error"):
            raise EngineError(message["error"])


class OwnEngine(DockerEngine):
    """An engine of our own, as a context manager: nothing of it stays behind.

    Containers go on when it is stopped alone (live-restore); their addresses are on a bridge of its
    own, which this machine reaches without any rule in its firewall.
    """

    def __init__(self):
        super().__init__("")
        self.folder = None
        self.mark = uuid.uuid4().hex
        self.bridge = "fs" + self.mark[:8]
        self._driver = "overlay2"
        self._process = None

    @staticmethod
    def missing():
        """Why no engine can be started here; empty: nothing is known to be in the way."""
        if os.geteuid() != 0:
            return "starting a Docker engine needs root"
        absent = [tool for tool in ("dockerd", "ip") if shutil.which(tool) is None]
        return f"{', '.join(absent)} not installed" if absent else ""

    def __enter__(self):
        try:
            if reason := self.missing():
                raise EngineError(reason)
            self.folder = Path(tempfile.mkdtemp(prefix="flaskscale-engine-"))
            self.path = str(self.folder / "docker.sock")
            self._make_bridge()
            self._start_with_a_driver()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def log(self):
        """What the engine said."""
        path = self.folder / "dockerd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _make_bridge(self):
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "add", f"{_free_subnet()}.1/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")

    def _start_with_a_driver(self):
        for driver in ("overlay2", "vfs"):
            self._driver = driver
            try:
                self.start()
                return
            except EngineError:
                self.stop()
        raise EngineError("dockerd does not work here: " +
                          " / ".join(self.log().strip().splitlines()[-3:]))

    def start(self):
        """Starts the engine, also again after stop(), over the same data."""
        settings = self.folder / "daemon.json"
        settings.write_text("{}")  # in place of the one in /etc
        (self.folder / "docker.pid").unlink(missing_ok=True)
        with open(self.folder / "dockerd.log", "ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", "--config-file", settings, "--data-root", self.folder / "data",
                 "--exec-root", self.folder / "exec", "--pidfile", self.folder / "docker.pid",
                 "--host", self.host, "--bridge", self.bridge, "--storage-driver", self._driver,
                 "--iptables=false", "--ip6tables=false", "--live-restore"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, MARK_VARIABLE: self.mark})
        _wait(lambda: self.answers() or self._process.poll() is not None, START_SECONDS)
        if not self.answers():
            raise EngineError("dockerd did not start")

    def stop(self):
        """Ends the engine alone; containers go on."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self):
        """Removes everything: containers, engine, bridge, files."""
        if self.folder is None:
            return
        if self._process is not None and self.answers():
            for container in self.containers():
                self.remove(container["Id"])
        self.stop()
        kill_marked(self.mark)  # what a killed engine could not end
        _unmount_below(self.folder)
        if Path("/sys/class/net", self.bridge).exists():
            _ip("link", "delete", self.bridge)
        shutil.rmtree(self.folder, ignore_errors=True)

    def leftovers(self):
        """What is still there after close(); for tests."""
        found = [f"process {pid}" for pid in find_marked(self.mark)]
        if Path("/sys/class/net", self.bridge).exists():
            found.append(f"bridge {self.bridge}")
        return found + [str(path) for path in (self.folder,) if path.exists()]


def running_engine():
    """The engine that $DOCKER_HOST names or that listens at the usual place; None: there is none."""
    host = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")
    engine = DockerEngine(host.removeprefix("unix://"))
    return engine if host.startswith("unix://") and engine.answers() else None


def _ip(*arguments):
    done = subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        raise EngineError(f"ip {' '.join(arguments)}: {done.stdout.strip()}")
    return done.stdout


def _free_subnet():
    """The first three numbers of a private /24 that no route of this machine knows."""
    routes = _ip("-4", "route", "show", "table", "all") + _ip("-4", "address", "show")
    for third in range(200, 250):
        subnet = f"10.213.{third}"
        if f"{subnet}." not in routes:
            return subnet
    raise EngineError("no free subnet in 10.213.200.0 to 10.213.249.0")


def _unmount_below(folder):
    mounts = Path("/proc/mounts").read_text().splitlines()
    points = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for point in sorted(points, reverse=True):
        subprocess.run(["umount", "-l", point], check=False)


def _wait(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
