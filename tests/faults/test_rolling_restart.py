"""SIGHUP replaces the workers one after the other, with the settings and statements as they are now."""

import asyncio
import itertools
import json
import os
import pty
import resource
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from reservation.db.statements import sql_dir
from reservation.seed.demo import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.faults.test_serving import Instance, serving, survivors, wait_until
from tests.figures import parsed
from tests.http.test_request_records import fetched, requests_of
from tests.ports import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
PRICE = "($6::text[])[place]::numeric,"
DEARER = "($6::text[])[place]::numeric + 1.00,"
CUSTOMERS = 6
REPLACED = "all workers were replaced; statements from SQL_DIR: "
UNCHANGED = "the workers stay as they were: "


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("rolling") / "data"))


@pytest.fixture
def dotenv(data_dir: Path) -> Iterator[Path]:
    """The .env of the service's current folder."""
    path = data_dir.parent / ".env"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """An empty SQL_DIR."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.fixture
def instance(data_dir: Path, sql: Path) -> Iterator[Instance]:
    with serving(data_dir, "--workers", "2", "--demo", SQL_DIR=str(sql)) as running:
        yield running


def put(folder: Path, name: str, change: Callable[[str], str] = lambda text: text) -> Path:
    """Write the shipped statement with a change into SQL_DIR."""
    path = folder / f"{name}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(change((sql_dir() / f"{name}.sql").read_text()))
    return path


def replacing(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def hang_up(instance: Instance) -> str:
    """Send SIGHUP; the line of output with the outcome."""
    before = len(instance.printed())

    def outcome() -> list[str]:
        lines = instance.printed()[before:].splitlines(keepends=True)
        return [line for line in lines if line.endswith("\n") and (REPLACED in line or "stay as they were: " in line)]

    instance.process.send_signal(signal.SIGHUP)
    wait_until(outcome)
    return outcome()[0].strip()


@dataclass(slots=True)
class Crowd:
    """Customers who hold, confirm and cancel: some on persistent connections, some on a new one each time."""

    clients: tuple[aiohttp.ClientSession, aiohttp.ClientSession]
    showtime_id: int
    seats: list[dict[str, Any]]
    answers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def bad(self) -> list[tuple[str, int]]:
        return [answer for answer in self.answers if answer[1] not in (200, 201)]

    async def call(self, client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
        async with client.request(method, path, json=body) as answer:
            self.answers.append((f"{method} {path}", answer.status))
            return await answer.json()

    async def book(self, number: int) -> Decimal:
        """Hold, confirm and cancel a seat; give what was written above the price on the map."""
        client, seat = self.clients[number % 2], self.seats[number]
        held = await self.call(client, "POST", f"/showtimes/{self.showtime_id}/holds", {"seat_ids": [seat["id"]]})
        confirmed = await self.call(client, "POST", f"/reservations/{held['id']}/confirm")
        await self.call(client, "POST", f"/reservations/{held['id']}/cancel")
        return Decimal(confirmed["total_price"]) - Decimal(seat["price"])

    async def surcharges(self) -> set[Decimal]:
        """What new holds are written with above their price, asked so often that each worker has answered."""
        return {await self.book(CUSTOMERS + number % 2) for number in range(16)}

    async def more(self) -> None:
        """Wait for another hundred answers."""
        goal = len(self.answers) + 100
        while len(self.answers) < goal:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def crowd(instance: Instance) -> AsyncIterator[Crowd]:
    """Customers who book until the block ends; a request that fails is an error of the block."""
    base = f"http://127.0.0.1:{instance.port}"
    login = {"email": CUSTOMER_EMAIL, "password": CUSTOMER_PASSWORD}
    async with (
        aiohttp.ClientSession(base) as keeping,
        aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(force_close=True)) as closing,
    ):
        async with closing.post("/auth/login", json=login) as answer:
            keeping.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
            closing.headers["Authorization"] = keeping.headers["Authorization"]
        tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
        async with closing.get("/showtimes", params={"date": tomorrow, "limit": 1}) as answer:
            showtime_id = (await answer.json())["items"][0]["id"]
        async with closing.get(f"/showtimes/{showtime_id}/seats") as answer:
            seats = [seat for seat in (await answer.json())["seats"] if seat["status"] == "available"]
        found = Crowd((keeping, closing), showtime_id, seats)
        ended = asyncio.Event()
        customers = [asyncio.create_task(keep_booking(found, number, ended)) for number in range(CUSTOMERS)]
        try:
            yield found
        finally:
            ended.set()
            await asyncio.gather(*customers)


async def keep_booking(found: Crowd, number: int, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await found.book(number)


async def calls_with(data_dir: Path, remark: str) -> int:
    """How often PostgreSQL has run a statement with that remark in it; the EXPLAIN of the comparison not counted."""
    servers = json.loads((data_dir / "servers.json").read_text())
    connection = await asyncpg.connect(servers["database_url"])
    counted = (
        "select coalesce(sum(calls), 0) from pg_stat_statements"
        " where query like '%' || $1 || '%' and query not ilike 'explain%'"
    )
    try:
        await connection.execute("create extension if not exists pg_stat_statements")
        return int(await connection.fetchval(counted, remark))
    finally:
        await connection.close()


@pytest.mark.parametrize("workers", [1, pytest.param(3, marks=pytest.mark.long)])
async def test_statements_change_and_change_back_under_load_without_a_failed_request(
    data_dir: Path, sql: Path, workers: int
) -> None:
    with serving(data_dir, "--workers", str(workers), "--demo", SQL_DIR=str(sql)) as instance:
        first = instance.workers()
        async with crowd(instance) as customers:
            await customers.more()
            assert await customers.surcharges() == {Decimal(0)}

            own = put(sql, HOLD, replacing(PRICE, f"{DEARER} /* a remark of ours */"))
            assert await asyncio.to_thread(hang_up, instance) == f"{REPLACED}{HOLD}"
            assert len(instance.workers()) == workers
            assert instance.workers().isdisjoint(first)
            assert await customers.surcharges() == {Decimal(1)}
            assert await calls_with(data_dir, "a remark of ours") > 0

            own.unlink()
            assert await asyncio.to_thread(hang_up, instance) == f"{REPLACED}none"
            assert await customers.surcharges() == {Decimal(0)}
            await customers.more()
        assert customers.bad == []
        assert "Traceback" not in instance.printed()


HOLD = "reservations/insert_held"
SELECT, SOURCE = "select\n        id,\n        layout_version", "from showtimes\n"


def line_of(text: str) -> int:
    """On which line of the shipped statement this begins."""
    before, found, _ = (sql_dir() / f"{HOLD}.sql").read_text().partition(text)
    assert found
    return before.count("\n") + 1


BAD = [
    (
        HOLD,
        replacing(SELECT, "selct\n        id,\n        layout_version"),
        f'line {line_of(SELECT)}: syntax error at or near "selct"',
    ),
    (HOLD, replacing(SOURCE, "from showtmes\n"), f'line {line_of(SOURCE)}: relation "showtmes" does not exist'),
    ("movies/lock_movie", replacing("$1", "$1::integer"), "its parameters are (int4), not (int8)"),
    ("movies/find_movie", replacing("    genre,\n", ""), "its columns are ("),
    ("movies/find_movie", replacing("/* movies/find_movie\n", "/* about films\n"), "must begin with the line"),
    ("movies/find_movie", replacing("select /* movies/find_movie */", "select"), "follow the statement's first word"),
]


async def test_restarts_of_two_workers_under_load_fail_no_request(data_dir: Path) -> None:
    """On persistent connections and on new ones; each SIGHUP replaces both workers."""
    with serving(data_dir, "--workers", "2", "--demo") as instance:
        async with crowd(instance) as customers:
            for _ in range(3):
                first = instance.workers()
                await customers.more()
                assert await asyncio.to_thread(hang_up, instance) == f"{REPLACED}none"
                assert instance.workers().isdisjoint(first)
                await customers.more()
        assert customers.bad == []
        assert len(customers.answers) >= 600
        assert "Traceback" not in instance.printed()


async def test_a_stop_under_load_fails_no_request_of_a_client_that_heeds_ready(data_dir: Path) -> None:
    """As a balancer, which sends to another instance as soon as /ready is 503."""
    with serving(data_dir, "--workers", "2", "--demo", STOP_DELAY_SECONDS="600") as instance:
        async with crowd(instance) as customers:
            await customers.more()
            instance.process.send_signal(signal.SIGTERM)
            while await asyncio.to_thread(instance.status, "/ready") == 200:
                await asyncio.sleep(0)
            await customers.more()  # what it still gets is served, too
        assert customers.bad == []
        assert await asyncio.to_thread(instance.stop) == 0
        assert "Traceback" not in instance.printed()


async def test_a_bad_statement_leaves_the_old_workers_serving(data_dir: Path, sql: Path, instance: Instance) -> None:
    first = instance.workers()
    async with crowd(instance) as customers:
        for name, change, reason in BAD:
            put(sql, HOLD, replacing(PRICE, DEARER))
            bad = put(sql, name, change)
            outcome = await asyncio.to_thread(hang_up, instance)
            assert outcome.startswith(UNCHANGED)
            assert f"{name}.sql" in outcome
            assert reason in outcome
            assert await customers.surcharges() == {Decimal(0)}
            bad.unlink()
    assert customers.bad == []
    assert instance.workers() == first
    assert "Traceback" not in instance.printed()


def test_a_file_that_is_no_statement_is_named(data_dir: Path, sql: Path, instance: Instance) -> None:
    put(sql, "movies/find_movie").rename(sql / "movies" / "find_movies.sql")
    assert f"{sql}/movies/find_movies.sql is no statement of this version" in hang_up(instance)
    (sql / "movies" / "find_movies.sql").unlink()
    (sql / "movies" / ".find_movie.sql.swp").write_text("an editor's")
    assert hang_up(instance) == f"{REPLACED}none"


async def test_a_changed_setting_is_in_force_afterwards(data_dir: Path, dotenv: Path) -> None:
    with serving(data_dir, "--demo") as instance:
        async with crowd(instance) as customers:
            await asyncio.to_thread(dotenv.write_text, "HOLD_TTL_SECONDS=7000\n")
            assert await asyncio.to_thread(hang_up, instance) == f"{REPLACED}none"
            seat_ids = [customers.seats[CUSTOMERS]["id"]]
            path = f"/showtimes/{customers.showtime_id}/holds"
            held = await customers.call(customers.clients[1], "POST", path, {"seat_ids": seat_ids})
            life = datetime.fromisoformat(held["expires_at"]) - datetime.fromisoformat(held["created_at"])
            assert life.total_seconds() == pytest.approx(7000, abs=1)
        assert customers.bad == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("HOLD_TTL_SECONDS=soon", "HOLD_TTL_SECONDS must be a whole number, not 'soon'"),
        ("SQL_DIR=nowhere", "SQL_DIR cannot be read"),
        ("DATABASE_ROLE=reservation_nix", 'DATABASE_ROLE: role "reservation_nix" does not exist'),
        ("VALKEY_SERVER=/bin/true", "a change of VALKEY_SERVER takes a restart of the service"),
        (
            "DATABASE_URL=postgresql://h/d\nREDIS_URL=redis://h\nJWT_SECRET=" + "0123456789abcdef" * 2,
            "a change of DATABASE_URL, REDIS_URL takes a restart of the service",
        ),
    ],
)
def test_a_bad_setting_leaves_the_old_workers_serving(data_dir: Path, dotenv: Path, line: str, reason: str) -> None:
    with serving(data_dir) as instance:
        first = instance.workers()
        dotenv.write_text(f"{line}\n")
        outcome = hang_up(instance)
        assert outcome.startswith(UNCHANGED)
        assert reason in outcome
        assert instance.workers() == first
        assert instance.status("/ready") == 200


def test_a_removed_working_directory_leaves_the_old_workers_serving(made_once: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    data_dir = Path(shutil.copytree(made_once, folder / "data"))
    with serving(data_dir) as instance:
        first = instance.workers()
        instance.output = instance.output.rename(tmp_path / "output.log")
        data_dir.rename(tmp_path / "data")
        folder.rmdir()
        outcome = hang_up(instance)
        assert outcome.startswith(UNCHANGED)
        assert "No such file or directory" in outcome
        assert instance.workers() == first
        assert instance.status("/ready") == 200


def test_an_upgrade_on_disk_takes_a_restart_of_the_service(data_dir: Path, tmp_path: Path) -> None:
    installed = tmp_path / "reservation-1.0.dist-info" / "METADATA"
    installed.parent.mkdir()
    installed.write_text("Metadata-Version: 2.1\nName: reservation\nVersion: 1.0\n")
    with serving(data_dir, PYTHONPATH=str(tmp_path)) as instance:
        first = instance.workers()
        installed.write_text(installed.read_text().replace("1.0", "1.1"))
        assert hang_up(instance) == f"{UNCHANGED}reservation 1.0 was upgraded on disk to 1.1: restart it"
        assert instance.workers() == first


def test_workers_that_cannot_be_forked_are_tried_again(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2") as instance:
        first = instance.workers()
        limits = resource.prlimit(instance.process.pid, resource.RLIMIT_NOFILE)
        used = {int(path.name) for path in Path(f"/proc/{instance.process.pid}/fd").iterdir()}
        lowest = next(number for number in itertools.count() if number not in used)
        resource.prlimit(instance.process.pid, resource.RLIMIT_NOFILE, (lowest, limits[1]))  # no pipe, so no fork
        assert "Too many open files" in hang_up(instance)
        assert instance.workers() == first
        os.kill(min(first), signal.SIGKILL)
        wait_until(lambda: instance.printed().count("cannot be forked: [Errno 24] Too many open files") > 1)
        resource.prlimit(instance.process.pid, resource.RLIMIT_NOFILE, limits)
        wait_until(lambda: len(instance.workers()) == 2)
        wait_until(lambda: [instance.status("/ready") for _ in range(8)] == [200] * 8)


def test_a_live_stream_gets_a_reconnect_event_when_its_worker_is_replaced(data_dir: Path) -> None:
    with serving(data_dir, "--demo") as instance:
        showtime_id = json.loads(fetched(instance, "/showtimes?limit=1"))["items"][0]["id"]
        feed = f"http://127.0.0.1:{instance.port}/showtimes/{showtime_id}/events"
        with urllib.request.urlopen(feed, timeout=20) as stream:
            while not stream.readline().startswith(b"event: snapshot"):
                pass
            assert hang_up(instance) == f"{REPLACED}none"
            assert b"event: reconnect\n" in stream.read()


def test_counts_of_replaced_workers_stay_in_the_metrics_and_their_files_do_not(
    data_dir: Path, instance: Instance
) -> None:
    many = 20
    for _ in range(many):
        fetched(instance, "/movies")
    for _ in range(3):
        assert hang_up(instance).startswith(REPLACED)
    assert requests_of(fetched(instance, "/metrics"))["GET", "/movies", "200"] == many
    assert parsed(fetched(instance, "/metrics"))["reservation_workers"] == len(instance.workers())
    found = {path.stem.rpartition("_")[2] for path in metrics_of(data_dir).glob("*.db")}
    assert found == {"ended", *(str(pid) for pid in instance.workers())}


def test_a_scrape_leaves_out_a_file_that_is_still_empty(data_dir: Path, instance: Instance) -> None:
    """A worker makes a file, and then gives it its size; one that is killed between the two leaves it so."""
    of_running, of_ended = (metrics_of(data_dir) / f"counter_{pid}.db" for pid in (os.getpid(), 2**22 + 1))
    of_running.touch()
    of_ended.touch()
    assert parsed(fetched(instance, "/metrics"))["reservation_workers"] == 2
    assert (of_running.exists(), of_ended.exists()) == (True, False)


def metrics_of(data_dir: Path) -> Path:
    """The folder of the metrics' files; killed instances have left theirs."""
    return max(data_dir.glob("metrics-*"), key=lambda path: path.stat().st_mtime)


def test_a_stop_during_a_rolling_restart_ends_every_process(data_dir: Path, instance: Instance) -> None:
    first = instance.workers()
    instance.process.send_signal(signal.SIGHUP)
    wait_until(lambda: instance.workers() - first)
    children = instance.children()
    assert instance.stop() == 0
    assert survivors(children) == []
    assert REPLACED not in instance.printed()
    assert "Traceback" not in instance.printed()


@pytest.mark.parametrize("which", ["new", "old"])
def test_a_worker_that_is_killed_during_a_rolling_restart_leaves_all_slots_served(
    data_dir: Path, instance: Instance, which: str
) -> None:
    first = instance.workers()
    instance.process.send_signal(signal.SIGHUP)
    wait_until(lambda: instance.workers() - first)
    os.kill(min(instance.workers() - first) if which == "new" else max(first), signal.SIGKILL)
    wait_until(lambda: "stay as they were: worker" in instance.printed() or REPLACED in instance.printed())
    wait_until(lambda: len(instance.workers()) == 2)
    assert [instance.status("/ready") for _ in range(8)] == [200] * 8
    assert hang_up(instance) == f"{REPLACED}none"
    assert instance.workers().isdisjoint(first)
    assert len(instance.workers()) == 2


def test_a_worker_started_later_has_the_statements_of_the_last_restart(
    data_dir: Path, sql: Path, instance: Instance
) -> None:
    own = put(sql, "movies/find_movie", replacing("Plan:", "Ours.\nPlan:"))
    assert hang_up(instance) == f"{REPLACED}movies/find_movie"
    own.write_text("not read before the next SIGHUP")
    first = instance.workers()
    for worker in first:
        os.kill(worker, signal.SIGHUP)  # as `pkill -HUP reservation` would: only the supervisor acts on it
    os.kill(min(first), signal.SIGKILL)
    wait_until(lambda: len(instance.workers() - first) == 1)
    assert max(first) in instance.workers()
    assert [instance.status("/ready") for _ in range(8)] == [200] * 8


def test_a_bad_sql_dir_stops_the_start_with_a_message(data_dir: Path, sql: Path) -> None:
    put(sql, "movies/find_movie", replacing("    genre,\n", ""))
    refused = Instance(data_dir, SQL_DIR=str(sql))
    assert refused.process.wait(30) == 1
    assert "reservation: movies/find_movie.sql: its columns are (" in refused.printed().splitlines()[-1]
    put(sql, "movies/find_movie")
    put(sql, "movies/find_movie").rename(sql / "movies.sql")
    refused = Instance(data_dir, SQL_DIR=str(sql))
    assert refused.process.wait(30) == 1
    assert "movies.sql is no statement of this version" in refused.printed().splitlines()[-1]
    refused = Instance(data_dir, SQL_DIR=str(sql / "nowhere"))
    assert refused.process.wait(30) == 1
    assert "SQL_DIR cannot be read" in refused.printed().splitlines()[-1]


async def test_statements_are_checked_and_run_under_the_services_role(data_dir: Path, sql: Path) -> None:
    put(sql, HOLD, replacing(PRICE, DEARER))
    with serving(data_dir, "--demo", SQL_DIR=str(sql), DATABASE_ROLE="reservation_app") as instance:
        async with crowd(instance) as customers:
            assert await customers.surcharges() == {Decimal(1)}
            put(
                sql, "movies/lock_movie", replacing("where id = $1", "where id = $1 and exists (select from pg_authid)")
            )
            outcome = await asyncio.to_thread(hang_up, instance)
            assert "movies/lock_movie.sql: permission denied for table pg_authid" in outcome
            assert await customers.surcharges() == {Decimal(1)}
        assert customers.bad == []


def test_a_closed_reader_of_the_output_does_not_stop_a_rolling_restart(data_dir: Path) -> None:
    """As after `serve 2>&1 | head`, or in a terminal that has been closed since."""
    read_end, write_end = os.pipe()
    with serving(data_dir, stderr=write_end) as instance:
        os.close(write_end)
        os.close(read_end)
        first = instance.workers()
        instance.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(instance.workers()) == 1 and instance.workers().isdisjoint(first))
        assert instance.status("/ready") == 200


def test_a_closed_terminal_ends_the_service(data_dir: Path) -> None:
    command = [sys.executable, "-m", "reservation", "serve", "--data-dir", str(data_dir), "--port", str(free_port())]
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a service that is started under nohup outlives its terminal
        os.execve(command[0], command, {"PATH": os.defpath, "SHUTDOWN_SECONDS": "3"})  # noqa: S606
    said = b""
    while b"is ready on" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    with suppress(ChildProcessError):
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert survivors([pid]) == []
