#!/usr/bin/python3
"""New TLS 1.3 connections, each with one GET, one after the other in a few threads.

    handshakes.py PORT COUNT full|resumed

Resumed: each thread first makes one full handshake, which is not counted; every other uses the
newest ticket, as a browser does. Suite and curve are those of the OpenSSL configuration that
OPENSSL_CONF names. Prints JSON: connections, resumed, seconds; fails when one went wrong."""
import json
import socket
import ssl
import sys
import threading
import time

THREADS = 8
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


class Visitor(threading.Thread):
    """Makes its share of the connections."""

    def __init__(self, port, count, resumes):
        super().__init__(daemon=True)
        self.port, self.count, self.resumes = port, count, resumes
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["http/1.1"])
        self.session = None
        self.resumed = 0
        self.problem = None

    def visit(self):
        """One connection; what it negotiated."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(plain, session=self.session) as connection:
                connection.sendall(REQUEST)
                received = b""
                while part := connection.recv(65536):
                    received += part
                if not received.startswith(b"HTTP/1.1 200"):
                    raise OSError(f"answered {received[:60]!r}")
                if self.resumes:
                    self.session = connection.session  # its tickets came before the answer
                    self.resumed += connection.session_reused
                return connection.version(), connection.cipher()[0]

    def run(self):
        try:
            if self.resumes:
                self.visit()
            for _ in range(self.count):
                negotiated = self.visit()
                if negotiated != ("TLSv1.3", "TLS_AES_128_GCM_SHA256"):
                    raise OSError(f"negotiated {negotiated}")
        except OSError as error:
            self.problem = f"{type(error).__name__}: {error}"


def main():
    port, count, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    share = max(1, count // THREADS)
    visitors = [Visitor(port, share, kind == "resumed") for _ in range(THREADS)]
    begun = time.monotonic()
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    problems = [visitor.problem for visitor in visitors if visitor.problem]
    if problems:
        sys.exit(f"handshakes: {problems[0]} ({len(problems)} of {THREADS} threads)")
    resumed = sum(visitor.resumed for visitor in visitors)
    if kind == "resumed" and resumed != share * THREADS:
        sys.exit(f"handshakes: {resumed} of {share * THREADS} were resumed")
    print(json.dumps({"connections": share * THREADS, "resumed": resumed,
                      "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main()
