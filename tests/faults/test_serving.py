"""`python -m reservation serve` as an operator sees it: processes, signals, exit codes, messages."""

import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from reservation.holds.worker_marks import DATABASE_KEY, MARKS_KEY
from tests.conftest import UNLIMITED
from tests.faults.test_restored_redis import valkey
from tests.ports import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
START_WAIT_S = 120  # with the demo, on a machine that does a lot else


class Instance:
    """A running `reservation serve` whose output goes to a file beside its data; `stderr` may go elsewhere.

    Its current folder, where it reads .env, is the one of that file.
    """

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        port: int | None = None,
        stderr: int | None = None,
        background: bool = False,
        **environment: str,
    ) -> None:
        self.data_dir, self.port = data_dir, port or free_port()
        self.output = data_dir.with_name(f"{data_dir.name}-{self.port}.log")
        command = [sys.executable, "-m", "reservation", "serve", "--port", str(self.port)]
        if not background:
            command.append("--no-worker")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(data_dir), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT if stderr is None else stderr,
                env={"PATH": os.defpath, "SHUTDOWN_SECONDS": "3", "STOP_DELAY_SECONDS": "0", **environment},
                cwd=data_dir.parent,
                start_new_session=True,
            )

    def ready(self) -> bool:
        deadline = time.monotonic() + START_WAIT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if "is ready on" in self.printed():
                return True
            time.sleep(0.05)
        return False

    def printed(self) -> str:
        return self.output.read_text()

    def status(self, path: str = "/health") -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=START_WAIT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def children(self) -> list[int]:
        return children_of(self.process.pid)

    def workers(self) -> set[int]:
        return {child for child in self.children() if program(child) == program(self.process.pid)}

    def wait_until(self, condition: Callable[["Instance"], object]) -> None:
        wait_until(lambda: condition(self))

    def stop(self, *signals: signal.Signals) -> int:
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
            time.sleep(0.05)
        return self.process.wait(20)


@contextmanager
def serving(
    data_dir: Path,
    *arguments: str,
    port: int | None = None,
    stderr: int | None = None,
    background: bool = False,
    **environment: str,
) -> Iterator[Instance]:
    environment = {**UNLIMITED, **environment}
    instance = Instance(data_dir, *arguments, port=port, stderr=stderr, background=background, **environment)
    try:
        assert instance.ready(), instance.printed()
        yield instance
    finally:
        instance.process.kill()
        instance.process.wait()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers_200(instance: Instance, path: str = "/health") -> bool:
    """Whether a new connection is served; not if its worker ends or refuses it meanwhile."""
    try:
        return instance.status(path) == 200
    except (OSError, http.client.HTTPException):
        return False


def children_of(pid: int) -> list[int]:
    """Its processes and theirs; those of a process that has just ended are none."""
    try:
        found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return found + [grandchild for child in found for grandchild in children_of(child)]


def program(pid: int) -> str:
    """The name of its program; nothing for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def survivors(pids: list[int]) -> list[int]:
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this whole module: its tests run one after the other."""
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("serving") / "data"))


def test_workers_share_a_port_and_one_that_ends_is_replaced(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2") as instance:
        assert instance.status() == 200
        assert instance.status("/ready") == 200
        first = instance.workers()
        assert len(first) == 2
        os.kill(min(first), signal.SIGKILL)
        assert [instance.status() for _ in range(10)] == [200] * 10
        wait_until(lambda: len(instance.workers() - first) == 1)
        assert "was killed by SIGKILL; another one starts" in instance.printed()


def test_a_reader_of_standard_error_that_stalls_stops_nothing(data_dir: Path) -> None:
    """With a full pipe, requests are answered, a worker that ends is replaced, and a stop ends all."""
    read_end, write_end = os.pipe()
    filled = os.write(write_end, b"\n" * fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096))
    with open(read_end, "rb") as reader, serving(data_dir, "--workers", "2", stderr=write_end) as instance:
        os.close(write_end)
        assert [instance.status("/" + "x" * 4000) for _ in range(60)] == [404] * 60
        first = instance.workers()
        os.kill(min(first), signal.SIGKILL)
        wait_until(lambda: len(instance.workers() - first) == 1)
        assert [instance.status() for _ in range(10)] == [200] * 10
        assert reader.read(filled) == b"\n" * filled
        assert reader.readline().startswith(b'{"event":"request"')  # it goes on once the reader does
        assert instance.stop() == 0


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT, signal.SIGTERM)])
def test_a_stop_signal_ends_all_in_order_however_often_it_comes(
    data_dir: Path, signals: tuple[signal.Signals, ...]
) -> None:
    with serving(data_dir) as instance:
        children = instance.children()
        assert instance.stop(*signals) == 0
        assert survivors(children) == []
        assert "Traceback" not in instance.printed()
    assert "shut down" in (data_dir / "postgres.log").read_text().splitlines()[-1]


def test_an_open_stream_does_not_hold_up_a_stop(data_dir: Path) -> None:
    with serving(data_dir, "--demo", SHUTDOWN_SECONDS="60") as instance:
        shows = f"http://127.0.0.1:{instance.port}/showtimes?limit=1"
        with urllib.request.urlopen(shows, timeout=START_WAIT_S) as answer:
            showtime_id = json.load(answer)["items"][0]["id"]
        feed = f"http://127.0.0.1:{instance.port}/showtimes/{showtime_id}/events"
        with urllib.request.urlopen(feed, timeout=20) as stream:
            while not stream.readline().startswith(b"event: snapshot"):
                pass
            assert instance.stop() == 0  # within 20 seconds
            assert b"event: reconnect\n" in stream.read()
        assert "Traceback" not in instance.printed()


def test_a_client_that_does_not_read_does_not_hold_up_a_stop(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """The worker ends in order: it removes its mark from Redis, which a worker that is killed does not."""
    urls: dict[str, Any] = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": "0123456789abcdef" * 2}
    with (
        Redis.from_url(redis_url) as client,
        serving(tmp_path / "unused", **urls, SHUTDOWN_SECONDS="8") as instance,
        socket.create_connection(("127.0.0.1", instance.port)) as silent,
    ):
        silent.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n" * 32)
        wait_until(lambda: answers_200(instance) and client.hlen(MARKS_KEY) == 1)
        assert instance.stop() == 0
        assert client.hlen(MARKS_KEY) == 0
        assert "unread_answers_aborted" in instance.printed()


def test_a_worker_that_ends_during_the_delay_of_a_stop_costs_no_connection_and_no_cpu_time(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2", STOP_DELAY_SECONDS="20") as instance:
        supervisor, sockets = instance.process.pid, _sockets(instance.process.pid)
        instance.process.send_signal(signal.SIGTERM)
        wait_until(lambda: instance.status("/ready") == 503)
        os.kill(min(instance.workers()), signal.SIGKILL)
        wait_until(lambda: _sockets(supervisor) < sockets)  # that of the worker, so no connection waits on it
        before_s, until = _cpu_s(supervisor), time.monotonic() + 2
        while time.monotonic() < until:
            assert instance.status() == 200
        assert _cpu_s(supervisor) - before_s < 0.5
        assert instance.stop() == 0  # the second signal ends the delay


def _sockets(pid: int) -> int:
    return sum(os.readlink(each).startswith("socket:") for each in Path(f"/proc/{pid}/fd").iterdir())


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_killed_supervisor_leaves_nothing_and_the_next_one_starts_at_once(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2") as instance:
        children = instance.children()
        instance.process.kill()
        instance.process.wait()
        with serving(data_dir, port=instance.port) as successor:
            assert successor.status("/ready") == 200
        assert survivors(children) == []


def test_a_second_instance_on_the_port_or_the_folder_is_refused(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir) as instance:
        on_port = Instance(tmp_path / "other", port=instance.port)
        assert on_port.process.wait(START_WAIT_S) != 0
        assert f"port {instance.port} on 127.0.0.1 is taken by another program" in on_port.printed()
        in_folder = Instance(data_dir)
        assert in_folder.process.wait(START_WAIT_S) != 0
        assert f"{data_dir} is in use" in in_folder.printed()
        assert "Traceback" not in on_port.printed() + in_folder.printed()


@pytest.mark.parametrize("server", ["postgres", "valkey-server"])
def test_an_embedded_server_that_ends_stops_the_service_with_a_message(data_dir: Path, server: str) -> None:
    with serving(data_dir) as instance:
        children = instance.children()
        os.kill(next(child for child in children if program(child) == server), signal.SIGKILL)
        assert instance.process.wait(20) != 0
        assert "ended: see its log" in instance.printed()
        assert survivors(children) == []


def test_a_store_out_of_reach_fails_the_start_in_a_line(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir):
        servers = json.loads((data_dir / "servers.json").read_text())
        urls = {
            "DATABASE_URL": servers["database_url"],
            "REDIS_URL": servers["redis_url"],
            "JWT_SECRET": "0123456789abcdef" * 2,
        }
        refusing = urls | {"REDIS_URL": "redis://:s3cret@" + servers["redis_url"].split("@")[1]}
        no_login = Instance(tmp_path / "unused", **refusing)
        assert no_login.process.wait(START_WAIT_S) != 0
        assert "Redis cannot be reached" in no_login.printed()
        assert "s3cret" not in no_login.printed()
        wrong = urls | {"DATABASE_URL": "postgresql://reservation:s3cret@" + servers["database_url"].split("@")[1]}
        refused = Instance(tmp_path / "unused", **wrong)
        assert refused.process.wait(START_WAIT_S) != 0
        assert "password authentication failed" in refused.printed()
        assert "s3cret" not in refused.printed()
        assert "Traceback" not in no_login.printed() + refused.printed()


def test_a_service_starts_while_redis_hangs_and_serves_what_needs_none(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir, "--demo"), valkey(tmp_path) as redis_url:
        with Redis.from_url(redis_url) as client:
            redis_pid = client.info("server")["process_id"]
        os.kill(redis_pid, signal.SIGSTOP)
        servers = json.loads((data_dir / "servers.json").read_text())
        urls = {"DATABASE_URL": servers["database_url"], "REDIS_URL": redis_url, "JWT_SECRET": "0123456789abcdef" * 2}
        with serving(tmp_path / "unused", **urls) as instance:
            assert "started_without_redis" in instance.printed()
            assert instance.status("/ready") == 503
            shows = f"http://127.0.0.1:{instance.port}/showtimes?limit=1"
            with urllib.request.urlopen(shows, timeout=START_WAIT_S) as answer:
                showtime_id = json.load(answer)["items"][0]["id"]
            assert instance.status(f"/showtimes/{showtime_id}/seats") == 503
            os.kill(min(instance.workers()), signal.SIGKILL)  # nor does its successor need Redis
            wait_until(lambda: instance.printed().count("started_without_redis") == 2)
            os.kill(redis_pid, signal.SIGCONT)
            wait_until(lambda: instance.status("/ready") == 200)
            assert instance.status(f"/showtimes/{showtime_id}/seats") == 200
            assert instance.stop() == 0
        assert "Traceback" not in instance.printed()


def test_a_service_starts_where_nothing_listens_for_redis(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir):
        servers = json.loads((data_dir / "servers.json").read_text())
        urls = {
            "DATABASE_URL": servers["database_url"],
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "JWT_SECRET": "0123456789abcdef" * 2,
        }
        with serving(tmp_path / "unused", **urls) as instance:
            assert "Redis cannot be reached" in instance.printed()
            assert (instance.status("/ready"), instance.status("/movies")) == (503, 200)


def test_a_redis_that_refuses_a_key_fails_the_start_in_a_line(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with Redis.from_url(redis_url) as client:
        client.set(DATABASE_KEY, "not a hash")
    refused = Instance(
        tmp_path / "unused", DATABASE_URL=database_url, REDIS_URL=redis_url, JWT_SECRET="0123456789abcdef" * 2
    )
    assert refused.process.wait(START_WAIT_S) == 1
    assert "reservation: the new worker is not ready: The store of holds" in refused.printed()
    assert "WRONGTYPE" in refused.printed()
    assert "Traceback" not in refused.printed()


def test_serve_without_migrating_names_the_pending_migrations(made_once: Path, tmp_path: Path) -> None:
    instance = Instance(Path(shutil.copytree(made_once, tmp_path / "data")), "--no-migrate")
    assert instance.process.wait(START_WAIT_S) != 0
    assert "pending migrations: 0001_" in instance.printed()


def test_the_supervisor_does_not_import_prometheus_client() -> None:
    code = "import reservation.commands.serve, sys; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stop_is_announced_by_ready_before_anything_is_refused(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2", STOP_DELAY_SECONDS="600") as instance:
        instance.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not answers_200(instance, "/ready"))
        wait_until(lambda: [instance.status("/ready") for _ in range(8)] == [503] * 8)  # of both workers
        answer, problem = asked(instance, "/ready")
        assert (answer.status, json.loads(problem)["code"]) == (503, "stopping")
        for _ in range(8):
            answer, _ = asked(instance, "/movies")
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert instance.process.poll() is None
        assert instance.stop() == 0  # a second signal ends the delay
        assert "Traceback" not in instance.printed()


def test_a_stop_ends_after_its_delay(data_dir: Path) -> None:
    with serving(data_dir, STOP_DELAY_SECONDS="1") as instance:
        assert instance.stop() == 0


def asked(instance: Instance, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    """An answer over a new connection, which the client would keep."""
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=START_WAIT_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body
