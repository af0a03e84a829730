"""The demo's instances as virtual machines of an emulated Compute Engine, which take 20 to 40 s to
come. Each is a gunicorn on a loopback address of its own."""

import shutil
from pathlib import Path

from demo_config import replace_lines, with_own_ports, with_provider
from gce_cloud import GROUP, PROJECT, GceCloud
from load_wave import SLOW

HERE = Path(__file__).resolve().parent
ZONES = ("us-central1-a", "us-central1-b")
BACKEND = ("/usr/bin/gunicorn --chdir {here} --bind {{host}}:{{port}} --workers 1 "
           "--worker-class gthread --threads 5 --keep-alive 2 --graceful-timeout 10 "
           "--worker-tmp-dir /dev/shm --log-level warning app:app")
# Seconds; each is drawn within ± a third of its value, and their sum is about 30.
TIMINGS = {"create_delay": 1, "provisioning": 4, "staging": 6, "boot": 11, "pull": 8,
           "jitter": 0.33, "stopping": 3}


class Stage:
    """See demo_process.py."""

    instances = "virtual machines of an emulated Compute Engine, 20 to 40 s to boot"
    wave = SLOW
    start_timeout = 90.0

    def __init__(self):
        self._cloud = GceCloud(
            zones=ZONES, rate=1, seed=None, settings={"timings": TIMINGS},
            arguments=["--backend", BACKEND.format(here=HERE)])

    @property
    def environment(self):
        """Where the metadata server is."""
        return {"GCE_METADATA_HOST": self._cloud.ports["metadata"]}

    def missing(self):
        """Programs that this machine lacks."""
        missing = [tool for tool in ("wrk", "/usr/bin/gunicorn") if shutil.which(tool) is None]
        return missing + [str(path) for path in self._cloud.needs() if not path.is_file()]

    def __enter__(self):
        self._cloud.__enter__()
        return self

    def __exit__(self, *error):
        self._cloud.__exit__(*error)

    def config(self, text, mark):
        """Boots take longer here than processes do; everything else stays."""
        del mark  # machines belong to the cloud, not to FlaskScale
        table = (f'project = "{PROJECT}"\nzones = [{", ".join(chr(34) + z + chr(34) for z in ZONES)}]\n'
                 f'group = "{GROUP}"\nport = {self._cloud.ports["backend_port"]}\n'
                 f'endpoint = "{self._cloud.ports["api"]}"\n')
        text = with_provider(with_own_ports(text), "gce", table, 'at_shutdown = "delete"')
        return replace_lines(text, (r'^boot_estimate = ".*"', 'boot_estimate = "30s"'),
                             (r'^boot_timeout = ".*"', 'boot_timeout = "120s"'))

    def left_behind(self):
        """Every machine must be gone, and every request have been as the API wants it."""
        self._cloud.check_violations()
        left = [m["name"] for m in self._cloud.members() if m["action"] != "DELETING"]
        return [f"instances that were left: {', '.join(left)}"] if left else []
