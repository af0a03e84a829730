"""The demo's instances as processes of this machine: gunicorn, as the configuration has it."""

import shutil
from pathlib import Path

from demo_config import replace_lines, with_own_ports
from flaskscale_process import MARK_VARIABLE, START_TIMEOUT
from load_wave import QUICK

HERE = Path(__file__).resolve().parent


class Stage:
    """What the demo needs around FlaskScale; the same members in each demo_PROVIDER.py."""

    instances = "processes of this machine"
    wave = QUICK
    start_timeout = START_TIMEOUT  # until the first instance serves
    environment = {}  # of FlaskScale

    def missing(self):
        """Programs that this machine lacks."""
        return [tool for tool in ("wrk", "/usr/bin/gunicorn") if shutil.which(tool) is None]

    def __enter__(self):
        """Starts what instances are made of."""
        return self

    def __exit__(self, *_):
        """Ends it."""

    def config(self, text, mark):
        """The demo's configuration for this provider; `mark` shall be in the environment of
        everything that FlaskScale starts as its own processes."""
        process = f'directory = "{HERE}"\nenvironment = {{ {MARK_VARIABLE} = "{mark}" }}'
        return replace_lines(with_own_ports(text), (r'^directory = ".*"', process))

    def left_behind(self):
        """Called after FlaskScale's end: sentences about what is still there."""
        return []
