"""Starts the backend and the proxies that are compared, each pinned to its CPU, and ends them."""
import contextlib
import ctypes
import os
import pathlib
import re
import select
import signal
import socket
import string
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
BODY = 128
# Of a proxy: HTTP/1.1, HTTP/2 without TLS, both with TLS, FlaskScale's metrics.
PORTS = ("port", "h2c_port", "tls_port", "admin_port")


class Failure(Exception):
    """The benchmark cannot go on; the text says why."""


def free_ports(names):
    """{name: a port that nobody has}."""
    with contextlib.ExitStack() as exits:
        probes = [exits.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes)}


def fetch(port, path="/"):
    """(status, body) of one GET on its own connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        return read_response(connection)


def read_response(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            raise Failure(f"connection closed after {received!r}")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length is None:
        raise Failure(f"no Content-Length in {head!r}")
    while len(body) < int(length[1]):
        part = connection.recv(65536)
        if not part:
            raise Failure("connection closed within a body")
        body += part
    return int(head.split()[1]), body


class Server:
    """A running program. `command` may name its port as {port} and its configuration as {config}."""

    def __init__(self, name, command, cpu, folder, template=None, backend_port=0, identity=None):
        self.name = name
        self.ports = free_ports(PORTS)
        self.port = self.ports["port"]
        self.folder = folder / name
        self.folder.mkdir()
        config = self.folder / "config"
        if template:
            text = string.Template((HERE / template).read_text())
            config.write_text(text.substitute(
                self.ports, backend_port=backend_port, folder=self.folder, identity=identity))
        words = [word.format(port=self.port, backend_port=backend_port, config=config,
                             folder=self.folder) for word in command]
        require_program(words[0])
        self.output = open(self.folder / "output", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            start_new_session=True, preexec_fn=lambda: self.in_child(cpu))

    @staticmethod
    def in_child(cpu):
        os.sched_setaffinity(0, {cpu})
        # Dies with the benchmark, also when that is killed.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    @property
    def pid(self):
        return self.process.pid

    def fail(self, why):
        self.output.seek(0)
        raise Failure(f"{self.name}: {why}\n{self.output.read()[-2000:]}")

    def await_answers(self):
        """Waits until a GET is answered with the backend's body."""
        deadline = time.monotonic() + 20
        last = "no answer"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.fail(f"ended with status {self.process.returncode}")
            try:
                status, body = fetch(self.port)
                if status == 200 and len(body) == BODY:
                    return self
                last = f"status {status}, {len(body)} bytes"
            except OSError as error:
                last = str(error)
            except Failure as error:
                last = str(error)
            time.sleep(0.05)
        self.fail(f"not ready within 20 s: {last}")

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self.output.close()


def require_program(path):
    if not os.access(path, os.X_OK):
        raise Failure(f"no program {path}")


def make_identity(folder):
    """A certificate of ECDSA P-256 in `folder`: cert.pem, key.pem, and both.pem as HAProxy wants it."""
    folder.mkdir()
    require_program("/usr/bin/openssl")
    done = subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "7", "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"openssl: {done.stderr}")
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return folder


def version(command):
    require_program(command[0])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[^\s]*(?: \([^)]*\))?", done.stdout + done.stderr)
    return found[0] if found else "unknown"


# Name: (command, template, command that tells the version)
PROXIES = {
    "flaskscale": (["{program}", "run", "-c", "{config}"], "flaskscale.toml.template",
                   ["{program}", "--version"]),
    "nginx": (["/usr/sbin/nginx", "-e", "stderr", "-p", "{folder}", "-c", "{config}"],
              "nginx.conf.template", ["/usr/sbin/nginx", "-v"]),
    "haproxy": (["/usr/sbin/haproxy", "-db", "-f", "{config}"], "haproxy.cfg.template",
                ["/usr/sbin/haproxy", "-v"]),
    "nghttpx": (["/usr/sbin/nghttpx", "--conf={config}"], "nghttpx.conf.template",
                ["/usr/sbin/nghttpx", "--version"]),
    "forwarder": (["{forwarder}", "{backend_port}", "{port}"], None, None),
}


class Bench:
    """The programs of one run: one backend for all, proxies on CPU `front`, all else on `back`."""

    def __init__(self, build, names, folder, exits):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise Failure("two CPUs are needed: one for the proxy, one for load and backend")
        self.front, self.back = cpus[:2]
        os.sched_setaffinity(0, {self.back})
        self.build, self.names, self.folder, self.exits = build, names, folder, exits
        self.identity = make_identity(folder / "identity")
        self.programs = {"program": build / "flaskscale",
                         "forwarder": build / "bench/peers/peers_forwarder"}
        self.backend = Server("backend", [str(build / "bench/peers/peers_responder"), "{port}"],
                              self.back, folder)
        exits.callback(self.backend.stop)
        self.backend.await_answers()
        self.started = 0

    def start(self, name):
        command, template, _ = PROXIES[name]
        words = [self.fill(word) for word in command]
        self.started += 1
        folder = self.folder / str(self.started)
        folder.mkdir()
        server = Server(name, words, self.front, folder, template, self.backend.port, self.identity)
        self.exits.callback(server.stop)
        return server.await_answers()

    def fill(self, word):
        for key, path in self.programs.items():
            word = word.replace("{" + key + "}", str(path))
        return word

    def versions(self):
        return {name: version([self.fill(word) for word in PROXIES[name][2]])
                for name in self.names if PROXIES[name][2]}

    def backend_counts(self):
        """(connections, requests) that the backend has seen."""
        _, body = fetch(self.backend.port, "/stats")
        connections, requests = body.split()
        return int(connections), int(requests)
