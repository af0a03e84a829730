"""Short runs of the program: those that end by themselves, well or not."""

import subprocess
from dataclasses import dataclass

from flaskscale_process import binary_path
from front_door import seconds


@dataclass
class Ended:
    """What a run left."""

    code: int
    out: str
    err: str

    @property
    def said(self):
        """Lines of standard error and output that are not empty."""
        return [line for line in (self.err + self.out).splitlines() if line.strip()]


def run_program(*arguments, directory, environment=None, timeout=10):
    """Runs `flaskscale ARGUMENTS` to its end, which must come within the time-out."""
    done = subprocess.run([str(binary_path()), *map(str, arguments)], cwd=directory, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, env=environment,
                          timeout=seconds(timeout), check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def write_config(directory, text, name="flaskscale.toml"):
    """Writes a configuration file and returns its path."""
    path = directory / name
    path.write_text(text)
    return path
