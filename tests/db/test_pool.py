"""The pool does not reset connections, so no statement may leave a setting, lock, cursor or listener in one."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

import reservation
from reservation.db.connection_slots import KEPT_CONNECTIONS, ConnectionSlots
from reservation.db.pool import Database
from reservation.db.pool_options import tool_limits
from reservation.db.statements import sql, sql_dir
from reservation.errors import DatabaseUnavailable
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from reservation.runtime.lanes import Lane
from reservation.runtime.load_shedding import LoadShedding
from reservation.runtime.timing import start_timings
from tests.api import PASSWORD, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

# All but the one that runs when a connection is opened.
NAMES = sorted(
    path.relative_to(sql_dir()).with_suffix("").as_posix()
    for path in sql_dir().glob("*/*.sql")
    if path.stem != "commit_durably"
)
# A statement that begins with another word may change the session: SET, LISTEN, PREPARE, DECLARE...
HARMLESS = {"select", "insert", "update", "vacuum", "delete", "with", "analyze", "reindex"}
LEFT_BEHIND = {
    "setting": "select name from pg_settings where source = 'session' and setting is distinct from reset_val"
    " and name <> 'synchronous_commit'",  # made when the connection was opened, where the server has it off
    "listener": "select pg_listening_channels()",
    "advisory lock": "select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
    "lock": "select relation::regclass::text from pg_locks"
    " where pid = pg_backend_pid() and locktype = 'relation' and mode <> 'AccessShareLock'",
    "cursor": "select name from pg_cursors where name <> ''",
    "prepared statement": "select name from pg_prepared_statements where from_sql",
    "prepared transaction": "select gid from pg_prepared_xacts where database = current_database()",
    "temporary table": "select relname from pg_class where relpersistence = 't'",
}

IDLE_WITHIN_S = 60


def session_changes(statement: str) -> list[str]:
    """The parts of a statement that change its session."""
    text = re.sub(r"--[^\n]*", "", re.sub(r"/\*.*?\*/", "", statement, flags=re.DOTALL)).strip().lower()
    found = [one for one in text.removesuffix(";").split(";") if one.split()[0] not in HARMLESS]
    found += re.findall(r"pg_(?:try_)?advisory_(?!xact)\w+", text)
    found += re.findall(r"\binto\s+(?:temp|temporary)\b", text)
    for arguments in re.findall(r"set_config\s*\(([^()]*)\)", text):
        if arguments.split(",")[-1].strip() != "true":  # true: until the end of the transaction
            found.append(arguments)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_statement_changes_its_session(name: str) -> None:
    assert session_changes(sql(name)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "set lock_timeout = 1;", "/* a\nb */\nset session timezone to 'UTC';", "reset all;", "listen a;", "begin;",
        "create temp table a (b int);", "select 1 as a into temp b;", "prepare a as select 1;",
        "declare a cursor with hold for select 1;", "select pg_advisory_lock(1);", "select pg_try_advisory_lock(1);",
        "select pg_advisory_lock_shared(1);", "select set_config('a.b', $1, false);", "select 1; set a.b = 1;",
        "-- a\nload 'auto_explain';",
    ],
)  # fmt: skip
def test_a_statement_that_changes_the_session_is_found(statement: str) -> None:
    assert session_changes(statement)


@pytest.mark.parametrize(
    "statement",
    ["update a set b = 1;", "select pg_advisory_xact_lock(1);", "/* set; */ select set_config('a.b', $1, true);"],
)
def test_a_statement_of_one_transaction_is_not_reported(statement: str) -> None:
    assert session_changes(statement) == []


def database_of(api: Api) -> Database:
    server: Any = api.client.server
    database: Database = server.app[DATABASE]
    return database


def pool_of(api: Api) -> Any:
    return database_of(api)._pool


@asynccontextmanager
async def all_connections(api: Api) -> AsyncIterator[list[Any]]:
    """Every connection that the pool can have, those that batches have kept included."""
    pool, server = pool_of(api), cast("Any", api.client.server)
    await server.app[BOOKING_CONTEXT].batches.aclose()
    taken = [await pool.acquire(timeout=5) for _ in range(pool.get_max_size())]
    try:
        yield taken
    finally:
        for connection in taken:
            await pool.release(connection)


async def left_behind(api: Api) -> dict[str, list[Any]]:
    """What the sessions of the pool's connections have, by kind."""
    found: dict[str, list[Any]] = {}
    async with all_connections(api) as connections:
        for connection in connections:
            assert not connection.is_in_transaction()
            for what, query in LEFT_BEHIND.items():
                rows = [row[0] for row in await connection.fetch(query)]
                if rows:
                    found.setdefault(what, []).extend(rows)
    return found


async def a_day(api: Api, db: Connection) -> None:
    """Every feature that uses PostgreSQL, with errors."""
    cinema, who, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    await asyncio.gather(*(sell(api, cinema, person, place) for place, person in enumerate((who, other) * 3)))
    await api.call("POST", "/auth/refresh", {"refresh_token": other.refresh_token})
    await api.call("POST", "/auth/logout", {"refresh_token": other.refresh_token})
    leaving = await api.sign_up()
    await api.hold(leaving, cinema.showtime_id, cinema.seat_ids[-2:-1])
    for password, status in ((PASSWORD + "!", 401), (PASSWORD, 204)):
        assert (await api.call("DELETE", "/auth/me", {"password": password}, who=leaving)).status == status
    for path in ("/movies", "/showtimes", "/reservations", "/auth/me", "/ready"):
        assert (await api.call("GET", path, who=who)).status == 200
    await administer(api, cinema, who)
    await serve_at_the_box_office(api, cinema)
    # A constraint that breaks in the middle of a transaction, and a statement that takes too long.
    clash = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "1.00"} | slot(24)
    assert (await api.call("POST", "/admin/showtimes", clash, who=await api.admin())).code == "showtime_overlap"
    taken = {"name": "A", "email": who.email, "password": PASSWORD}
    assert (await api.call("POST", "/auth/signup", taken)).code == "email_taken"
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[-1:])
    async with db.transaction():
        await db.execute("lock table reservations in access exclusive mode")
        late = await asyncio.gather(
            api.cancel(who, held.json["id"]),
            api.confirm(who, held.json["id"]),
            api.call("GET", "/reservations", who=who),
        )
    assert {answer.code for answer in late} == {"row_locked"}
    assert (await api.cancel(who, held.json["id"])).status == 200


async def sell(api: Api, cinema: Cinema, who: Person, place: int) -> None:
    seats = cinema.seat_ids[place * 2 : place * 2 + 2]
    held = await api.hold(who, cinema.showtime_id, seats)
    assert (await api.confirm(who, held.json["id"])).status == 200
    assert (await api.hold(who, cinema.showtime_id, seats)).status == 409
    await api.statuses(cinema.showtime_id)
    if place % 2:
        assert (await api.cancel(who, held.json["id"])).status == 200


async def serve_at_the_box_office(api: Api, cinema: Cinema) -> None:
    staff, path = await api.staff(), f"/showtimes/{cinema.showtime_id}/holds"
    guest = await api.call("POST", "/auth/guest", {"name": "G", "email": "guest@example.com"})
    assert guest.status == 201
    body = {"seat_ids": cinema.seat_ids[-3:-2], "customer": {"name": "G", "email": "guest@example.com"}}
    held = await api.call("POST", path, body, who=staff)
    assert held.status == 201
    assert (await api.call("POST", path, body, who=staff)).status == 409
    for query in ("", "?email=guest@example.com", f"?showtime_id={cinema.showtime_id}", f"?user_id={staff.id}"):
        assert (await api.call("GET", f"/admin/reservations{query}", who=staff)).status == 200
    cancel = f"/admin/reservations/{held.json['id']}/cancel"
    assert (await api.call("POST", cancel, {"reason": "R"}, who=staff)).status == 200


async def administer(api: Api, cinema: Cinema, who: Person) -> None:
    admin = await api.admin()
    dearer = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "11.00"} | slot(24)
    room = f"/admin/auditoriums/{cinema.auditorium_id}"
    for method, path, body, status in (
        ("PUT", f"/admin/showtimes/{cinema.showtime_id}?force=true", dearer, 200),
        ("PUT", room, {"name": "R", "capacity": 51}, 200),
        ("POST", f"{room}/seats/batch", {"rows": 1, "seats_per_row": 1}, 201),
        ("POST", f"{room}/seats/batch", {"rows": 1, "seats_per_row": 1}, 409),
        ("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", None, 409),
        ("DELETE", f"/admin/showtimes/{cinema.showtime_id}", None, 409),
        ("PUT", f"/admin/users/{who.id}/role", {"role": "staff"}, 200),
        ("PUT", f"/admin/users/{admin.id}/role", {"role": "user"}, 409),
        ("GET", "/admin/users", None, 200),
        ("GET", "/admin/showtimes", None, 200),
    ):
        assert (await api.call(method, path, body, who=admin)).status == status, path


async def test_every_connection_is_unchanged_after_a_days_traffic(start_api: StartApi, db: Connection) -> None:
    api = await start_api(STATEMENT_TIMEOUT_SECONDS="1", POOL_SIZE="6")
    await a_day(api, db)
    assert pool_of(api).get_size() > 1
    assert await left_behind(api) == {}
    query = "select state from pg_stat_activity where application_name = 'reservation' and datname = current_database()"
    async with asyncio.timeout(IDLE_WITHIN_S):  # a job may be at work
        while {row["state"] for row in await db.fetch(query)} != {"idle"}:
            await asyncio.sleep(0.01)


async def test_a_changed_session_is_found(api: Api) -> None:
    litter = {
        "setting": "set work_mem = '1MB'",
        "listener": "listen here",
        "advisory lock": "select pg_advisory_lock(1)",
        "cursor": "declare here cursor with hold for select 1",
        "prepared statement": "prepare here as select 1",
        "temporary table": "create temp table here (a int)",
    }
    for what, statement in litter.items():
        async with pool_of(api).acquire() as connection:
            await connection.execute(statement)
        assert what in await left_behind(api)


async def test_every_connection_has_the_limits_of_the_settings(start_api: StartApi, db: Connection) -> None:
    api = await start_api(STATEMENT_TIMEOUT_SECONDS="1", POOL_SIZE="6")
    await a_day(api, db)
    async with all_connections(api) as connections:
        for connection in connections:
            assert await limits_of(connection) == ["reservation", "1s", "400ms", "15s"]
            assert await connection.fetchval("show timezone") == "UTC"
            assert await connection.fetchval("show plan_cache_mode") == "force_generic_plan"


async def limits_of(connection: Any) -> list[str]:
    names = ("application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return [await connection.fetchval(f"show {name}") for name in names]


async def test_a_tools_connection_has_limits_of_its_own(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings=tool_limits("seed"))
    try:
        assert await limits_of(connection) == ["reservation seed", "0", "1min", "1min"]
        async with connection.transaction():  # what the audit asks for it may have, until its transaction ends
            await connection.fetch(sql("audit/open_snapshot"), "600s", "64MB")
            assert await connection.fetchval("show statement_timeout") == "10min"
        assert await connection.fetchval("show statement_timeout") == "0"
    finally:
        await connection.close()


def test_no_connection_is_opened_without_limits() -> None:
    """Every call that connects gives server settings: the pool's or a tool's."""
    package = Path(reservation.__file__).parent
    for path in package.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("asyncpg.connect", "asyncpg.create_pool"):
                given = {keyword.arg for keyword in call.keywords}
                assert given & {"server_settings", None}, f"{path.name}: {ast.unparse(call)}"  # None: ** of the pool's


async def test_an_open_transaction_is_rolled_back_when_its_connection_is_released(api: Api, db: Connection) -> None:
    movie_id = await api.movie()
    pool = pool_of(api)
    for fails in (False, True):
        connection = await pool.acquire()
        pid = await connection.fetchval("select pg_backend_pid()")
        await connection.execute("begin")
        await connection.execute("update movies set title = 'Changed' where id = $1", movie_id)
        if fails:
            with suppress(asyncpg.DivisionByZeroError):
                await connection.execute("select 1 / 0")
        await pool.release(connection)
        activity = await db.fetch("select state from pg_stat_activity where pid = $1", pid)
        assert [row["state"] for row in activity] in ([], ["idle"])  # dropped, or clean
        assert await left_behind(api) == {}
        assert (await api.call("GET", f"/movies/{movie_id}")).json["title"] == "A Film"
    assert await api.movie() > movie_id


async def test_acquire_and_release_send_no_statement(api: Api, db: Connection) -> None:
    """Such as RESET or DISCARD."""
    cinema, who = await api.cinema(), await api.sign_up()
    for _ in range(3):
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
        await api.cancel(who, held.json["id"])
    await db.execute("create extension if not exists pg_stat_statements")
    asked = {
        row["query"]: row["calls"]
        for row in await db.fetch(
            "select lower(s.query) as query, s.calls from pg_stat_statements as s"
            " inner join pg_database as d on s.dbid = d.oid where d.datname = current_database()"
        )
    }
    assert sum(calls for query, calls in asked.items() if query == "commit") >= 3
    extra = re.compile(r"(reset|discard|unlisten|close|rollback|deallocate)\b|select pg_advisory_unlock_all")
    assert [query for query in asked if extra.match(query)] == []


async def test_a_value_that_postgresql_refuses_is_500_and_not_503(api: Api) -> None:
    """It is a defect of the service, with a traceback in the log."""
    database = database_of(api)
    for query, argument, error in (
        ("select $1::integer", "no number", asyncpg.DataError),  # refused by asyncpg
        ("select 1 / $1::integer", 0, asyncpg.DivisionByZeroError),  # refused by PostgreSQL
    ):
        with pytest.raises(error):
            async with database.connection() as connection:
                await connection.fetchval(query, argument)


async def test_a_kept_connection_stays_the_same_until_an_error(database_url: str) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
        kept = Database(pool, wait_s=5).kept_connection()
        async with kept as conn:
            first = await conn.fetchval("select pg_backend_pid()")
        async with kept as conn:
            assert await conn.fetchval("select pg_backend_pid()") == first
            assert pool.get_idle_size() == pool.get_size() - 1
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with kept as conn:
                await conn.execute("select 1 / 0")
        assert pool.get_idle_size() == pool.get_size()
        async with kept as conn:
            assert await conn.fetchval("select 1") == 1
        await kept.stop_keeping()
        assert pool.get_idle_size() == pool.get_size()


async def test_a_kept_connection_that_postgresql_closed_is_replaced(database_url: str, db: Connection) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
        kept = Database(pool, wait_s=5).kept_connection()
        async with kept as conn:
            first = await conn.fetchval("select pg_backend_pid()")
        await db.fetchval("select pg_terminate_backend($1, 5000)", first)
        with suppress(DatabaseUnavailable):  # unless the end of the connection was noticed before
            async with kept as conn:
                await conn.fetchval("select 1")
        async with kept as conn:
            assert await conn.fetchval("select pg_backend_pid()") != first
        await kept.stop_keeping()


async def test_a_failed_batch_gets_a_connection_again_while_lists_wait(database_url: str) -> None:
    shedding = LoadShedding(target_s=600, list_connections=5)
    holds, can_end = 0, asyncio.Event()

    async def read_list() -> None:
        nonlocal holds
        start_timings(shedding.gates[Lane.LIST])
        async with database.connection():
            holds += 1
            await can_end.wait()

    async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
        database = Database(pool, wait_s=20, slots=ConnectionSlots(10, kept=KEPT_CONNECTIONS, target_s=600))
        batches = [database.kept_connection() for _ in range(KEPT_CONNECTIONS)]
        lists = [asyncio.create_task(read_list()) for _ in range(10)]
        try:
            for kept in batches:
                async with kept as conn:
                    await conn.fetchval("select 1")
            while holds < 5:
                await asyncio.sleep(0)
            for kept in batches:
                with pytest.raises(asyncpg.DivisionByZeroError):
                    async with kept as conn:
                        await conn.execute("select 1 / 0")
            for kept in batches:
                async with kept as conn:
                    assert await conn.fetchval("select 1") == 1
            assert holds == 5
        finally:
            can_end.set()
            await asyncio.gather(*lists, return_exceptions=True)
            for kept in batches:
                await kept.stop_keeping()


async def test_a_small_pool_keeps_no_connection(database_url: str) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        async with Database(pool, wait_s=5).kept_connection() as conn:
            await conn.fetchval("select 1")
        assert pool.get_idle_size() == pool.get_size()


async def test_any_error_of_the_driver_while_a_connection_is_made_is_database_unavailable(database_url: str) -> None:
    """asyncpg raises InternalClientError, which is no InterfaceError, for one that is killed at an unlucky moment."""

    async def killed(_: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    async with asyncpg.create_pool(database_url, min_size=0, max_size=1, init=killed) as pool:
        with pytest.raises(DatabaseUnavailable):
            await Database(pool, wait_s=5).acquire()
