"""Settings that a DBA gives the database or a role: the service has its own, and every answer is the same."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import asyncpg
import psycopg
import psycopg.sql
import pytest

from reservation.db.migrations import rollback
from reservation.db.pool_options import tool_limits
from tests.api import Api, Connection
from tests.business import Business
from tests.conftest import StartApi
from tests.db.test_pool import all_connections, database_of
from tests.races.test_booking_races import assert_sound

# What can change the meaning of a statement, or the text of a value.
UNUSUAL = {
    "default_transaction_isolation": "serializable",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kolkata",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "client_encoding": "latin1",
    "synchronous_commit": "off",
    "search_path": 'nothing_here, "$user", public, pg_catalog',
}
# Too short for any work; the service has limits of its own.
SHORT = {
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "1ms",
}
DURABLE = ("on", "local", "remote_write", "remote_apply")


def set_for_database(url: str, settings: Mapping[str, str]) -> None:
    """Give the database defaults, for connections that are opened from now on."""
    name = psycopg.sql.Identifier(urlsplit(url).path[1:])
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, value in settings.items():
            # A list, unless each of its parts is quoted, would be one name.
            value_of = psycopg.sql.SQL(value) if setting == "search_path" else psycopg.sql.Literal(value)
            connection.execute(
                psycopg.sql.SQL("alter database {} set {} = {}").format(name, psycopg.sql.SQL(setting), value_of)
            )


async def shown(api: Api, setting: str) -> set[str]:
    """The values of a setting in all connections of the pool."""
    async with all_connections(api) as connections:
        return {await connection.fetchval(f"show {setting}") for connection in connections}


async def test_all_business_is_done_whatever_the_defaults_of_the_database(
    database_url: str, start_api: StartApi, db: Connection, redis_url: str
) -> None:
    set_for_database(database_url, UNUSUAL)
    await Business(await start_api(), db, redis_url).all_parts()
    await assert_sound(db, redis_url)


async def test_the_limits_of_the_database_do_not_hold_for_the_service(database_url: str, start_api: StartApi) -> None:
    set_for_database(database_url, SHORT)
    api = await start_api(POOL_SIZE="6", STATEMENT_TIMEOUT_SECONDS="5")
    assert await shown(api, "statement_timeout") == {"5s"}
    assert await shown(api, "lock_timeout") == {"2s"}
    assert await shown(api, "idle_in_transaction_session_timeout") == {"15s"}
    assert await shown(api, "idle_session_timeout") == {"0"}


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_every_statement_of_the_service_is_read_committed(
    isolation: str, database_url: str, start_api: StartApi
) -> None:
    set_for_database(database_url, {"default_transaction_isolation": isolation})
    api = await start_api(POOL_SIZE="6")
    assert await shown(api, "transaction_isolation") == {"read committed"}
    tool = await asyncpg.connect(database_url, server_settings=tool_limits("seed"))
    try:
        assert await tool.fetchval("show transaction_isolation") == "read committed"
    finally:
        await tool.close()


async def test_a_transaction_is_read_committed_where_the_session_is_not(api: Api) -> None:
    """As behind PgBouncer, where the session is not the service's."""
    async with all_connections(api) as connections:
        for each in connections:
            await each.execute("set default_transaction_isolation = serializable")
            assert await each.fetchval("show transaction_isolation") == "serializable"
    async with database_of(api).transaction() as connection:
        assert await connection.fetchval("show transaction_isolation") == "read committed"


async def test_commits_wait_for_the_disk_where_the_database_has_turned_that_off(
    database_url: str, start_api: StartApi
) -> None:
    set_for_database(database_url, {"synchronous_commit": "off"})
    api = await start_api(POOL_SIZE="6")
    assert await shown(api, "synchronous_commit") == {"on"}


@pytest.mark.parametrize("chosen", DURABLE)
async def test_what_commits_wait_for_of_standbys_is_the_choice_of_the_database(
    chosen: str, database_url: str, start_api: StartApi
) -> None:
    set_for_database(database_url, {"synchronous_commit": chosen})
    api = await start_api(POOL_SIZE="6")
    assert await shown(api, "synchronous_commit") == {chosen}


def test_migrations_are_read_committed_whatever_the_default_of_the_database(database_url: str) -> None:
    set_for_database(database_url, UNUSUAL)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table seen (isolation text)")
        connection.execute("""
            create function see() returns trigger language plpgsql as
            $$ begin insert into seen values (current_setting('transaction_isolation')); return null; end $$;
            create trigger see after delete on _yoyo_migration for each row execute function see();
        """)
        rollback(database_url, 1)
        assert connection.execute("select distinct isolation from seen").fetchall() == [("read committed",)]


async def test_a_database_that_was_made_read_only_answers_reads_and_503_to_writes(
    database_url: str, start_api: StartApi, db: Connection, redis_url: str
) -> None:
    before = await start_api()
    cinema, who = await before.cinema(), await before.sign_up()
    held = await before.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    set_for_database(database_url, {"default_transaction_read_only": "on"})
    for connection in await db.fetch("select pid from pg_stat_activity where application_name = 'reservation'"):
        await db.fetchval("select pg_terminate_backend($1, 5000)", connection["pid"])
    async with asyncio.timeout(10):
        while (read := await before.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status != 200:
            assert read.status == 503  # while the pool notices that its connections have ended
    for answer in (
        await before.hold(who, cinema.showtime_id, cinema.seat_ids[1:2]),
        await before.confirm(who, held.json["id"]),
        await before.cancel(who, held.json["id"]),
    ):
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
