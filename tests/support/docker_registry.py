"""A registry with one image, which asks for a name and a password."""

import base64
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PASSWORD = "reader", "secret"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class DockerRegistry:
    """Serves an image, as the engine saved it, as REPOSITORY:TAG on a loopback port."""

    def __init__(self, saved, repository, tag):
        self._blobs = {}
        self.manifest = self._take_apart(saved)
        self.digest = _digest(self.manifest)
        self.refused = 0  # requests without the password
        self._base = f"/v2/{repository}"
        self._tag = tag
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.image = f"127.0.0.1:{self._server.server_port}/{repository}:{tag}"

    @property
    def auths(self):
        """What the docker command would write into its configuration after a login."""
        secret = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        return {"auths": {self.image.split("/")[0]: {"auth": secret}}}

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _take_apart(self, saved):
        """The manifest; configuration and layers become blobs."""
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            entry = json.load(archive.extractfile("manifest.json"))[0]
            config = archive.extractfile(entry["Config"]).read()
            layers = [archive.extractfile(name).read() for name in entry["Layers"]]
        described = [self._keep(layer, LAYER) for layer in layers]
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                           "config": self._keep(config, CONFIG), "layers": described}).encode()

    def _keep(self, blob, kind):
        digest = _digest(blob)
        self._blobs[digest] = blob
        return {"mediaType": kind, "size": len(blob), "digest": digest}

    def _find(self, path):
        """(content, type) of a path, or (None, None)."""
        if path == "/v2/":
            return b"{}", "application/json"
        if path in (f"{self._base}/manifests/{self._tag}", f"{self._base}/manifests/{self.digest}"):
            return self.manifest, MANIFEST
        blob = self._blobs.get(path.removeprefix(f"{self._base}/blobs/"))
        return blob, "application/octet-stream" if blob is not None else None

    def _handler(self):
        registry = self
        wanted = "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            """Reads only."""

            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802
                """Answers with the content."""
                content = self._head()
                if content:
                    self.wfile.write(content)

            def do_HEAD(self):  # noqa: N802
                """Answers with its size."""
                self._head()

            def _head(self):
                if self.headers.get("Authorization") != wanted:
                    registry.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="test"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return None
                content, kind = registry._find(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Content-Length", str(len(content or b"")))
                if content is not None:
                    self.send_header("Content-Type", kind)
                    self.send_header("Docker-Content-Digest", _digest(content))
                self.end_headers()
                return content

            def log_message(self, *_):
                """Silent."""

        return Handler


def _digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()
