"""Runs Debian's curl and says what it got."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 60


@dataclass
class CurlResult:
    """One run of curl: `code` is its exit status, `status` that of the last response."""

    code: int
    status: int
    heads: list  # one text per response head, interim ones included
    body: bytes
    facts: dict  # curl's --write-out %{json} of the last transfer
    stderr: str

    def json(self):
        """Body as JSON."""
        return json.loads(self.body)

    def header(self, name, default=None):
        """First value of a field of the last response."""
        values = self.headers(name)
        return values[0] if values else default

    def headers(self, name):
        """Every value of a field of the last response."""
        lines = self.heads[-1].split("\r\n")[1:]
        pairs = [line.partition(":") for line in lines]
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


def run_curl(*arguments, stdin=None):
    """Bodies of all transfers are in `body`, one after the other."""
    with tempfile.TemporaryDirectory(prefix="flaskscale-curl-") as directory:
        heads = Path(directory, "heads")
        body = Path(directory, "body")
        with open(body, "wb") as output:
            done = subprocess.run(
                ["curl", "--silent", "--show-error", "--max-time", str(TIMEOUT_SECONDS),
                 "--noproxy", "*", "--dump-header", str(heads),
                 "--write-out", "%{stderr}\n%{json}\n", *map(str, arguments)],
                input=stdin, stdout=output, stderr=subprocess.PIPE, check=False)
        lines = done.stderr.decode(errors="replace").splitlines()
        facts = [json.loads(line) for line in lines if line.startswith("{")]
        text = heads.read_bytes().decode("latin-1") if heads.exists() else ""
        return CurlResult(
            code=done.returncode, status=facts[-1]["response_code"] if facts else 0,
            heads=[head for head in text.split("\r\n\r\n") if head], body=body.read_bytes(),
            facts={**(facts[-1] if facts else {}),
                   "connects": sum(fact["num_connects"] for fact in facts)},
            stderr="\n".join(line for line in lines if line and not line.startswith("{")))
