"""gunicorn, uvicorn or hypercorn as people run them, on a loopback port that the system chooses."""

import http.client
import os
import socket
import subprocess
import tempfile
import uuid

from flaskscale_process import MARK_VARIABLE, ROOT, SCALE, wait_until
from loopback import own_address
from process_tree import kill_marked

_SUPPORT = ROOT / "tests" / "support"
_DEMO = ROOT / "conf" / "demo"

# The listening socket is made here and inherited: no port has to be guessed.
_COMMANDS = {
    "gunicorn": lambda fd: [
        "/usr/bin/gunicorn", "--chdir", str(_DEMO), "--bind", f"fd://{fd}", "--worker-class",
        "gthread", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--log-level", "warning",
        "app:app"],
    "uvicorn": lambda fd: [
        "/usr/bin/uvicorn", "--app-dir", str(_SUPPORT), "--fd", str(fd), "--log-level", "warning",
        "asgi_app:app"],
    "hypercorn": lambda fd: [
        "/usr/bin/hypercorn", "--bind", f"fd://{fd}", "--log-level", "warning", "asgi_app:app"],
}


class ApplicationServer:
    """One such server, as a context manager: gunicorn with the demo's Flask application, the others
    with asgi_app. `address` is "host:port"."""

    def __init__(self, kind):
        self._kind = kind
        self._mark = uuid.uuid4().hex
        self._log = tempfile.TemporaryFile(mode="w+")
        self._process = None
        self.address = ""

    def __enter__(self):
        with socket.create_server((own_address(), 0), backlog=1024) as listener:
            host, port = listener.getsockname()
            self.address = f"{host}:{port}"
            os.set_inheritable(listener.fileno(), True)
            self._process = subprocess.Popen(
                _COMMANDS[self._kind](listener.fileno()), pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
                cwd=_SUPPORT, env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
                                   MARK_VARIABLE: self._mark})
        try:
            wait_until(self._answers, 30 * SCALE, f"{self._kind} answers")
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *_):
        self._process.terminate()
        try:
            self._process.wait(20 * SCALE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        kill_marked(self._mark)
        if kind is not None:
            self._log.seek(0)
            print(f"---- output of {self._kind}\n{self._log.read()[-8000:]}")
        self._log.close()

    def _answers(self):
        assert self._process.poll() is None, f"{self._kind} ended"
        host, port = self.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request("GET", "/headers" if self._kind == "gunicorn" else "/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
