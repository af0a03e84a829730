"""Certificates for tests, made by the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Identity:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


def openssl(*arguments, stdin=None):
    """Runs openssl and returns its output."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_identity(folder, name, hosts=(), issuer=None, key="ec", days=90, authority=False,
                  subject=None):
    """Files NAME.pem and NAME.key in `folder`; signed by `issuer`, or by itself."""
    folder = Path(folder)
    identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    kind = ["rsa:2048"] if key == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    names = [f"IP:{host}" if host[0].isdigit() else f"DNS:{host}" for host in hosts]
    arguments = ["req", "-x509", "-newkey", *kind, "-nodes", "-keyout", identity.key,
                 "-out", identity.cert, "-days", days, "-subj", subject or f"/CN={name}",
                 "-addext", f"basicConstraints=critical,CA:{str(authority).upper()}"]
    if names:
        arguments += ["-addext", "subjectAltName=" + ",".join(names)]
    if issuer is not None:
        arguments += ["-CA", issuer.cert, "-CAkey", issuer.key]
    openssl(*arguments)
    return identity
