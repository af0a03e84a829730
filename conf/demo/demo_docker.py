"""The demo's instances as containers: of the Docker engine that runs here, or of one that is started
for the demo and taken away after it."""

import shutil
import signal
import uuid
from pathlib import Path

from demo_config import replace_lines, with_own_ports
from docker_base import base_archive
from docker_engine import EngineError, OwnEngine, running_engine
from load_wave import QUICK

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "build"
FILES = ("Dockerfile", "app.py", "templates")
PUBLIC_BASE = "debian:12-slim"
LOCAL_BASE = "flaskscale-demo-base"


class Stage:
    """See demo_process.py."""

    wave = QUICK
    start_timeout = 40.0
    environment = {}

    def __init__(self):
        self._running = running_engine()
        self._engine = self._running or OwnEngine()
        tag = uuid.uuid4().hex[:12]
        self._image = f"flaskscale-demo:{tag}"
        self._base = f"{LOCAL_BASE}:{tag}"

    @property
    def instances(self):
        """In words."""
        kind = "the Docker engine here" if self._running else "a Docker engine of the demo's own"
        return f"containers of {kind}, {self._engine.host}"

    def missing(self):
        """What this machine lacks."""
        missing = [tool for tool in ("wrk", "/usr/bin/gunicorn") if shutil.which(tool) is None]
        if not self._running and (reason := self._engine.missing()):
            missing.append(f"a Docker engine ({reason})")
        return missing

    def __enter__(self):
        try:
            if not self._running:
                print("starting a Docker engine", flush=True)
                self._engine.__enter__()
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        base = PUBLIC_BASE
        if not (self._running and self._has_public_base()):
            print("making a base image from this machine's packages", flush=True)
            self._engine.import_image(base_archive(CACHE), self._base)
            base = self._base
        print(f"building the image of the demo on {base}", flush=True)
        self._engine.build(HERE, FILES, self._image, {"BASE": base})

    def _has_public_base(self):
        if self._engine.has_image(PUBLIC_BASE):
            return True
        print(f"pulling {PUBLIC_BASE}", flush=True)
        try:
            self._engine.pull(PUBLIC_BASE)
        except (EngineError, OSError) as error:
            print(f"  {error}", flush=True)
            return False
        return True

    def __exit__(self, *_):
        """A second Ctrl-C does not stop the tidying up."""
        before = {number: signal.signal(number, signal.SIG_IGN)
                  for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            if not self._running:
                self._engine.close()
                return
            for name in self._containers():
                self._engine.remove(name)
            for image in (self._image, self._base):
                self._engine.remove_image(image)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _containers(self):
        return [container["Names"][0][1:] for container in self._engine.containers("demo")
                if container["Image"] == self._image]

    def config(self, text, mark):
        """The demo's docker configuration; `text` is that of the process provider."""
        del text, mark  # containers belong to the engine, not to FlaskScale
        return replace_lines(with_own_ports((HERE / "docker.toml").read_text()),
                             (r'^host = ".*"', f'host = "{self._engine.host}"'),
                             (r'^image = ".*"', f'image = "{self._image}"'))

    def left_behind(self):
        """Containers that FlaskScale should have ended."""
        return [f"container {name} is left" for name in self._containers()]
