#!/usr/bin/python3
"""A gRPC server of plain bytes (no protobuf): `demo.Echo`, by generic handlers.

As a program: prints its address, serves until SIGTERM (then finishes what runs), and says by
Count what its Hold calls are doing.
"""

import json
import signal
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc

SERVICE = "demo.Echo"


class Echo(grpc.GenericRpcHandler):
    """Every method takes and gives bytes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held = 0
        self._cancelled = 0

    def service(self, handler_call_details):
        name = handler_call_details.method.removeprefix(f"/{SERVICE}/")
        kinds = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
            "Who": (grpc.unary_unary_rpc_method_handler, self.who),
            "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "Counters": (grpc.unary_unary_rpc_method_handler, self.counters),
            "Hang": (grpc.unary_unary_rpc_method_handler, self.hang),
            "Range": (grpc.unary_stream_rpc_method_handler, self.range),
            "FailLate": (grpc.unary_stream_rpc_method_handler, self.fail_late),
            "Hold": (grpc.unary_stream_rpc_method_handler, self.hold),
            "Blobs": (grpc.unary_stream_rpc_method_handler, self.blobs),
            "Measure": (grpc.stream_unary_rpc_method_handler, self.measure),
            "Chat": (grpc.stream_stream_rpc_method_handler, self.chat),
        }
        if name not in kinds:
            return None
        make, method = kinds[name]
        return make(method)

    def unary(self, request, context):
        """The request, with what came as "give-back" metadata as trailers."""
        trailers = [(key, value) for key, value in context.invocation_metadata()
                    if key.startswith("give-back")]
        context.set_trailing_metadata(trailers)
        return request

    def who(self, _request, context):
        """Metadata as JSON."""
        return json.dumps([(key, value if isinstance(value, str) else value.hex())
                           for key, value in context.invocation_metadata()]).encode()

    def fail(self, request, context):
        """Ends with the status of that number."""
        context.set_trailing_metadata([("why", "asked")])
        code = next(code for code in grpc.StatusCode if code.value[0] == int(request))
        context.abort(code, "as you wish: 100 %")

    def counters(self, _request, _context):
        """Hold calls that run, and those that were cancelled."""
        with self._lock:
            return json.dumps({"held": self._held, "cancelled": self._cancelled}).encode()

    def _wait_cancelled(self, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        with self._lock:
            self._held += 1
        ended.wait(120)
        with self._lock:
            self._held -= 1
            self._cancelled += 1

    def hang(self, _request, context):
        """Never answers."""
        self._wait_cancelled(context)
        return b""

    def hold(self, _request, context):
        """Begins to answer, and then is silent."""
        yield b"begun"
        self._wait_cancelled(context)

    def range(self, request, _context):
        """So many messages."""
        for number in range(int(request)):
            yield str(number).encode()

    def fail_late(self, request, context):
        """Some messages, then RESOURCE_EXHAUSTED."""
        for number in range(int(request)):
            yield str(number).encode()
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more")

    def blobs(self, request, _context):
        """COUNT messages of SIZE bytes."""
        count, size = map(int, request.split())
        for number in range(count):
            yield bytes([number % 251]) * size

    def measure(self, requests, _context):
        """How many messages came, and their bytes."""
        sizes = [len(request) for request in requests]
        return json.dumps([len(sizes), sum(sizes)]).encode()

    def chat(self, requests, _context):
        """Each message back at once."""
        for request in requests:
            yield b"you said " + request


class GrpcBackend:
    """The server as a process of its own, as a context manager."""

    def __init__(self, port=0):
        self._port = port
        self.process = None
        self.address = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(self._port)],
            stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the gRPC server did not start"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def kill(self):
        """All its connections are cut."""
        self.process.kill()
        self.process.wait()

    def finish(self):
        """Asks it to end gracefully; goes on at once."""
        self.process.send_signal(signal.SIGTERM)

    def has_ended(self):
        """After finish()."""
        return self.process.poll() is not None


def main():
    """Serves until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # for each thread that follows
    server = grpc.server(futures.ThreadPoolExecutor(64),
                         options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1),
                                  ("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 0}")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM})
    server.stop(20).wait()


if __name__ == "__main__":
    main()
