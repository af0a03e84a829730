"""New certificates and reloads under load: nobody notices."""

import asyncio
import shutil
import threading

import websockets
from certificates import make_identity
from flaskscale_process import SCALE
from h2load import h2load
from raw_backend import RawBackend
from secure_front import HOST, SecureFront
from websocket_backend import WebSocketBackend

SWAPS = 100
SOCKETS = 20
BATCH = 2000
PATIENCE = 60 * SCALE
ROUTES = """
[[routes]]
paths = ["/page"]
pool = "pages"
"""


class Load:
    """Runs of h2load, one after the other, until it is told to end: connections that were there
    before a swap and such as come after it."""

    def __init__(self, front):
        self._url = front.secure_url("/page", host="127.0.0.1")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.requests = 0
        self.failure = None

    def _run(self):
        while not self._ends.is_set() and self.failure is None:
            try:
                counted = h2load(self._url, BATCH, "-c", 4, "-m", 10)
                assert counted.requests == [BATCH] * 4 + [0, 0, 0]
                assert counted.codes == [BATCH, 0, 0, 0]
                self.requests += BATCH
            except BaseException as failure:  # pylint: disable=broad-exception-caught
                self.failure = failure  # of this thread: raised by the other

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()


def swap(front, identities):
    """Certificate and key in turn with others, and a reload, again and again."""
    for turn in range(SWAPS):
        fresh = identities[turn % len(identities)]
        for source, target in ((fresh.key, front.identity.key), (fresh.cert, front.identity.cert)):
            shutil.copy(source, f"{target}.new")
            shutil.move(f"{target}.new", target)
        front.reload()


async def talk_all_the_while(front, work):
    """Open WebSockets that say something now and then until `work` is done; their number then."""
    options = {"ssl": front.tls_context(), "ping_interval": None, "open_timeout": PATIENCE}
    url = front.secure_url("/chat", "wss", "127.0.0.1")
    sockets = [await websockets.connect(url, **options) for _ in range(SOCKETS)]
    working = asyncio.get_running_loop().run_in_executor(None, work)
    rounds = 0
    while rounds == 0 or not working.done():
        for socket in sockets:
            await socket.send(f"round {rounds}")
            assert await asyncio.wait_for(socket.recv(), PATIENCE) == f"round {rounds}"
        rounds += 1
    await working
    still_open = sum(socket.open for socket in sockets)
    for socket in sockets:
        await socket.close()
    return still_open


def test_a_hundred_swaps_under_load_cost_no_request_and_no_socket(tmp_path):
    with WebSocketBackend(ping_interval=None) as chat, RawBackend() as pages:
        extra = f'[pools.pages]\nbackends = ["{pages.address}"]\n'
        with SecureFront(chat.address, routes=ROUTES, extra=extra, wait="serving") as front:
            identities = [make_identity(tmp_path, name, [HOST, "localhost", "127.0.0.1"],
                                        issuer=front.ca, subject=f"/CN={HOST}")
                          for name in ("one", "two")]
            before = front.status()["generation"]
            with Load(front) as load:
                still_open = asyncio.run(
                    talk_all_the_while(front, lambda: swap(front, identities)))
            if load.failure:
                raise load.failure

            assert still_open == SOCKETS
            assert front.status()["generation"] >= before + SWAPS
            assert load.requests >= BATCH
