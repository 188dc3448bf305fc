"""Real servers for the whole run; for each test a database of its own, cloned from a migrated template."""

import asyncio
import gc
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import psycopg
import pytest
import pytest_asyncio
import redis
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from psycopg import sql as psql

from reservation import resources
from reservation.app import make_app
from reservation.booking.batches import BookingBatches
from reservation.booking.jobs import schedule
from reservation.db import migrations as schema
from reservation.embedded import Embedded, embedded_servers
from reservation.holds import redis_server
from reservation.http.connections import ServiceRunner
from reservation.identity import passwords
from reservation.seed import demo
from reservation.settings import Settings
from tests.api import Api, begin_slots

TEMPLATE = "template_migrated"
SECRET = "a-secret-of-the-tests-that-is-long-enough"
# However busy the machine, no statement and no wait for a lock or a connection runs into its limit.
PATIENT = {"STATEMENT_TIMEOUT_SECONDS": "60", "POOL_WAIT_SECONDS": "60"}

BESIDE_OTHERS = "PYTEST_XDIST_WORKER" in os.environ
# Tests that run beside others wait so long for the stores. Those that run alone, of which some stop a store, wait no
# longer than by default.
TIMES = {"REDIS_WAIT_MILLISECONDS": "10000", **PATIENT} if BESIDE_OTHERS else {"REDIS_WAIT_MILLISECONDS": "2000"}
# Off, since all tests sign up, log in and hold from one address, many as one person; tests of the limits set them.
# No reminders, as most showtimes are a day ahead; and no request is refused for the load.
UNLIMITED = TIMES | dict.fromkeys(
    (
        "LOGIN_FAILURES",
        "LOGIN_FAILURES_PER_ACCOUNT",
        "LOGIN_FAILURES_PER_ADDRESS",
        "SIGNUPS_PER_MINUTE_PER_ADDRESS",
        "MAX_HOLDS_PER_USER",
        "MAX_SEATS_PER_USER_PER_SHOWTIME",
        "HOLDS_PER_MINUTE_PER_ADDRESS",
        "CONNECTIONS_PER_ADDRESS",
        "MAX_UNCONFIRMED_HOLDS_OF_SEAT",
        "IDEMPOTENCY_KEYS_PER_DAY",
        "STREAMS_PER_ADDRESS",
        "REMINDER_HOURS",
        "QUEUE_DELAY_MS",
    ),
    "0",
)

LONGEST = ("browser", "fuzz", "clients", "load", "interleavings")
MEMORY = Path("/dev/shm")  # noqa: S108 - only folders of random names are made in it
MEMORY_NEEDED = 4 << 30  # bytes; each process of a run has servers, which take some hundred MB

# PostgreSQL forgets statements that it has counted when it has 5,000 of them, and a test may lose what it counts.
MOST_COUNTED = 2000  # when a test with a database of its own begins
FORGET_CALLS = f"select pg_stat_statements_reset() from pg_stat_statements(false) having count(*) > {MOST_COUNTED}"

_numbers = itertools.count(1)

StartApi = Callable[..., Awaitable[Api]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that no process of a run is left with one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)
    for item in items:
        if "shared_api" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


def pytest_collection_finish() -> None:
    """The garbage collector leaves the collected tests alone, which took a seventh of the CPU time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder for Unix sockets, whose paths have at most 107 bytes: one in tmp_path may exceed that."""
    with TemporaryDirectory(prefix="sock", dir="/tmp") as made:
        Path(made).chmod(0o777)  # PostgreSQL may run as another user
        yield Path(made)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Passwords are hashed in less than 1 ms instead of 27: most tests sign up and log in several times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_start() -> Iterator[None]:
    """Beside others, a test's service runs no jobs and plans statements when they are used: 80 ms less of CPU time.

    A test that needs the jobs uses `jobs_run`. Where tests run alone, jobs begin at once, so that their first runs do
    not come while a test looks at locks and statements. Services in processes of their own do as in production.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "START_EVERY_S", 0.0)
        if BESIDE_OTHERS:
            patch.setattr(BookingBatches, "prepare", _prepare_nothing)
            patch.setattr(resources, "start_jobs", _start_nothing)
            # A new Redis is like one that has lost its data. Of these tests, none delays what Redis tells of a loss.
            patch.setattr(redis_server, "READ_AFTER_LOSS_S", 0.0)
        yield


@pytest.fixture
def jobs_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service of the test runs its jobs, and they begin at once."""
    monkeypatch.setattr(resources, "start_jobs", schedule.start_jobs)


@pytest.fixture(autouse=True)
def slots_begin() -> None:
    """Showtimes of a test are so long after its beginning, whatever second it is by then."""
    begin_slots()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """PostgreSQL and Valkey of our own, and in PostgreSQL the template."""
    # As for the service itself: the folder of another PostgreSQL to run all this on.
    other = os.environ.get("POSTGRES_BIN_DIR")
    with (
        folder_of_servers(tmp_path_factory) as folder,
        embedded_servers(folder, postgres_bin_dir=Path(other) if other else None, fast=True) as running,
    ):
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(psql.SQL("create database {}").format(psql.Identifier(TEMPLATE)))
        schema.apply(_url_of(running, TEMPLATE))
        yield running


@pytest.fixture(scope="session")
def template_in_c(servers: Embedded) -> str:
    """The name of a template whose LC_COLLATE and LC_CTYPE are C, where lower() knows ASCII only."""
    name = f"{TEMPLATE}_c"
    create = "create database {} template template0 encoding 'UTF8' locale_provider libc locale 'C'"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(psql.SQL(create).format(psql.Identifier(name)))
    schema.apply(_url_of(servers, name))
    return name


@contextmanager
def folder_of_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory if there is room, since a database is 400 files, of which ext4 is slow to make and delete."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        yield tmp_path_factory.mktemp("servers")
        return
    for left in MEMORY.glob("reservation-tests.*.*"):  # by a run that was killed
        if not Path("/proc", left.name.split(".")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(
        prefix=f"reservation-tests.{os.getpid()}.", dir=MEMORY, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def shared_database_url(servers: Embedded) -> Iterator[str]:
    """A migrated database for the tests that only look."""
    with cloned(servers) as url:
        yield url


@pytest.fixture(scope="session")
def seeded_database_url(servers: Embedded) -> Iterator[str]:
    """The demo in a database with pg_stat_statements, for the tests that change nothing which lasts."""
    with cloned(servers) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create extension pg_stat_statements")
        demo.seed(url, with_admin=True)
        yield url


@pytest.fixture
def database_url(servers: Embedded) -> Iterator[str]:
    """A migrated database for this test alone."""
    with cloned(servers) as url:
        yield url


@pytest.fixture
def empty_database_url(servers: Embedded) -> Iterator[str]:
    """A database for this test alone, without a schema."""
    with cloned(servers, template="template1") as url:
        yield url


@contextmanager
def cloned(servers: Embedded, *, template: str = TEMPLATE) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    database = psql.Identifier(name)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_extension where extname = 'pg_stat_statements'").fetchone():
            connection.execute(FORGET_CALLS)
        # As files: writing each block to WAL would take a third more of PostgreSQL's CPU time.
        create = psql.SQL("create database {} template {} strategy file_copy")
        connection.execute(create.format(database, psql.Identifier(template)))
        yield _url_of(servers, name)
        connection.execute(psql.SQL("drop database {} with (force)").format(database))


@pytest.fixture
def redis_url(servers: Embedded) -> str:
    """An empty Valkey."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings on this test's own stores."""
    return make_settings(database_url, redis_url, tmp_path)


def make_settings(database_url: str, redis_url: str, data_dir: Path, **more: str) -> Settings:
    """Settings as the environment would give them."""
    return Settings.from_env(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "JWT_SECRET": SECRET,
            "ACCESS_LOG": "off",
            **UNLIMITED,
            "DATA_DIR": str(data_dir),
            **more,
        }
    )


@pytest.fixture
async def db(database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection of the test's own, to look behind the service."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def shared_db(shared_database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection for a test that changes nothing."""
    connection = await asyncpg.connect(shared_database_url)
    yield connection
    await connection.close()


@pytest.fixture
def limits() -> Mapping[str, str]:
    """Settings of every service that `start_api` starts; a folder's tests may have others."""
    return {}


class ServiceServer(TestServer):
    """A server of the service in the test's own process, with the connections of a worker."""

    __test__ = False

    async def _make_runner(self, **options: Any) -> ServiceRunner:
        return ServiceRunner(self.app, **options)


@pytest.fixture
async def start_api(
    database_url: str, redis_url: str, tmp_path: Path, limits: Mapping[str, str]
) -> AsyncIterator[StartApi]:
    """Starts the service with settings of the test's choice, as often as it likes, and gives a client of it."""
    clients: list[TestClient[web.Request, web.Application]] = []

    async def start(**more: str) -> Api:
        app = make_app(make_settings(database_url, redis_url, tmp_path, **{**limits, **more}))
        client = TestClient(ServiceServer(app))
        clients.append(client)
        await client.start_server()
        return Api(client, database_url)

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """The service, and a client of it."""
    return await start_api()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The service on a database of the module, for its tests that change nothing which another one sees.

    To start it costs more than most requests. Redis is emptied between the tests, as it may be at any time.
    """
    with cloned(servers) as url:
        settings = make_settings(url, servers.redis_url, tmp_path_factory.mktemp("shared"))
        client = TestClient(ServiceServer(make_app(settings)))
        await client.start_server()
        yield Api(client, url)
        await client.close()


@pytest.fixture
async def service(api: Api) -> str:
    """The service's URL, for clients of another kind."""
    return str(api.client.make_url("/")).rstrip("/")


async def _prepare_nothing(_: BookingBatches) -> None:
    """In place of BookingBatches.prepare."""


def _start_nothing(*_: Any) -> list[asyncio.Task[None]]:
    """In place of start_jobs."""
    return []


def _url_of(servers: Embedded, database: str) -> str:
    return servers.database_url.rpartition("/")[0] + "/" + database
