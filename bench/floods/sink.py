#!/usr/bin/python3
"""Takes what a flooder sends and drops it: the same flood without a proxy that works on it. After
64 KiB it cuts the connection off, as the proxy would; a TLS handshake it answers with one octet.

    sink.py       prints its port"""
import contextlib
import select
import socket

TAKEN = 64 * 1024
HANDSHAKE = 0x16


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    scratch = bytearray(1 << 16)
    connections = {}
    while True:
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                with contextlib.suppress(BlockingIOError):
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    connections[connection.fileno()] = [connection, 0]
                    epoll.register(connection, select.EPOLLIN)
                continue
            entry = connections[descriptor]
            try:
                count = entry[0].recv_into(scratch)
                if scratch[0] == HANDSHAKE and count:
                    entry[0].send(b"\0")
            except OSError:
                count = 0
            entry[1] += count
            if count == 0 or entry[1] > TAKEN:
                epoll.unregister(descriptor)
                entry[0].close()
                del connections[descriptor]


if __name__ == "__main__":
    main()
