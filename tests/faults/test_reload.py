"""Statements of a DBA's own: taken at the start and on request, by every worker or by none, while customers book."""

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from reservation.db.statements import sql_dir
from reservation.seed.demo import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.faults.test_serving import Instance, serving, survivors
from tests.ports import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
PRICE = "round(st.base_price * s.price_modifier, 2)"
DEARER = PRICE + " + 1.00"
CUSTOMERS = 6


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("reload") / "data"))


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
    """A statement of our own: the shipped one with a change."""
    path = folder / f"{name}.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(change((sql_dir() / f"{name}.sql").read_text()))
    return path


def replacing(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def reload(data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reservation", "sql", "reload", "--data-dir", str(data_dir)]
    return subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, timeout=60, check=False)


def wait_until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass(slots=True)
class Crowd:
    """Customers who hold, confirm and cancel, each request over a connection of its own, so that both workers serve."""

    client: aiohttp.ClientSession
    showtime_id: int
    seats: list[dict[str, Any]]
    answers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def bad(self) -> list[tuple[str, int]]:
        return [answer for answer in self.answers if answer[1] not in (200, 201)]

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.client.request(method, path, json=body) as answer:
            self.answers.append((f"{method} {path}", answer.status))
            return await answer.json()

    async def book(self, seat: dict[str, Any]) -> Decimal:
        """Hold, confirm and give back; answers what is asked for more than the map says."""
        held = await self.call("POST", f"/showtimes/{self.showtime_id}/holds", {"seat_ids": [seat["id"]]})
        await self.call("POST", f"/reservations/{held['id']}/confirm")
        await self.call("POST", f"/reservations/{held['id']}/cancel")
        return Decimal(held["total_price"]) - Decimal(seat["price"])

    async def surcharges(self) -> set[Decimal]:
        """What new holds cost more, looked at often enough that each worker has answered."""
        return {await self.book(self.seats[CUSTOMERS]) for _ in range(12)}


@asynccontextmanager
async def crowd(instance: Instance) -> AsyncIterator[Crowd]:
    """Customers who book until the block ends."""
    base = f"http://127.0.0.1:{instance.port}"
    async with aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(force_close=True)) as client:
        login = {"email": CUSTOMER_EMAIL, "password": CUSTOMER_PASSWORD}
        async with client.post("/auth/login", json=login) as answer:
            client.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
        tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
        async with client.get("/showtimes", params={"date": tomorrow, "limit": 1}) as answer:
            showtime_id = (await answer.json())["items"][0]["id"]
        async with client.get(f"/showtimes/{showtime_id}/seats") as answer:
            seats = [seat for seat in (await answer.json())["seats"] if seat["status"] == "available"]
        found = Crowd(client, showtime_id, seats)
        ended = asyncio.Event()
        customers = [asyncio.create_task(keep_booking(found, seat, ended)) for seat in seats[:CUSTOMERS]]
        try:
            yield found
        finally:
            ended.set()
            await asyncio.gather(*customers)


async def keep_booking(found: Crowd, seat: dict[str, Any], ended: asyncio.Event) -> None:
    while not ended.is_set():
        await found.book(seat)


async def more(found: Crowd) -> None:
    """Wait for another hundred answers."""
    goal = len(found.answers) + 100
    while len(found.answers) < goal:
        await asyncio.sleep(0.01)


async def calls_with(data_dir: Path, remark: str) -> int:
    """How often PostgreSQL has run a statement with that remark in it; not as EXPLAIN, by which they are compared."""
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


async def test_a_statement_is_changed_and_changed_back_under_load(
    data_dir: Path, sql: Path, instance: Instance
) -> None:
    async with crowd(instance) as customers:
        await more(customers)
        assert await customers.surcharges() == {Decimal(0)}

        tuned = put(sql, "reservations/insert_held", replacing(PRICE, f"{DEARER} /* a remark of ours */"))
        told = await asyncio.to_thread(reload, data_dir)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.splitlines()[0].endswith(f"process {instance.process.pid}: reservations/insert_held")
        assert told.stdout.splitlines()[1:] == ["  worker 1: taken", "  worker 2: taken"]
        assert await customers.surcharges() == {Decimal(1)}
        assert await calls_with(data_dir, "a remark of ours") > 0

        tuned.unlink()
        told = await asyncio.to_thread(reload, data_dir)
        assert told.returncode == 0
        assert await customers.surcharges() == {Decimal(0)}
        await more(customers)
    assert customers.bad == []
    assert instance.printed().count("statements reloaded: reservations/insert_held") == 2


HOLD = "reservations/insert_held"
SELECT, SOURCE = "select\n    asked.id", "from showtimes\n"


def line_of(text: str) -> int:
    """On which line of the shipped statement this begins."""
    before, found, _ = (sql_dir() / f"{HOLD}.sql").read_text().partition(text)
    assert found
    return before.count("\n") + 1


BAD = [
    (HOLD, replacing(SELECT, "selct\n    asked.id"), f'line {line_of(SELECT)}: syntax error at or near "selct"'),
    (HOLD, replacing(SOURCE, "from showtmes\n"), f'line {line_of(SOURCE)}: relation "showtmes" does not exist'),
    ("movies/lock_movie", replacing("$1", "$1::integer"), "its parameters are (int4), not (int8)"),
    ("movies/find_movie", replacing("    genre,\n", ""), "its columns are ("),
    ("movies/find_movie", replacing("/* movies/find_movie\n", "/* about films\n"), "must begin with the line"),
    ("movies/find_movie", replacing("select /* movies/find_movie */", "select"), "follow the statement's first word"),
]


async def test_a_bad_statement_leaves_all_of_the_old_ones(data_dir: Path, sql: Path, instance: Instance) -> None:
    async with crowd(instance) as customers:
        for name, change, reason in BAD:
            put(sql, HOLD, replacing(PRICE, DEARER))
            bad = put(sql, name, change)
            told = await asyncio.to_thread(reload, data_dir)
            assert (told.returncode, told.stdout) == (1, "")
            assert f"{name}.sql" in told.stderr
            assert reason in told.stderr
            assert await customers.surcharges() == {Decimal(0)}
            bad.unlink()
    assert customers.bad == []
    assert instance.printed().count("the statements stay as they were: ") == len(BAD)
    assert instance.printed().count('"event":"statements_refused"') == 2 * (len(BAD) - 2)  # two have a bad name to all
    assert "Traceback" not in instance.printed()


def test_a_file_that_is_no_statement_is_named(data_dir: Path, sql: Path, instance: Instance) -> None:
    put(sql, "movies/find_movie").rename(sql / "movies" / "find_movies.sql")
    told = reload(data_dir)
    assert told.returncode == 1
    assert f"{sql}/movies/find_movies.sql is no statement of this version" in told.stderr
    (sql / "movies" / "find_movies.sql").unlink()
    (sql / "movies" / ".find_movie.sql.swp").write_text("an editor's")
    assert reload(data_dir).returncode == 0


def test_a_signal_does_the_same_and_a_new_worker_has_what_the_others_have(
    data_dir: Path, sql: Path, instance: Instance
) -> None:
    put(sql, "movies/find_movie", replacing("Plan:", "Ours.\nPlan:"))
    instance.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "statements reloaded: movies/find_movie" in instance.printed())
    first = instance.workers()
    for worker in first:
        os.kill(worker, signal.SIGHUP)  # as `pkill -HUP reservation` would: it is for the supervisor alone
    os.kill(min(first), signal.SIGKILL)
    wait_until(lambda: "another one starts" in instance.printed())
    wait_until(lambda: len(instance.workers() - first) == 1)
    wait_until(lambda: reload(data_dir).returncode == 0)  # once the new one listens
    assert "none has changed" in reload(data_dir).stdout
    assert max(first) in instance.workers()


def test_the_start_takes_own_statements_or_says_why_not(data_dir: Path, sql: Path) -> None:
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


async def test_the_start_uses_own_statements_under_the_services_role(data_dir: Path, sql: Path) -> None:
    put(sql, "reservations/insert_held", replacing(PRICE, DEARER))
    with serving(data_dir, "--demo", SQL_DIR=str(sql), DATABASE_ROLE="reservation_app") as instance:
        async with crowd(instance) as customers:
            assert await customers.surcharges() == {Decimal(1)}
            put(
                sql, "movies/lock_movie", replacing("where id = $1", "where id = $1 and exists (select from pg_authid)")
            )
            told = await asyncio.to_thread(reload, data_dir)
            assert "movies/lock_movie.sql: permission denied for table pg_authid" in told.stderr
            assert await customers.surcharges() == {Decimal(1)}
        assert customers.bad == []


def test_without_a_folder_a_signal_changes_nothing(data_dir: Path) -> None:
    with serving(data_dir) as instance:
        instance.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the statements stay as they were: SQL_DIR is not set" in instance.printed())
        assert instance.status() == 200
        told = reload(data_dir)
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith("reservation: no instance with SQL_DIR runs on the data folder")


def test_an_instance_that_was_killed_is_passed_over(data_dir: Path, sql: Path) -> None:
    with serving(data_dir, SQL_DIR=str(sql)) as instance:
        instance.process.kill()
        instance.process.wait()
        with serving(data_dir, SQL_DIR=str(sql)) as successor:
            told = reload(data_dir)
            assert told.returncode == 0
            assert f"process {successor.process.pid}:" in told.stdout
            assert str(instance.process.pid) not in told.stdout
    assert len(list(data_dir.glob("reload-*"))) <= 1  # the successor was killed, too


def test_a_reload_that_nobody_reads_of_is_one_all_the_same(data_dir: Path, sql: Path) -> None:
    """As after `serve | head`, or in a terminal that was closed since."""
    command = [sys.executable, "-m", "reservation", "serve", "--data-dir", str(data_dir), "--port", str(free_port())]
    environ = {"PATH": os.defpath, "SQL_DIR": str(sql)}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert any("is ready on" in line for line in process.stdout)
            process.stdout.close()
            put(sql, "movies/find_movie", replacing("Plan:", "Ours.\nPlan:"))
            for changed in ("movies/find_movie", "none has changed"):
                told = reload(data_dir)
                assert told.returncode == 0, told.stderr
                assert told.stdout.splitlines()[0].endswith(f"process {process.pid}: {changed}")
        finally:
            process.terminate()


def test_the_end_of_its_terminal_is_the_end_of_the_service(data_dir: Path) -> None:
    """The same signal means that there, as it does to a program that knows no reload."""
    command = [sys.executable, "-m", "reservation", "serve", "--data-dir", str(data_dir), "--port", str(free_port())]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, {"PATH": os.defpath, "SHUTDOWN_SECONDS": "3"})  # noqa: S606
    said = b""
    while b"is ready on" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    with suppress(ChildProcessError):
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert survivors([pid]) == []
