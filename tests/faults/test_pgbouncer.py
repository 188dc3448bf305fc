"""The service behind PgBouncer in transaction mode: few connections to PostgreSQL serve many of the pool."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
import pytest
import redis
from aiohttp import web
from click.testing import CliRunner

from reservation import serving
from reservation.app import make_app
from reservation.commands.main import commands
from reservation.db import migrations as schema, sql_overrides
from reservation.db.psycopg_connections import DatabaseUnreachable
from reservation.db.statements import StatementsRefused, shipped
from reservation.embedded import Embedded
from reservation.errors import Overloaded
from reservation.http.app_keys import DATABASE
from reservation.runtime.trace_context import TRACE, Trace
from reservation.settings import InvalidSettings, Settings
from reservation.start_checks import CannotStart
from tests.api import Api, Connection
from tests.conftest import SECRET, StartApi, make_settings
from tests.db.test_pool import a_day, pool_of
from tests.pgbouncer import running_pgbouncer
from tests.races.test_booking_races import assert_sound, buy, owners
from tests.tracing.collector import collecting

SERVER_CONNECTIONS = 3
CLIENT_CONNECTIONS = 12
PATIENCE_S = 60
DOCUMENTED = re.compile(r"^alter role .*;$", re.MULTILINE)
MANUAL = (Path(__file__).parents[2] / "docs" / "dba" / "pgbouncer.md").read_text()

StartPooled = Callable[..., Awaitable[Api]]


@dataclass(frozen=True, slots=True)
class Pooler:
    """A PgBouncer, at this port in place of PostgreSQL's."""

    port: int

    def url(self, direct: str, database: str | None = None) -> str:
        parts = urlsplit(direct)
        netloc = f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}" if database else parts.path))

    def server_connections(self, direct: str) -> dict[str, int]:
        """How many of PostgreSQL's connections PgBouncer has for a database, by what they do; and `clients` of ours."""
        [found] = [row for row in self.ask(direct, "show pools") if row["database"] == urlsplit(direct).path[1:]]
        servers = {name: int(found[name]) for name in found if re.fullmatch(r"sv_(active|idle|used|tested)", name)}
        return servers | {"clients": int(found["cl_active"]) + int(found["cl_waiting"])}

    def ask(self, direct: str, command: LiteralString) -> list[dict[str, str]]:
        """What PgBouncer's console answers."""
        with psycopg.connect(self.url(direct, "pgbouncer"), autocommit=True) as console:
            cursor = console.execute(command)
            columns = [column.name for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()] if columns else []


@pytest.fixture(scope="module")
def pooler(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooler]:
    behind = urlsplit(servers.database_url)
    with running_pgbouncer(
        tmp_path_factory.mktemp("pgbouncer"),
        int(behind.port or 0),
        user=str(behind.username),
        password=str(behind.password),
        options={"admin_users": behind.username, "default_pool_size": SERVER_CONNECTIONS},
    ) as port:
        yield Pooler(port)


@pytest.fixture
def pooled_url(pooler: Pooler, database_url: str) -> str:
    """The test's database through PgBouncer, for a role with the documented settings."""
    commands_ = DOCUMENTED.findall(MANUAL)
    assert len(commands_) == 6
    with psycopg.connect(database_url, autocommit=True) as connection:
        durable = "alter role reservation in database reservation set synchronous_commit = on"  # off in this server
        for command in (durable, *commands_):
            own = command.replace("in database reservation", f"in database {urlsplit(database_url).path[1:]}")
            connection.execute(own.encode())
    return pooler.url(database_url)


@pytest.fixture
def start_pooled(start_api: StartApi, pooled_url: str) -> StartPooled:
    """Starts the service behind PgBouncer, with a pool that is larger than PgBouncer's."""

    async def start(**more: str) -> Api:
        return await start_api(
            **{"DATABASE_URL": pooled_url, "PGBOUNCER": "1", "POOL_SIZE": str(CLIENT_CONNECTIONS)} | more
        )

    return start


async def test_every_feature_works_behind_pgbouncer(start_pooled: StartPooled, db: Connection, redis_url: str) -> None:
    """Accounts, booking, administration, a violated constraint in a transaction, statements over their time limit."""
    api = await start_pooled(POOL_SIZE="6")
    await a_day(api, db)
    await assert_sound(db, redis_url)


async def test_concurrent_purchases_of_the_same_seats_sell_each_once(
    start_pooled: StartPooled, pooler: Pooler, db: Connection, database_url: str, redis_url: str
) -> None:
    api = await start_pooled()
    cinema = await api.cinema(rows=2, seats_per_row=10)
    customers = [await api.sign_up() for _ in range(8)]
    chance = random.Random(7)
    choices = [chance.sample(cinema.seat_ids, chance.randint(1, 4)) for _ in range(64)]

    bought = await asyncio.gather(*(buy(api, customers[n % 8], cinema, choice) for n, choice in enumerate(choices)))

    assert any(bought)
    assert await owners(db, cinema.showtime_id) == Counter(seat for seats in bought for seat in seats)
    await assert_sound(db, redis_url)


async def test_one_of_concurrent_confirms_for_a_seat_succeeds_after_redis_lost_its_data(
    start_pooled: StartPooled, db: Connection, redis_url: str
) -> None:
    api = await start_pooled()
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(4)]
    seats = cinema.seat_ids[:2]
    first = await api.hold(customers[0], cinema.showtime_id, seats)
    held = [first.json["id"]]
    for who in customers[1:]:
        # Redis is empty, so PostgreSQL alone decides between the holds.
        await db.execute("update reservations set expires_at = created_at + interval '1 us'")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        answer = await api.hold(who, cinema.showtime_id, seats)
        assert answer.status == 201, answer.text
        held.append(answer.json["id"])
    await db.execute("update reservations set expires_at = now() + interval '10 minutes'")

    answers = await asyncio.gather(*(api.confirm(who, each) for who, each in zip(customers, held, strict=True)))

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert await owners(db, cinema.showtime_id) == Counter(seats)


async def test_cancel_and_extend_change_the_map(start_pooled: StartPooled) -> None:
    api = await start_pooled()
    cinema, who = await api.cinema(), await api.sign_up()
    held = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    extended = await api.call("POST", f"/reservations/{held}/extend", who=who)
    assert extended.status == 200, extended.text
    assert list((await api.statuses(cinema.showtime_id)).values()).count("held") == 2
    assert (await api.confirm(who, held)).status == 200
    assert list((await api.statuses(cinema.showtime_id)).values()).count("booked") == 2
    assert (await api.cancel(who, held)).status == 200
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    assert (await api.call("GET", "/ready")).status == 200


async def test_many_pool_connections_share_few_server_connections(
    start_pooled: StartPooled, pooler: Pooler, db: Connection, database_url: str
) -> None:
    api = await start_pooled()
    pool = pool_of(api)
    pids: set[int] = set()

    async def work() -> None:
        async with pool.acquire() as connection:
            for _ in range(20):
                pids.add(await connection.fetchval("select pg_backend_pid()"))
                assert await connection.fetchval("select current_setting('timezone')") == "UTC"
                assert await connection.fetchval("select sum(n)::int8 from unnest($1::int8[]) as n", [1, 2]) == 3

    await asyncio.gather(*(work() for _ in range(CLIENT_CONNECTIONS)))

    async with asyncio.timeout(PATIENCE_S):
        while (seen := pooler.server_connections(database_url)).pop("clients") != CLIENT_CONNECTIONS:
            await asyncio.sleep(0.05)
    assert 1 <= sum(seen.values()) <= SERVER_CONNECTIONS
    assert 1 < len(pids) <= SERVER_CONNECTIONS
    async with asyncio.timeout(PATIENCE_S):  # PgBouncer's own queries, such as tests of a connection, end soon
        states: list[str] = []
        while states != ["idle"] * len(pids):
            await asyncio.sleep(0.05)
            rows = await db.fetch("select state from pg_stat_activity where pid = any($1)", pids)
            states = [row["state"] for row in rows]


async def test_a_cancelled_statement_leaves_no_server_connection_assigned(
    start_pooled: StartPooled, pooler: Pooler, database_url: str
) -> None:
    """A statement takes two messages here; a task cancelled between them must not keep PostgreSQL's connection."""
    api = await start_pooled()
    server: Any = api.client.server
    database, chance = server.app[DATABASE], random.Random(7)

    async def ask(after_s: float) -> None:
        with suppress(TimeoutError, Overloaded):
            async with asyncio.timeout(after_s), database.connection() as connection:
                await connection.fetch("select seat_id from booked_seats where showtime_id = $1", 1)

    for _ in range(20):
        await asyncio.gather(*(ask(chance.random() * 0.01) for _ in range(CLIENT_CONNECTIONS * 2)))
    async with asyncio.timeout(PATIENCE_S):
        while pooler.server_connections(database_url)["sv_active"]:
            await asyncio.sleep(0.05)
    assert (await api.call("GET", "/ready")).status == 200


async def test_sql_overrides_are_compared_and_leave_nothing_in_the_session(
    pooled_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Several workers at once, over server connections that PgBouncer reassigns after each transaction."""
    settings = make_settings(pooled_url, redis_url, tmp_path, PGBOUNCER="1")
    names = [name for name in shipped() if name.startswith(("movies/", "reservations/"))]
    tuned = dict(shipped()) | {name: f"{shipped()[name]}-- a remark of ours" for name in names}
    compared = await asyncio.gather(*(sql_overrides.compare(settings, tuned) for _ in range(8)))
    assert compared == [names] * 8

    for bad, why in (
        ({"movies/find_movie": "/* movies/find_movie */ selct 1;"}, 'line 1: syntax error at or near "selct"'),
        ({"movies/find_movie": shipped()["movies/lock_movie"]}, "its columns are"),
    ):
        with pytest.raises(StatementsRefused, match=re.escape(f"movies/find_movie.sql: {why}")):
            await sql_overrides.compare(settings, dict(shipped()) | bad)
    assert await prepared_at_server_connections(pooled_url, "compared%") == [[]] * SERVER_CONNECTIONS


async def prepared_at_server_connections(pooled_url: str, pattern: str) -> list[list[Any]]:
    """The names of prepared statements on each of PgBouncer's connections to PostgreSQL."""
    left = "select name from pg_prepared_statements where name like $1"
    held = [await asyncpg.connect(pooled_url, statement_cache_size=0) for _ in range(SERVER_CONNECTIONS)]
    try:
        for connection in held:
            await connection.execute("begin")
        return [await connection.fetch(left, pattern) for connection in held]
    finally:
        await asyncio.gather(*(connection.close() for connection in held))


async def why_not(settings: Settings) -> str:
    """Why the service does not start."""
    runner = web.AppRunner(make_app(settings))
    try:
        with pytest.raises(CannotStart) as refused:
            await runner.setup()
    finally:
        await runner.cleanup()
    return str(refused.value)


async def test_a_role_without_the_settings_stops_the_start(
    pooled_url: str, pooler: Pooler, db: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = make_settings(pooled_url, redis_url, tmp_path, PGBOUNCER="1")
    name = urlsplit(database_url).path[1:]
    for change, told in (
        ("set jit = on", "jit is on and should be off"),
        ("reset statement_timeout", "jit is on and should be off; statement_timeout is 0 and should be 5000"),
        ("set statement_timeout = 5001", "jit is on and should be off; statement_timeout is 5001 and should be 5000"),
    ):
        await db.execute(f"alter role reservation in database {name} {change}")
        pooler.ask(database_url, "reconnect")
        assert (await why_not(settings)).startswith(
            f"PGBOUNCER: {told}: set this for the role, as docs/dba/pgbouncer.md says"
        )


async def test_settings_of_the_role_that_change_what_statements_mean_stop_the_start(
    pooled_url: str, pooler: Pooler, db: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = make_settings(pooled_url, redis_url, tmp_path, PGBOUNCER="1")
    role = f"alter role reservation in database {urlsplit(database_url).path[1:]}"
    for name, value, wanted in (
        ("default_transaction_isolation", "serializable", "read committed"),
        ("synchronous_commit", "off", "on"),
        ("array_nulls", "off", "on"),
    ):
        await db.execute(f"{role} set {name} = {value}")
        pooler.ask(database_url, "reconnect")
        assert (await why_not(settings)).startswith(f"PGBOUNCER: {name} is {value} and should be {wanted}: ")
        await db.execute(f"{role} set {name} = '{wanted}'")


async def test_a_role_with_lower_limits_is_accepted(start_pooled: StartPooled) -> None:
    api = await start_pooled(STATEMENT_TIMEOUT_SECONDS="6")
    assert (await api.call("GET", "/ready")).status == 200


async def test_a_pooler_without_the_setting_stops_the_start(pooled_url: str, redis_url: str, tmp_path: Path) -> None:
    told = await why_not(make_settings(pooled_url, redis_url, tmp_path))
    assert "unsupported startup parameter" in told


def test_migrations_use_migrate_database_url(
    pooled_url: str, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environ = {"DATABASE_URL": pooled_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET, "PGBOUNCER": "1"}
    schema.rollback(database_url, 1)
    for command in (["migrate"], ["serve"], ["audit"]):
        refused = CliRunner().invoke(commands, command, env=environ)
        assert isinstance(refused.exception, InvalidSettings), command
        assert "MIGRATE_DATABASE_URL" in str(refused.exception)
    with pytest.raises(schema.SchemaOutOfDate):
        serving._prepare(
            make_settings(pooled_url, redis_url, tmp_path, PGBOUNCER="1"), migrate=False, demo=False, own_stores=False
        )
    environ["MIGRATE_DATABASE_URL"] = database_url
    assert CliRunner().invoke(commands, ["migrate"], env=environ).stdout.startswith("applied ")
    for seeded in (["seed", "demo"], ["audit"]):
        assert CliRunner().invoke(commands, seeded, env=environ, catch_exceptions=False).exit_code == 0
    serving._prepare(
        make_settings(
            pooled_url, redis_url, tmp_path, PGBOUNCER="1", ADMIN_EMAIL="a@example.com", ADMIN_PASSWORD="long-enough"
        ),
        migrate=False,
        demo=False,
        own_stores=False,
    )
    with pytest.raises(DatabaseUnreachable, match="unsupported startup parameter"):
        schema.apply(pooled_url)


def test_migrations_ignore_the_limits_of_the_role(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, value in (("statement_timeout", "'50ms'"), ("enable_seqscan", "off")):
            connection.execute(f"alter database {urlsplit(database_url).path[1:]} set {name} = {value}".encode())
    for name, head in (("0001_slow", ""), ("0002_slow_alone", "-- transactional: false\n")):
        (tmp_path / f"{name}.sql").write_text(f"{head}select pg_sleep(0.2);\n")
    assert schema.apply(database_url, folder=tmp_path) == ["0001_slow", "0002_slow_alone"]


async def test_comments_of_traces_break_no_statement(
    start_pooled: StartPooled, db: Connection, pooled_url: str, redis_url: str
) -> None:
    """Each sampled statement is prepared for its one use, over server connections that many requests share."""
    with collecting() as collector:
        api = await start_pooled(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        cinema = await api.cinema(rows=2, seats_per_row=10)
        customers = [await api.sign_up() for _ in range(4)]
        database = cast("Any", api.client.app)[DATABASE]

        async def ask(number: int) -> None:
            TRACE.set(Trace(f"{number:032x}", f"{number:016x}", is_sampled=number % 3 > 0))
            async with database.connection() as connection:
                assert await connection.fetchval("select $1::int + 1", number) == number + 1
                assert len(await connection.fetch("select generate_series(1, $1::int) as n", number)) == number
            async with database.transaction() as connection:
                assert (await connection.fetchrow("select $1::text as t", str(number)))["t"] == str(number)
                assert await connection.execute("select $1::int8", number) == "SELECT 1"

        async def buy_sampled(number: int) -> None:
            who, headers = customers[number % 4], {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
            wish = {"seat_ids": cinema.seat_ids[number : number + 1]}
            held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", wish, who=who, headers=headers)
            path = f"/reservations/{held.json['id']}"
            for method, end in (("POST", "/extend"), ("POST", "/confirm"), ("GET", ""), ("POST", "/cancel")):
                answer = await api.call(method, f"{path}{end}", who=who, headers=headers)
                assert answer.status == 200, answer.text
            assert (await api.call("GET", "/reservations", who=who, headers=headers)).status == 200

        await asyncio.gather(*(ask(number) for number in range(1, 41)), *(buy_sampled(number) for number in range(12)))

        TRACE.set(Trace("a" * 32, "b" * 16, is_sampled=True))
        async with database.connection() as connection:
            own = "select query from pg_stat_activity where pid = pg_backend_pid() and $1"
            assert str(await connection.fetchval(own, True)).startswith(
                f"/*traceparent='00-{'a' * 32}-{'b' * 16}-01'*/ "
            )
        TRACE.set(None)
        await assert_sound(db, redis_url)
        assert await prepared_at_server_connections(pooled_url, "%") == [[]] * SERVER_CONNECTIONS
