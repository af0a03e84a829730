"""The helpers of the tests against each other: what they report must be what was on the wire."""

import pytest
from flaskscale_process import wait_until
from raw_backend import OK_RESPONSE, RawBackend
from raw_client import RawClient
from raw_stream import StreamClosed


def client_of(backend):
    """A client without flaskscale between."""
    return RawClient((backend.host, backend.port), timeout=5)


def test_backend_records_what_the_client_sent():
    with RawBackend() as backend, client_of(backend) as client:
        response = client.exchange(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")

        assert (response.status, response.body) == (200, b"ok")
        request = backend.requests[0]
        assert (request.method, request.target, request.body) == ("POST", "/a?b", b"abc")
        assert request.get("host") == "x"


def test_chunks_and_trailers_are_kept_as_they_came():
    framing = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nSum: 7\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framing
    with RawBackend(lambda c: c.serve(answer)) as backend, client_of(backend) as client:
        response = client.get()

        assert response.body == b"abcde"
        assert response.framing == framing
        assert response.trailers == [("Sum", "7")]


def test_head_and_interim_responses_have_no_body():
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK_RESPONSE[:-2])
        connection.serve()

    with RawBackend(script) as backend, client_of(backend) as client:
        assert client.exchange(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD").body == b""
        assert client.get().body == b"ok"


def test_body_without_length_ends_with_the_connection():
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    with RawBackend(script) as backend, client_of(backend) as client:
        assert client.get().body == b"all of it"
        assert client.at_end()


def test_early_end_and_reset_are_told():
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        if connection.number == 2:
            connection.reset()

    with RawBackend(script) as backend:
        with client_of(backend) as client, pytest.raises(StreamClosed):
            client.get()
        with client_of(backend) as client, pytest.raises((StreamClosed, ConnectionResetError)):
            client.get()
        assert backend.connections == 2
        backend.wait_for(lambda b: b.open_connections == 0)


def test_broken_script_fails_the_test():
    def script(connection):
        connection.read_request()
        raise KeyError("mistake of the test")

    with pytest.raises(KeyError):
        with RawBackend(script) as backend, client_of(backend) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.at_end()


def test_silence_is_told_from_an_end():
    with RawBackend(lambda c: c.read_request()) as backend, client_of(backend) as client:
        assert client.is_silent(0.1)
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.at_end()


def test_refused_after_stop_listening():
    with RawBackend() as backend:
        with client_of(backend) as client:
            client.get()
            backend.stop_listening()
            assert client.get().body == b"ok"
        with pytest.raises(ConnectionRefusedError):
            client_of(backend)


def test_waiting_gives_up():
    with pytest.raises(AssertionError, match="not within"):
        wait_until(lambda: False, 0.05)
