"""Directories to get certificates from: pebble, and a front of it that fails when told to."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from certificates import make_identity
from flaskscale_process import SCALE, wait_until


def free_ports(count, kind=socket.SOCK_STREAM):
    """Ports of 127.0.0.1 that nobody listens on; all are different."""
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Pebble:
    """Let's Encrypt's test server, as a context manager. Half of all nonces are refused.

    It validates at 127.0.0.1:`http_port`, whatever the name. `validity`: seconds that its
    certificates are good for.
    """

    def __init__(self, folder, slowness=2, validity=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.slowness = slowness
        self.validity = validity
        self.port, self.management, self.http_port, tls_port, self._dns_management = free_ports(5)
        self._tls_port = tls_port
        self._dns = free_ports(1, socket.SOCK_DGRAM)[0]
        self.identity = make_identity(self.folder, "directory", ["localhost", "127.0.0.1"],
                                      authority=True)
        self._processes = []

    @property
    def url(self):
        """The directory's."""
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def log(self):
        """All that it has said."""
        return (self.folder / "pebble.log").read_text(errors="replace")

    def __enter__(self):
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.identity.cert), "privateKey": str(self.identity.key),
            "httpPort": self.http_port, "tlsPort": self._tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        if self.validity is not None:
            settings["certificateValidityPeriod"] = self.validity
        path = self.folder / "pebble.json"
        path.write_text(json.dumps({"pebble": settings}))
        self._start("names.log", ["pebble-challtestsrv", "-http01", "", "-https01", "",
                                  "-tlsalpn01", "", "-dns01", f"127.0.0.1:{self._dns}",
                                  "-management", f"127.0.0.1:{self._dns_management}",
                                  "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"])
        self._start("pebble.log", ["pebble", "-config", str(path),
                                   "-dnsserver", f"127.0.0.1:{self._dns}"],
                    PEBBLE_WFE_NONCEREJECT="50", PEBBLE_VA_SLEEPTIME=str(self.slowness))
        wait_until(self._is_up, 20 * SCALE, "pebble answers")
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, log, command, **environment):
        with open(self.folder / log, "ab") as output:
            self._processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                env={**os.environ, **environment}))

    def _context(self):
        return ssl.create_default_context(cafile=str(self.identity.cert))

    def _is_up(self):
        assert all(process.poll() is None for process in self._processes), self.log
        try:
            with urllib.request.urlopen(self.url, timeout=2, context=self._context()):
                return True
        except OSError:
            return False

    def root(self):
        """The authority that vouches for its certificates, in PEM."""
        url = f"https://127.0.0.1:{self.management}/roots/0"
        with urllib.request.urlopen(url, timeout=5, context=self._context()) as response:
            return response.read().decode()


class FaultyFront:
    """Passes everything on to a Pebble, but for what `faults` says, as a context manager.

    `faults` maps a step (a part of the path) to what becomes of its next request: "drop" (no
    answer, not passed on), "lose" (passed on, no answer), "html" (502 with a page) or "nonsense"
    (200 with something else); each counts once. `seen` are the faults that happened, in order.
    """

    def __init__(self, pebble, faults):
        self.faults = dict(faults)
        self.seen = []
        self._lock = threading.Lock()
        front = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _treat(self):
                fault = front.take(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault == "html":
                    self._answer(502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
                    return
                if fault == "nonsense":
                    self._answer(200, {"Content-Type": "application/json"}, b'{"status": "odd"}')
                    return
                status, headers, answer = front.pass_on(pebble, self, body)
                if fault == "lose":
                    self.close_connection = True
                    return
                self._answer(status, headers, answer)

            def _answer(self, status, headers, body):
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = _treat  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pebble.identity.cert, pebble.identity.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self):
        """The directory's, through this front."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/dir"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def take(self, path):
        """What happens to this request; None: nothing."""
        with self._lock:
            for step, fault in self.faults.items():
                if step in path:
                    del self.faults[step]
                    self.seen.append(step)
                    return fault
        return None

    @staticmethod
    def pass_on(pebble, handler, body):
        """Pebble's answer: its status, headers and body. It names itself by the Host header."""
        context = ssl.create_default_context(cafile=str(pebble.identity.cert))
        connection = http.client.HTTPSConnection("127.0.0.1", pebble.port, timeout=20,
                                                 context=context)
        try:
            headers = {name: value for name, value in handler.headers.items()
                       if name.lower() != "connection"}
            connection.request(handler.command, handler.path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()
