"""HTTPS with real clients: curl and openssl s_client."""

import http.client
import http.server
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from certificates import make_identity, openssl
from curl import run_curl
from flaskscale_process import SCALE, FlaskscaleProcess, binary_path, static_config
from loopback import own_address
from raw_backend import RawBackend


def _config(folder, backend, *, certificates, tls="", listener="", extra="", http2="true"):
    pairs = ""
    for entry in certificates:
        identity, more = entry if isinstance(entry, tuple) else (entry, "")
        pairs += (f'[[listeners.secure.certificates]]\ncert = "{identity.cert}"\n'
                  f'key = "{identity.key}"\n{more}\n')
    return f"""
[server]
workers = 2
state_dir = "{folder}/state"
[access_log]
path = "off"
[admin]
listen = "127.0.0.1:0"
[listeners.secure]
listen = ["127.0.0.1:0"]
http2 = {http2}
{listener}
{pairs}
[listeners.secure.tls]
{tls}
[listeners.plain]
listen = ["127.0.0.1:0"]
redirect_to_https = true
[[routes]]
pool = "app"
[pools.app]
backends = ["{backend.address}"]
[pools.app.health]
rise = 1
{extra}
"""


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
    """The certificates of this file's tests."""
    class Made:
        folder = tmp_path_factory.mktemp("certificates")
        ca = make_identity(folder, "ca", authority=True)
        first = make_identity(folder, "first", ["first.test"], issuer=ca)
        wild = make_identity(folder, "wild", ["*.shop.test"], issuer=ca)
        both_ec = make_identity(folder, "both-ec", ["both.test"], issuer=ca)
        both_rsa = make_identity(folder, "both-rsa", ["both.test"], issuer=ca, key="rsa")
        client = make_identity(folder, "client", issuer=ca, subject="/O=Test/CN=alice")
        stranger = make_identity(folder, "stranger")

    return Made


@pytest.fixture(name="backend", scope="module")
def _backend():
    with RawBackend(lambda connection: connection.serve(_answer)) as backend:
        yield backend


def _answer(request):
    body = "".join(f"{name}: {value}\n" for name, value in request.fields).encode()
    if request.target == "/large":
        body = b"x" * (4 << 20)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory, made, backend):
    folder = tmp_path_factory.mktemp("server")
    config = _config(folder, backend,
                     certificates=[made.first, made.wild, made.both_ec, made.both_rsa],
                     listener='hsts = { max_age = "365d", include_subdomains = true }')
    with FlaskscaleProcess(config, wait="serving") as server:
        yield server


def _curl(server, made, *arguments, host="first.test", path="/", listener="secure"):
    address, port = server.listener(listener)
    return run_curl("--cacert", made.ca.cert, "--resolve", f"{host}:{port}:{address}", *arguments,
                    f"https://{host}:{port}{path}")


def _s_client(server, *arguments, stdin="", check=True):
    host, port = server.listener("secure")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", *map(str, arguments)],
        input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_speaks_each_version(server, made, version):
    got = _curl(server, made, "--http1.1", f"--tlsv{version}", "--tls-max", version)

    assert (got.status, got.facts["http_version"]) == (200, "1.1")
    assert b"X-Forwarded-Proto: https\n" in got.body
    assert b";proto=https;" in got.body
    assert got.header("Strict-Transport-Security") == "max-age=31536000; includeSubDomains"


def test_old_versions_are_refused(server, made):
    got = _curl(server, made, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")

    assert got.code == 35


def test_http2_is_chosen_by_alpn(server, made):
    assert _curl(server, made, "--http2").facts["http_version"] == "2"
    assert _curl(server, made, "--no-alpn").facts["http_version"] == "1.1"


def test_large_bodies_pass_both_ways(server, made, tmp_path):
    for protocol in ("--http1.1", "--http2"):
        got = _curl(server, made, protocol, path="/large")
        assert got.body == b"x" * (4 << 20)
        upload = tmp_path / "upload"
        upload.write_bytes(b"y" * (4 << 20))
        assert _curl(server, made, protocol, "--data-binary", f"@{upload}").status == 200


def test_the_certificate_is_chosen_by_name(server, made):
    for name, subject in (("first.test", "first"), ("a.shop.test", "wild"),
                          ("unknown.test", "first"), ("a.b.shop.test", "first")):
        told = _s_client(server, "-servername", name, "-CAfile", made.ca.cert)
        assert re.search(rf"subject=CN = {subject}\b", told), told
    assert "subject=CN = first" in _s_client(server, "-noservername")


def test_rsa_and_ecdsa_serve_one_name_side_by_side(server):
    for suite, subject in (("ECDHE-ECDSA-AES128-GCM-SHA256", "both-ec"),
                           ("ECDHE-RSA-AES128-GCM-SHA256", "both-rsa")):
        told = _s_client(server, "-servername", "both.test", "-tls1_2", "-cipher", suite)
        assert f"subject=CN = {subject}" in told, told


def test_sessions_resume_at_every_worker(server, tmp_path):
    for version in ("-tls1_2", "-tls1_3"):
        kept = tmp_path / f"session{version}"
        request = "GET / HTTP/1.1\r\nHost: first.test\r\nConnection: close\r\n\r\n"
        _s_client(server, version, "-servername", "first.test", "-sess_out", kept, "-ign_eof",
                  stdin=request)
        for _ in range(6):
            told = _s_client(server, version, "-servername", "first.test", "-sess_in", kept)
            assert "Reused, " in told, told


def test_compression_and_renegotiation_are_off(server):
    told = _s_client(server, "-tls1_2", stdin="R\n", check=False)

    assert "Compression: NONE" in told
    assert "no renegotiation" in told


def test_plain_http_gets_400_in_plain_text(server):
    with socket.create_connection(server.listener("secure"), 10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: first.test\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"text/plain" in head and b"HTTPS" in body
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert server.metrics()['flaskscale_malformed_requests_total{reason="http_to_https_port"}'] >= 1


def test_cleartext_is_redirected(server, made):
    host, port = server.listener("plain")
    got = run_curl("--resolve", f"first.test:{port}:{host}", f"http://first.test:{port}/a?b=c")

    assert got.status == 308
    assert got.header("Location") == f"https://first.test:{server.listener('secure')[1]}/a?b=c"
    followed = run_curl("--cacert", made.ca.cert, "--location", "--data", "kept",
                        "--resolve", f"first.test:{port}:{host}",
                        "--resolve", f"first.test:{server.listener('secure')[1]}:{host}",
                        f"http://first.test:{port}/")
    assert followed.status == 200
    assert b"Content-Length: 4\n" in followed.body


def test_nonsense_and_silence_end_the_handshake(server):
    host, port = server.listener("secure")
    with socket.create_connection((host, port), 10) as client:
        client.sendall(b"\x16\x03\x01\x00\x05hello")
        assert b"".join(iter(lambda: client.recv(4096), b""))[:1] == b"\x15"  # an alert
    failures = [key for key in server.metrics() if "handshake_failures" in key]
    assert failures


def test_handshakes_are_counted(server, made):
    def count(kind):
        return server.metrics().get(f'flaskscale_tls_handshakes_total{{kind="{kind}"}}', 0)

    before = count("full")
    _curl(server, made)
    assert count("full") == before + 1
    assert count("resumed") > 0
    ends = [value for key, value in server.metrics().items() if "certificate_not_after" in key]
    assert len(ends) == 4 and all(0 < end - time.time() < 91 * 86400 for end in ends)


def test_client_certificates_are_asked_for_and_told_on(tmp_path, made, backend):
    config = _config(tmp_path, backend, certificates=[made.first],
                     tls=f'client_ca = "{made.ca.cert}"')
    with FlaskscaleProcess(config, wait="serving") as server:
        known = ["--cert", made.client.cert, "--key", made.client.key]
        for protocol in ("--http1.1", "--http2"):
            for version in ("1.2", "1.3"):
                got = _curl(server, made, protocol, "--tls-max", version, *known,
                            "-H", "X-Forwarded-Client-Cert-Subject: CN=forged")
                assert got.status == 200, got.stderr
                lines = got.body.lower().split(b"\n")
                told = [line for line in lines if line.startswith(b"x-forwarded-client")]
                assert told == [b"x-forwarded-client-cert-subject: cn=alice,o=test"]
        assert _curl(server, made).code != 0
        assert _curl(server, made, "--cert", made.stranger.cert, "--key", made.stranger.key).code
        failed = {key: value for key, value in server.metrics().items()
                  if "handshake_failures" in key}
        assert failed['flaskscale_tls_handshake_failures_total{reason="tls_no_client_certificate"}']
        assert failed[
            'flaskscale_tls_handshake_failures_total{reason="tls_bad_client_certificate"}']


def test_strict_names_are_refused_with_an_alert(tmp_path, made, backend):
    config = _config(tmp_path, backend, certificates=[made.first, made.wild],
                     tls='strict_sni = true\nmin_version = "1.3"')
    with FlaskscaleProcess(config, wait="serving") as server:
        assert "unrecognized name" in _s_client(server, "-servername", "x.test", check=False)
        assert "unrecognized name" in _s_client(server, "-noservername", check=False)
        assert "protocol version" in _s_client(server, "-tls1_2", check=False)
        assert _curl(server, made).status == 200
        name = 'flaskscale_tls_handshake_failures_total{reason="tls_unknown_name"}'
        assert server.metrics()[name] == 2


def test_an_ocsp_response_is_stapled(tmp_path, made, backend):
    index = tmp_path / "index.txt"
    serial = openssl("x509", "-in", made.first.cert, "-noout", "-serial").strip().split("=")[1]
    index.write_text(f"V\t991231235959Z\t\t{serial}\tunknown\t/CN=first\n")
    request, response = tmp_path / "request", tmp_path / "response"
    openssl("ocsp", "-issuer", made.ca.cert, "-cert", made.first.cert, "-reqout", request)
    openssl("ocsp", "-index", index, "-rsigner", made.ca.cert, "-rkey", made.ca.key,
            "-CA", made.ca.cert, "-reqin", request, "-respout", response, "-ndays", "1")
    chain = tmp_path / "chain.pem"
    chain.write_text(made.first.cert.read_text() + made.ca.cert.read_text())
    stapled = type(made.first)(chain, made.first.key)
    config = _config(tmp_path, backend, certificates=[(stapled, f'ocsp = "{response}"')])
    with FlaskscaleProcess(config, wait="serving") as server:
        for version in ("-tls1_2", "-tls1_3"):
            told = _s_client(server, "-status", version)
            assert "OCSP Response Status: successful" in told
            assert "Cert Status: good" in told
        assert _curl(server, made, "--cert-status").status == 200


def test_ticket_keys_from_a_file_are_shared_by_front_doors(tmp_path, made, backend):
    keys = tmp_path / "tickets"
    keys.write_text(openssl("rand", "-hex", "80"))
    session = tmp_path / "session"
    request = "GET / HTTP/1.1\r\nHost: first.test\r\nConnection: close\r\n\r\n"

    def serve(name):
        return FlaskscaleProcess(_config(tmp_path / name, backend, certificates=[made.first],
                                         tls=f'ticket_keys = "{keys}"'), wait="serving")

    with serve("one") as one, serve("two") as two:
        _s_client(one, "-sess_out", session, "-ign_eof", stdin=request)
        assert "Reused, " in _s_client(two, "-sess_in", session)
        loads = two.stderr().count("days left")
        keys.write_text(openssl("rand", "-hex", "80") + keys.read_text())
        two.wait_until(lambda: two.stderr().count("days left") > loads, 10 * SCALE, "the new keys")
        assert "Reused, " in _s_client(two, "-sess_in", session)


def _common_name(server):
    host, port = server.listener("secure")
    told = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}"], input="",
                          capture_output=True, text=True, timeout=60, check=False).stdout
    return re.search(r"subject=CN = (\S+)", told)[1]


def test_changed_files_are_taken_over_and_bad_ones_are_not(tmp_path, made, backend):
    pair = type(made.first)(tmp_path / "c.pem", tmp_path / "c.key")
    shutil.copy(made.first.cert, pair.cert)
    shutil.copy(made.first.key, pair.key)
    config = _config(tmp_path, backend, certificates=[pair])
    with FlaskscaleProcess(config, wait="serving") as server:
        assert _common_name(server) == "first"
        # A pair that is only half there does not count.
        shutil.copy(made.wild.cert, pair.cert)
        server.wait_until(lambda: "does not belong" in server.stderr(), 10 * SCALE, "the log")
        assert _common_name(server) == "first"
        shutil.copy(made.wild.key, pair.key)
        server.wait_until(lambda: _common_name(server) == "wild", 10 * SCALE, "the new one")
        # SIGHUP: the same, at once, and as a refusal.
        pair.key.write_text("nonsense")
        told = server.reload(expect_success=False)
        assert "c.key: holds no private key" in told["last_reload"]["error"]
        assert _common_name(server) == "wild"


def test_check_names_the_file_and_what_is_wrong(tmp_path, made, backend):
    pair = type(made.first)(made.first.cert, made.wild.key)
    path = tmp_path / "bad.toml"
    path.write_text(_config(tmp_path, backend, certificates=[pair]))
    done = subprocess.run([binary_path(), "check", "-c", path], capture_output=True, text=True,
                          check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr == (f"{path}: listener 'secure': {made.wild.key}: the key does not belong "
                           f"to the certificate {made.first.cert}\n")


def test_a_certificate_that_ends_soon_is_warned_of(tmp_path, made, backend):
    short = make_identity(tmp_path, "short", ["short.test"], days=5)
    config = _config(tmp_path, backend, certificates=[short])
    with FlaskscaleProcess(config, wait="serving") as server:
        server.wait_until(lambda: "short.pem ends in 4 days" in server.stderr(), 10 * SCALE)


class _Load:
    """Threads that ask over kept and fresh connections; failures are remembered."""

    def __init__(self, server, made):
        self._ends = threading.Event()
        self.failures = []
        self.requests = 0
        self._threads = [threading.Thread(target=self._run, args=(server, made, kept))
                         for kept in (True, True, False)]

    def _run(self, server, made, kept):
        context = ssl.create_default_context(cafile=made.ca.cert)
        context.check_hostname = False
        connection = None
        while not self._ends.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection(*server.listener("secure"), timeout=20,
                                                             context=context)
                connection.request("GET", "/", headers={"Host": "first.test"})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failures.append(response.status)
                self.requests += 1
                if not kept:
                    connection.close()
                    connection = None
            except OSError as error:
                self.failures.append(repr(error))
                connection = None

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join()


def test_swaps_under_load_lose_nothing(tmp_path, made, backend):
    pair = type(made.first)(tmp_path / "c.pem", tmp_path / "c.key")
    shutil.copy(made.first.cert, pair.cert)
    shutil.copy(made.first.key, pair.key)
    config = _config(tmp_path, backend, certificates=[pair])
    with FlaskscaleProcess(config, wait="serving") as server, _Load(server, made) as load:
        generation = server.status()["generation"]
        for turn in range(20):
            source = made.wild if turn % 2 == 0 else made.first
            for file, fresh in ((source.key, pair.key), (source.cert, pair.cert)):
                shutil.copy(file, f"{fresh}.new")
                shutil.move(f"{fresh}.new", fresh)
            server.reload()
        assert server.status()["generation"] == generation + 20
        assert load.requests > 50
    assert load.failures == []


class _SecureBackend:
    """An HTTPS server that tells what it saw of its client."""

    def __init__(self, identity, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.cert, identity.key)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca.cert)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                subject = dict(pair[0] for pair in (self.connection.getpeercert() or {}).get(
                    "subject", ()))
                body = json.dumps({"resumed": self.connection.session_reused,
                                   "name": subject.get("commonName", "")}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")  # every request its own handshake
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((own_address(), 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                  do_handshake_on_connect=False)
        self.address = "%s:%d" % self._server.server_address

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _pool_with_tls(folder, backend, tls):
    config = static_config(backend.address, pool=f"tls = {{ {tls} }}")
    return config.replace('state_dir = "state"', f'state_dir = "{folder}/state"')


def test_backends_speak_tls_with_names_and_certificates_checked(tmp_path, made):
    app = make_identity(tmp_path, "app", ["app.test"], issuer=made.ca)
    door = make_identity(tmp_path, "door", issuer=made.ca)
    with _SecureBackend(app, client_ca=made.ca) as backend:
        tls = (f'ca = "{made.ca.cert}", server_name = "app.test", '
               f'cert = "{door.cert}", key = "{door.key}"')
        with FlaskscaleProcess(_pool_with_tls(tmp_path, backend, tls), wait="serving") as server:
            answers = [run_curl(server.url("/")).json() for _ in range(4)]
            assert {answer["name"] for answer in answers} == {"door"}
            assert any(answer["resumed"] for answer in answers)


def test_a_backend_with_the_wrong_certificate_gets_nothing(tmp_path, made):
    app = make_identity(tmp_path, "app", ["app.test"], issuer=made.ca)
    with _SecureBackend(app) as backend:
        tls = f'ca = "{made.ca.cert}", server_name = "other.test"'
        with FlaskscaleProcess(_pool_with_tls(tmp_path, backend, tls)) as server:
            server.wait_until(lambda: "hostname mismatch" in server.stderr(), 10 * SCALE, "the log")
            assert not server.pool()["backends"][0]["up"]
        tls = f'ca = "{made.stranger.cert}", server_name = "other.test", verify = false'
        path = tmp_path / "bad.toml"
        path.write_text(_pool_with_tls(tmp_path, backend, tls))
        done = subprocess.run([binary_path(), "check", "-c", path], capture_output=True, text=True,
                              check=False, timeout=60)
        assert "means nothing with verify = false" in done.stderr
