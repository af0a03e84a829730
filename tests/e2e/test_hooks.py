"""Events reach webhooks and commands: in order, again when it has to be, never in the way."""

import http.server
import json
import threading
import time

from curl import run_curl
from demo_server import POOL, DemoServer
from flaskscale_process import SCALE


class Webhook:
    """A real HTTP server that keeps what it is told, as a context manager.

    `answers` are the statuses of the first requests, then it is 200; "hang" answers nothing until
    the end.
    """

    def __init__(self, answers=(), hang=False):
        self.events = []
        self._answers = list(answers)
        self._over = threading.Event()
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                assert self.headers["Content-Type"] == "application/json"
                assert self.headers["Idempotency-Key"] == event["id"]
                status = webhook._answers.pop(0) if webhook._answers else 200
                webhook.events.append((status, event))
                if hang:
                    webhook._over.wait(60 * SCALE)
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook/secret-token"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def delivered(self):
        """Events that were taken."""
        return [event for status, event in list(self.events) if status == 200]


def hooked(url, **settings):
    """A server whose pool has this webhook."""
    return DemoServer(scaling=f'on_event = "{url}"', **settings)


def hook_count(server, result):
    """Events with that outcome, as the metrics count them."""
    return server.metrics()[
        f'flaskscale_hook_events_total{{pool="{POOL}",result="{result}"}}']


def states_of(events, name):
    """The states of one instance, in the order told."""
    return [e["what"] for e in events if e["kind"] == "instance" and e["instance"] == name]


def test_life_of_an_instance_is_told_in_order():
    with Webhook() as webhook:
        with hooked(webhook.url, minimum=1, maximum=1) as server:
            name = server.demo_pool()["scaling"]["instances"][0]["name"]
            server.wait_until(lambda: "ready" in states_of(webhook.delivered(), name), 30,
                              "the instance told as ready")
        events = webhook.delivered()

    states = states_of(events, name)
    assert [s for s in states if s in ("booting", "ready", "deleting", "gone")] == [
        "booting", "ready", "deleting", "gone"], "told to the end of the program"
    decision = next(e for e in events if (e["kind"], e["what"]) == ("decision", "scale_out"))
    assert decision["reason"] and decision["text"]
    assert decision["numbers"]["target"] == 1
    assert {e["version"] for e in events} == {1}
    assert {e["pool"] for e in events} == {POOL}
    assert len({e["id"] for e in events}) == len(events)
    run, numbers = events[0]["id"].rsplit("-", 1)[0], [e["id"].rsplit("-", 1) for e in events]
    assert [int(number) for _, number in numbers] == sorted(int(number) for _, number in numbers)
    assert {r for r, _ in numbers} == {run}


def test_event_that_fails_is_told_again_before_the_next():
    with Webhook([503, 500]) as webhook, hooked(webhook.url, minimum=1, maximum=1) as server:
        server.wait_until(lambda: len(webhook.events) >= 4, 30, "more events than failures")

        ids = [event["id"] for _, event in webhook.events]
        assert ids[0] == ids[1] == ids[2]
        assert len(set(ids[2:])) == len(ids[2:])
        assert hook_count(server, "retried") == 2
        assert hook_count(server, "refused") == 0
        assert "secret-token" not in server.stderr()


def test_refusal_is_logged_and_not_repeated():
    with Webhook([404]) as webhook, hooked(webhook.url, minimum=1, maximum=1) as server:
        server.wait_until(lambda: hook_count(server, "delivered") >= 2, 30, "later events")

        ids = [event["id"] for _, event in webhook.events]
        assert len(set(ids)) == len(ids)
        assert hook_count(server, "refused") == 1
        assert "is refused: answered 404" in server.stderr()


def test_hook_that_hangs_stops_nothing():
    with Webhook(hang=True) as webhook:
        with hooked(webhook.url, minimum=1, maximum=1) as server:
            server.wait_until(lambda: webhook.events, 30, "the webhook asked")
            assert run_curl(server.url("/healthz")).status == 200
            server.reload(server.config(minimum=2, maximum=2))
            server.wait_for_instances(2)
            began = time.monotonic()
            server.stop()
            # The instances' end and at most five seconds for the events.
            assert time.monotonic() - began < 20 * SCALE


def test_command_gets_events_and_may_come_by_reload(tmp_path):
    told = tmp_path / "events"
    script = tmp_path / "notify.sh"
    script.write_text(f'#!/bin/sh\ncat >> "{told}"\necho "told $1" >&2\n')
    script.chmod(0o755)
    with DemoServer(minimum=1, maximum=1) as server:
        hook = f'on_event = [["{script}", "somebody"], ["{script}", "else"]]'
        server.reload(server.config(minimum=2, maximum=2, scaling=hook))
        server.wait_for_instances(2)
        server.wait_until(lambda: told.exists() and told.read_text().count('"ready"') >= 2, 30,
                          "both commands told of an instance that is ready")
        assert "told somebody" in server.stderr()

        server.reload(server.config(minimum=2, maximum=2))
        server.wait_until(lambda: not any("notify.sh" in line for line in _threads(server)), 30,
                          "the commands gone")
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert {e["pool"] for e in events} == {POOL}


def _threads(server):
    """Command lines of what the server has started."""
    lines = []
    for pid in server.descendants():
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                lines.append(file.read())
        except OSError:
            continue
    return lines
