"""The background process: started by serve, replaced when it is killed, run alone by `reservation work`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from reservation.seed.demo import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.faults.test_serving import Instance, serving, wait_until
from tests.figures import Figures, parsed
from tests.http.test_request_records import fetched
from tests.ports import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
KILLS = 5
SEATS = 40


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("background") / "data"))


class Client:
    """An administrator of the demo, who buys seats one by one."""

    def __init__(self, instance: Instance) -> None:
        self.port, self.token = instance.port, ""
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        self.token = self.call("/auth/login", login)["access_token"]
        [self.showtime] = self.call("/showtimes?limit=1&min_seats_left=50")["items"]
        self.free = [
            seat["id"]
            for seat in self.call(f"/showtimes/{self.showtime['id']}/seats")["seats"]
            if seat["status"] == "available"
        ]

    def call(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET" if body is None else "POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 300, text
        return json.loads(text)

    def buy(self) -> str:
        """Sell the next seat; the reservation's id."""
        held = self.call(f"/showtimes/{self.showtime['id']}/holds", {"seat_ids": [self.free.pop()]})
        self.call(f"/reservations/{held['id']}/confirm", {})
        return str(held["id"])

    def told(self) -> Counter[tuple[str, str]]:
        """How often each event of a reservation is in the feed."""
        found: Counter[tuple[str, str]] = Counter()
        path = "/changes?limit=200"
        while True:
            page = self.call(path)
            for each in page["items"]:
                found[each["data"].get("reservation", {}).get("id"), each["type"]] += 1
            path = f"/changes?limit=200&after={page['next_cursor']}"
            if not page["has_more"]:
                return found


def background_of(instance: Instance) -> int:
    """The process that does not listen on the port."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{each[9]}]" for each in sockets if each[1].endswith(f":{instance.port:04X}")}
    [found] = [pid for pid in instance.workers() if not listening & open_files(pid)]
    return found


def open_files(pid: int) -> set[str]:
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(fd.readlink()))
    return found


def replaced(instance: Instance, pid: int) -> bool:
    return pid not in instance.workers() and len(instance.workers()) == 2


def test_each_event_is_told_once_although_the_process_is_killed_again_and_again(data_dir: Path) -> None:
    with serving(data_dir, "--demo", background=True) as instance:
        client, sold = Client(instance), []
        for number in range(SEATS):
            if number % (SEATS // KILLS) == 0:
                running = background_of(instance)
                os.kill(running, signal.SIGKILL)
                wait_until(partial(replaced, instance, running))
            sold.append(client.buy())
        wanted = Counter((each, f"reservation.{what}") for each in sold for what in ("held", "confirmed"))
        wait_until(lambda: client.told() >= wanted)
        assert {key: count for key, count in client.told().items() if key[0] in sold} == wanted
        assert "the background process was killed by SIGKILL; another one starts" in instance.printed()
        assert parsed(fetched(instance, "/metrics"))["reservation_workers"] == 1
        wait_until(lambda: parsed(fetched(instance, "/metrics"))["reservation_events_total"] > 0)


def test_serve_without_it_leaves_events_to_reservation_work(data_dir: Path) -> None:
    with serving(data_dir, "--demo") as instance:
        client = Client(instance)
        bought = client.buy()
        assert client.told()[bought, "reservation.confirmed"] == 0
        with working(data_dir) as process:
            wait_until(lambda: client.told()[bought, "reservation.confirmed"] == 1)
            process.terminate()
            assert process.wait(30) == 0


@contextmanager
def working(data_dir: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`reservation work` on the stores of a running service, when it is ready."""
    command = [sys.executable, "-m", "reservation", "work", "--data-dir", str(data_dir), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "reservation work is ready\n"
            yield process
        finally:
            process.kill()


def metrics_of(port: int) -> Figures:
    """What is at /metrics of a process on this port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return parsed(answer.read().decode())


def test_reservation_work_serves_its_own_metrics_and_health_on_a_port_that_is_asked_for(data_dir: Path) -> None:
    with serving(data_dir, "--demo") as instance:
        client, port = Client(instance), free_port()
        client.buy()
        with working(data_dir, "--metrics-port", str(port)) as process:
            wait_until(lambda: metrics_of(port)["reservation_events_total"] >= 2)
            delivered = 'reservation_delivery_attempts_total{channel="mail",outcome="delivered"}'
            wait_until(lambda: metrics_of(port)[delivered] >= 1)
            wait_until(lambda: 'reservation_outbox_waiting{queue="outbox"}' in metrics_of(port))
            found = metrics_of(port)
            assert found["reservation_delivery_attempt_seconds_count"] >= 1
            assert 'reservation_outbox_delay_seconds{queue="webhook"}' in found
            assert (status_of(port, "/health"), status_of(port, "/movies")) == (200, 404)
            refused = subprocess.run(
                [sys.executable, "-m", "reservation", "work", "--data-dir", str(data_dir), "--metrics-port", str(port)],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert refused.returncode == 1
            assert "/metrics cannot be served" in refused.stderr.splitlines()[-1]
            process.terminate()
            assert process.wait(30) == 0


def status_of(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_rolling_restart_replaces_it(data_dir: Path) -> None:
    with serving(data_dir, background=True) as instance:
        first = instance.workers()
        instance.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "all workers were replaced" in instance.printed())
        assert instance.workers().isdisjoint(first)
        assert len(instance.workers()) == 2
        assert instance.stop() == 0
