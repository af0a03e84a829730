"""Headless Chromium, driven through ChromeDriver's W3C WebDriver protocol."""

import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from flaskscale_process import MARK_VARIABLE, SCALE, wait_until
from process_tree import kill_marked

PROGRAMS = ("chromium", "chromedriver")
_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--no-proxy-server", "--ignore-certificate-errors",
]


class Browser:
    """A browser with a profile of its own, as a context manager.

    `hosts` are names that stand for 127.0.0.1. Certificates are not checked.
    """

    def __init__(self, hosts=()):
        self._rules = ", ".join(f"MAP {host} 127.0.0.1" for host in hosts)
        self._mark = uuid.uuid4().hex
        self._folder = tempfile.TemporaryDirectory(prefix="flaskscale-browser-",
                                                   ignore_cleanup_errors=True)
        self._log = Path(self._folder.name, "driver.log")
        self._process = None
        self._base = ""
        self._session = ""

    def __enter__(self):
        home = self._folder.name
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd=home,
                env={"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home,
                     MARK_VARIABLE: self._mark})
        try:
            port = wait_until(self._port, 60 * SCALE, "ChromeDriver listens")
            self._base = f"http://127.0.0.1:{port}"
            options = {"binary": shutil.which("chromium"), "args": [
                *_ARGUMENTS, f"--user-data-dir={home}/profile",
                *([f"--host-resolver-rules={self._rules}"] if self._rules else [])]}
            capabilities = {"alwaysMatch": {
                "goog:chromeOptions": options,
                "timeouts": {"script": 60_000 * SCALE, "pageLoad": 60_000 * SCALE}}}
            self._session = self._call("POST", "", {"capabilities": capabilities})["sessionId"]
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if self._session and kind is None:
                self._call("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(20)
            kill_marked(self._mark)
            if kind is not None:
                print(f"---- output of ChromeDriver\n{self._output()[-4000:]}")
            self._folder.cleanup()

    def _port(self):
        assert self._process.poll() is None, self._output()
        found = re.search(r"started successfully on port (\d+)", self._output())
        return found and int(found[1])

    def _output(self):
        return self._log.read_text(errors="replace")

    def _call(self, method, path, content=None):
        """One command; its "value"."""
        session = f"/{self._session}" if self._session else ""
        request = urllib.request.Request(
            f"{self._base}/session{session}{path}", method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120 * SCALE) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:2000]}") from None

    def open(self, url):
        """Loads a page, until its "load" event."""
        self._call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value that the body of a JavaScript function returns; a promise is waited for."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})
