"""What TLS scanners say of the default configuration: Debian's sslscan and testssl.sh."""

import json
import subprocess
import xml.etree.ElementTree as xml
from collections import Counter

import pytest
from flaskscale_process import SCALE
from raw_backend import RawBackend
from secure_front import HOST, SecureFront

# What every scan of a test's front door tells; nothing of ours is here.
EXPECTED = {
    "cert_chain_of_trust": "no public authority signs a test's certificate",
    "cert_revocation": "such a certificate names no place that tells of revocations",
    "HSTS": "off until somebody asks for it; another test turns it on",
    "security_headers": "the application's",
    "engine_problem": "of the scanner's own openssl, which may lack what old suites would need",
}
# What testssl looks at: all but simulations of old clients and what asks the network; of the second
# certificate only what depends on its key.
CHECKS = {
    "ec": ["--protocols", "--std", "--pfs", "--server-defaults", "--server-preference", "--header",
           "--vulnerable"],
    "rsa": ["--protocols", "--std", "--pfs", "--robot"],
}
LOOKED_AT = {
    "ec": ["SSLv2", "TLS1", "TLS1_3", "PFS", "cert_signatureAlgorithm", "cert_chain_of_trust",
           "heartbleed", "CCS", "ticketbleed", "secure_renego", "secure_client_renego",
           "CRIME_TLS", "BREACH", "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST",
           "LUCKY13", "RC4"],
    "rsa": ["SSLv2", "TLS1", "TLS1_3", "PFS", "ROBOT"],
}
SUITES = {
    "TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
    "TLSv1.2": {f"ECDHE-{kind}-{suite}" for kind in ("ECDSA", "RSA") for suite in
                ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")},
}


@pytest.fixture(name="key", scope="module", params=["ec", "rsa"])
def _key(request):
    return request.param


@pytest.fixture(name="front", scope="module")
def _front(key):
    with RawBackend() as backend, SecureFront(backend.address, key=key, wait="serving") as front:
        yield front


@pytest.fixture(name="say")
def _say(capsys):
    """Prints into the log of the run, also when the test passes."""
    def say(text):
        with capsys.disabled():
            print(f"\n{text}")

    return say


def test_sslscan_finds_no_weakness(front, key, say):
    host, port = front.listener("secure")
    done = subprocess.run(["sslscan", "--no-colour", "--xml=-", f"--sni-name={HOST}",
                           f"{host}:{port}"], capture_output=True, text=True, check=False,
                          timeout=120 * SCALE)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    found = xml.fromstring(done.stdout[done.stdout.index("<document"):]).find("ssltest")

    spoken = {f"{p.get('type')} {p.get('version')}" for p in found.iter("protocol")
              if p.get("enabled") == "1"}
    assert spoken == {"tls 1.2", "tls 1.3"}
    assert all(e.get("supported") == "0" for e in found.iter("compression"))
    assert found.find("renegotiation").get("supported") == "0"
    assert {e.get("vulnerable") for e in found.iter("heartbleed")} == {"0"}
    taken = [(c.get("sslversion"), c.get("cipher")) for c in found.iter("cipher")]
    assert len(taken) == 6
    assert all(name in SUITES[version] for version, name in taken)
    assert {c.get("strength") for c in found.iter("cipher")} <= {"strong", "acceptable"}
    assert all(int(group.get("bits")) >= 128 for group in found.iter("group"))
    say(f"sslscan ({key}): {', '.join(sorted(spoken))}; {', '.join(name for _, name in taken)}")


def run_testssl(front, checks, report):
    """Its findings by their names."""
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none",
         "--ip", "127.0.0.1", "--openssl", "/usr/bin/openssl", "--add-ca", front.ca.cert,
         "--jsonfile", report, *checks, front.secure_url()],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300 * SCALE)
    print(done.stdout)
    return {finding["id"]: finding for finding in json.loads(report.read_text())}


def test_testssl_finds_no_weakness(front, key, say, tmp_path):
    findings = run_testssl(front, CHECKS[key], tmp_path / "report.json")
    if findings.get("sessionresumption_ticket", {}).get("severity") == "WARN":
        # Its first client leaves at once; on a busy machine before it has got its ticket.
        again = run_testssl(front, ["--server-defaults"], tmp_path / "again.json")
        findings["sessionresumption_ticket"] = again["sessionresumption_ticket"]

    assert [name for name in LOOKED_AT[key] if name not in findings] == []
    weak = {name: f"{finding['severity']}: {finding['finding']}"
            for name, finding in findings.items() if finding["severity"] not in ("OK", "INFO")}
    counts = Counter(finding["severity"] for finding in findings.values())
    say(f"testssl ({key}): " + ", ".join(f"{count} {name}" for name, count in counts.items())
        + "".join(f"\n  {name}: {told} (expected: {EXPECTED.get(name, 'NO')})"
                  for name, told in weak.items()))
    assert {name: told for name, told in weak.items() if name not in EXPECTED} == {}
