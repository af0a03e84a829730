"""A small quick backend as a program of its own: answers every request head with the same bytes.

    plain_backend.py HOST

Prints its address and serves until its standard input ends. Without threads, so that it answers as
fast as Python can; for requests without a body.
"""

import os
import selectors
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world"


def serve(listener, selector):
    """One turn over what is ready; False when the parent has gone."""
    for key, _ in selector.select():
        if key.data == "input":
            if not os.read(0, 1):
                return False
        elif key.data == "listener":
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, bytearray())
        else:
            answer(key.fileobj, key.data, selector)
    return True


def answer(connection, unfinished, selector):
    """Answers the heads that have come in full."""
    try:
        received = connection.recv(65536)
        if received:
            unfinished += received
            heads = unfinished.count(b"\r\n\r\n")
            if heads:
                del unfinished[: unfinished.rindex(b"\r\n\r\n") + 4]
                connection.sendall(ANSWER * heads)
            return
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()


def main():
    """Listens, says where, serves."""
    with socket.create_server((sys.argv[1], 0), backlog=1024) as listener:
        print("{}:{}".format(*listener.getsockname()), flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ, "listener")
            selector.register(sys.stdin, selectors.EVENT_READ, "input")
            while serve(listener, selector):
                pass


if __name__ == "__main__":
    main()
