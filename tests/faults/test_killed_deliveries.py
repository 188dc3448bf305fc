"""Webhooks while the background process is killed again and again: at least once, by one id, and in order."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
from standardwebhooks import Webhook

from tests.faults.test_background_process import Client, background_of
from tests.faults.test_serving import Instance, serving, wait_until
from tests.ports import free_port
from tests.webhooks.receiver import LOOPBACK

KILLS = 5
EVERY = 12  # deliveries between two kills
RESERVATIONS = 25
TOLD = ("reservation.held", "reservation.confirmed", "reservation.cancelled")
QUIET_LOOKS = 20
# A claim lasts two minutes; the test does not wait for that.
END_CLAIMS = "update deliveries set next_attempt_at = now() where channel = 'webhook' and status = 'pending'"


@dataclass(slots=True)
class Receiver:
    """Notes each delivery, kills the process that has sent some of them before it answers, and accepts all."""

    instance: Instance
    port: int = 0
    received: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)  # id, body, headers
    killed: set[int] = field(default_factory=set)
    seen: int = 0  # deliveries at the last look, and for how many looks there were no more
    quiet_looks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: str, headers: Mapping[str, str]) -> None:
        """Note a delivery; at some of them kill the background process."""
        with self.lock:
            self.received.append((headers["webhook-id"], body, headers))
            is_due = len(self.received) >= (len(self.killed) + 1) * EVERY and len(self.killed) < KILLS
            with suppress(ValueError, ProcessLookupError):  # it was killed, and the next one has not started
                if is_due and (running := background_of(self.instance)) not in self.killed:
                    os.kill(running, signal.SIGKILL)
                    self.killed.add(running)

    def events(self) -> list[tuple[str, str, str]]:
        """Id, reservation and type of all deliveries, in the order in which they came."""
        with self.lock:
            bodies = [(message_id, json.loads(body)) for message_id, body, _ in self.received]
        return [(message_id, body["data"]["reservation"]["id"], body["type"]) for message_id, body in bodies]


@contextmanager
def receiving(instance: Instance) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(instance)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.take(body, {name.lower(): value for name, value in self.headers.items()})
            with suppress(OSError):  # the process that has sent it was killed
                self.send_response(204)
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Handler) as server:
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()


def all_have_arrived(receiver: Receiver, wanted: set[tuple[str, str]]) -> bool:
    """Whether they have; the claims end when nothing has come for a while: they are those of killed processes."""
    count = len(receiver.received)
    receiver.quiet_looks = receiver.quiet_looks + 1 if count == receiver.seen else 0
    receiver.seen = count
    if receiver.quiet_looks >= QUIET_LOOKS:
        receiver.quiet_looks = 0
        end_claims(receiver.instance)
    return {(each, told) for _, each, told in receiver.events()} >= wanted


def end_claims(instance: Instance) -> None:
    stores = json.loads((instance.data_dir / "servers.json").read_text())
    with psycopg.connect(stores["database_url"], autocommit=True) as connection:
        connection.execute(END_CLAIMS)


def test_each_event_is_delivered_by_one_id_and_in_order_although_the_process_is_killed(
    made_once: Path, tmp_path: Path
) -> None:
    data_dir = Path(shutil.copytree(made_once, tmp_path / "data"))
    with (
        serving(data_dir, "--demo", background=True, WEBHOOK_ALLOWED_NETWORKS=LOOPBACK) as instance,
        receiving(instance) as receiver,
    ):
        client = Client(instance)
        hook = client.call("/admin/webhooks", {"url": f"http://127.0.0.1:{receiver.port}/", "events": TOLD})
        sold = []
        for _ in range(RESERVATIONS):
            sold.append(client.buy())
            client.call(f"/reservations/{sold[-1]}/cancel", {})
        wanted = {(each, told) for each in sold for told in TOLD}

        wait_until(partial(all_have_arrived, receiver, wanted))
        events = receiver.events()
        assert len(receiver.killed) == KILLS
        ids = {(each, told): message_id for message_id, each, told in events}
        assert [message_id for message_id, each, told in events if ids[each, told] != message_id] == []
        assert len(set(ids.values())) == len(ids)
        assert len(events) > len(ids)  # what the killed processes had sent was not noted
        for reservation_id in sold:
            places = [TOLD.index(told) for _, each, told in events if each == reservation_id]
            assert places == sorted(places)
        for _, body, headers in receiver.received:
            Webhook(hook["secret"]).verify(body, dict(headers))
