"""flaskscale as people put it on the internet: HTTPS on the listener `secure`, with TLS as it is by
default, and the same over cleartext HTTP/2 on the listener `plain`."""

import ssl
import tempfile

from certificates import make_identity
from curl import run_curl
from flaskscale_process import FlaskscaleProcess

HOST = "shop.test"  # what the certificate is for, beside localhost and 127.0.0.1

_CONFIG = """
[server]
workers = 2
state_dir = "state"
[access_log]
path = "access.log"
[admin]
listen = "127.0.0.1:0"
[listeners.secure]
listen = ["127.0.0.1:0"]
[[listeners.secure.certificates]]
cert = "{cert}"
key = "{key}"
[listeners.plain]
listen = ["127.0.0.1:0"]
http2 = true
{routes}
[[routes]]
pool = "app"
[pools.app]
backends = ["{address}"]
{pool}
[pools.app.health]
interval = "250ms"
timeout = "5s"
rise = 1
{extra}
"""


class SecureFront(FlaskscaleProcess):
    """FlaskscaleProcess before `address`, with a certificate that its own `ca` has signed.

    `routes` are TOML tables that come before the route to the pool `app`, `pool` further lines of
    that pool, `extra` whole further tables, `key` the certificate's kind: ec or rsa.
    """

    def __init__(self, address, *, routes="", pool="", extra="", key="ec", **options):
        super().__init__("", **options)
        self._certificates = tempfile.TemporaryDirectory(prefix="flaskscale-certificates-")
        folder = self._certificates.name
        self.ca = make_identity(folder, "ca", authority=True)
        self.identity = make_identity(folder, "door", [HOST, "localhost", "127.0.0.1"],
                                      issuer=self.ca, key=key, subject=f"/CN={HOST}")
        self._config = _CONFIG.format(cert=self.identity.cert, key=self.identity.key,
                                      address=address, routes=routes, pool=pool, extra=extra)

    def __exit__(self, *about):
        try:
            super().__exit__(*about)
        finally:
            self._certificates.cleanup()

    def secure_url(self, path="/", scheme="https", host=HOST):
        """URL at the listener that speaks HTTPS."""
        return f"{scheme}://{host}:{self.listener('secure')[1]}{path}"

    def curl(self, *arguments, path="/", http="--http2", stdin=None):
        """One run of curl with one URL; `http` is --http1.1, --http2 (both HTTPS, HTTP/2 by ALPN)
        or --http2-prior-knowledge (cleartext)."""
        if http == "--http2-prior-knowledge":
            return run_curl(http, *arguments, self.url(path, "plain"), stdin=stdin)
        host, port = self.listener("secure")
        return run_curl(http, "--cacert", self.ca.cert, "--resolve", f"{HOST}:{port}:{host}",
                        *arguments, self.secure_url(path), stdin=stdin)

    def tls_context(self):
        """For clients in Python: trusts the certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca.cert))

    def access_log(self):
        """Lines of the access log so far, as text."""
        path = self.directory / "access.log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
