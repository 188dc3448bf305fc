"""After a day's traffic updates are HOT, every index is used, and none is a duplicate; autovacuum runs in time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from benchmarks.day import Day, build, live
from reservation.booking.jobs.expire import expire_past_holds
from reservation.http.app_keys import DATABASE
from tests.api import Api, Connection
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[2] / "docs" / "dba" / "queries"
HOLDS = 300
GROWING = {"reservations", "booked_seats", "idempotency_keys", "login_sessions", "tickets"}
GROWING |= {"outbox", "events", "deliveries"}
BRIN_KEEPS_HOT = 16  # before it, a cancel is not HOT, since reservations_cancelled_at_idx has its column
# Percent of HOT updates; tables with few updates have a full page now and then.
HOT_ABOVE = {"reservations": 90, "login_sessions": 90, "api_keys": 50, "auditoriums": 50, "movies": 50, "showtimes": 50}
# Reports read them, which are no part of a day's traffic; the plan of one is in tests/reports.
REPORT_INDEXES = {
    "reservations_late_idx",
    "reservations_cancelled_at_idx",
    "archived_reservations_late_idx",
    "archived_reservations_cancelled_at_idx",
    "reservation_changes_changed_at_idx",
}


def query(name: str) -> str:
    """A query of docs/dba/storage.md."""
    return (DOCS / name).read_text()


async def complete_statistics(api: Api, db: Connection) -> None:
    """Wait until the service's connections have ended: only then are their statistics complete."""
    await api.client.close()
    async with asyncio.timeout(10):
        while await db.fetchval("select count(*) from pg_stat_activity where application_name = 'reservation'"):
            await asyncio.sleep(0.05)


@pytest.fixture
async def after_a_day(jobs_run: None, start_api: StartApi, redis_url: str, db: Connection) -> Connection:
    """A database after a day's traffic, with complete statistics."""
    api = await start_api(HOLD_TTL_SECONDS="5", HOLD_MAX_SECONDS="10")
    admin = await api.admin()
    async with aiohttp.ClientSession() as session:
        day = Day(session, str(api.client.make_url("")).rstrip("/"), admin.access_token)
        await live(day, await build(day, holds=HOLDS), holds=HOLDS)
    server: Any = api.client.server
    async with Redis.from_url(redis_url, decode_responses=True) as redis, asyncio.timeout(30):
        while await db.fetchval("select count(*) from reservations where status = 'held'"):
            await expire_past_holds(redis, server.app[DATABASE], age_s=0, margin_s=0)
            await asyncio.sleep(0.2)
    await api.work()
    await assert_sound(db, redis_url)
    await complete_statistics(api, db)
    return db


async def test_after_a_days_traffic_updates_are_hot_and_every_index_is_used(after_a_day: Connection) -> None:
    """One test for updates, unused and duplicate indexes, since the day's traffic takes long."""
    rows = await after_a_day.fetch(query("hot_updates.sql"))
    updates = {row["table_name"]: row["updates"] for row in rows if row["updates"]}
    assert updates["reservations"] > HOLDS
    # An index has users.role, seats.retired_at, showtime_availability.recount_at, tickets.cancelled_at and
    # deliveries.next_attempt_at: updates of these are never HOT.
    not_hot = {"users", "seats", "showtime_availability", "tickets", "deliveries"}
    assert updates.keys() - {"database_generation"} == HOT_ABOVE.keys() | not_hot
    shares = {row["table_name"]: row["hot_percent"] for row in rows}
    least_of = dict(HOT_ABOVE)
    if after_a_day.get_server_version().major < BRIN_KEEPS_HOT:
        least_of["reservations"] = 70
    assert {table: shares[table] for table, least in least_of.items() if shares[table] <= least} == {}

    unused = {row["index_name"]: row["there_for"] for row in await after_a_day.fetch(query("unused_indexes.sql"))}
    # `reservation archive` reads showtimes_starts_at_idx, accounts of one address are rare, and the others are for the
    # version before 0035.
    assert {name for name, there_for in unused.items() if there_for == "nothing"} <= {
        "showtimes_starts_at_idx",
        "users_same_address_as_idx",
        "users_guest_email_idx",
        "movies_genres_idx",
        "deliveries_email_idx",
        "deliveries_order_idx",
        "deliveries_webhook_id_idx",
        "refunds_next_attempt_at_idx",
        *REPORT_INDEXES,
    }
    # Statistics do not count the lookups that inserts make in unique indexes and exclusion constraints.
    assert unused.keys() <= {
        "api_keys_user_id_idx",
        "account_tokens_pkey",  # read when a mailed token is used
        "archived_reservations_pkey",
        "change_log_pkey",
        "deliveries_email_idx",  # read by an erasure
        "deliveries_order_idx",  # read when a delivery is due
        "deliveries_webhook_id_idx",
        # The day has no payments.
        "payments_pkey",
        "payments_pending_key",
        "payments_reference_key",
        "payment_events_pkey",
        "refunds_pkey",
        "refunds_payment_id_idx",
        "refunds_next_attempt_at_idx",
        "migration_files_pkey",
        "reservation_changes_showtime_id_idx",
        *REPORT_INDEXES,
        "showtimes_overlap_excl",
        "showtimes_starts_at_idx",
        "tickets_pkey",
        # The day has no webhooks, and no showtime about to start.
        "webhooks_pkey",
        "webhook_secrets_pkey",
        "webhook_secrets_webhook_id_idx",
        "reminded_showtimes_pkey",
        "users_admin_idx",
        "users_same_address_as_idx",
        "users_guest_email_idx",
        "users_box_office_guest_key",
        "movies_genres_idx",
    }
    assert await after_a_day.fetch(query("duplicate_indexes.sql")) == []


async def test_an_index_on_an_updated_column_lowers_the_share_of_hot_updates(
    start_api: StartApi, db: Connection
) -> None:
    """As login_sessions had one until migration 0008: no refresh was HOT."""
    await db.execute("create index too_many on login_sessions (expires_at)")
    api = await start_api()
    person = await api.sign_up()
    token = person.refresh_token
    for _ in range(10):
        token = (await api.call("POST", "/auth/refresh", {"refresh_token": token})).json["refresh_token"]
    await complete_statistics(api, db)

    rows = {row["table_name"]: row for row in await db.fetch(query("hot_updates.sql"))}

    assert (rows["login_sessions"]["updates"], rows["login_sessions"]["hot_percent"]) == (10, 0)


async def test_unused_and_duplicate_indexes_are_found(db: Connection) -> None:
    await db.execute("create index same_again on reservations (showtime_id)")
    await db.execute("create index twin_one on seats (price_modifier)")
    await db.execute("create index twin_two on seats (price_modifier)")
    await db.execute("create index other_way on reservations (user_id, created_at)")  # the other one is descending
    await db.execute("create index part_of_it on movies (title) where genre is not null")
    await db.execute("create index whole_of_it on movies (title, id)")

    duplicates = {row["index_name"]: row["covered_by"] for row in await db.fetch(query("duplicate_indexes.sql"))}
    unused = {row["index_name"]: row["there_for"] for row in await db.fetch(query("unused_indexes.sql"))}

    assert duplicates == {
        "same_again": "reservations_showtime_id_expires_at_idx",
        "twin_two": "twin_one",
    }
    assert unused["twin_one"] == unused["part_of_it"] == "nothing"
    assert unused["same_again"] == "foreign key reservations_showtime_id_fkey"
    assert unused["users_lower_email_key"] == "unique"


@pytest.fixture
async def quick_autovacuum(shared_database_url: str) -> AsyncIterator[None]:
    """Autovacuum checks every second, in the whole cluster."""
    server = await asyncpg.connect(shared_database_url)
    await server.execute("alter system set autovacuum_naptime = '1s'")
    await server.execute("select pg_reload_conf()")
    yield
    await server.execute("alter system reset autovacuum_naptime")
    await server.execute("select pg_reload_conf()")
    await server.close()


async def test_every_table_that_grows_has_autovacuum_settings_of_its_own(db: Connection) -> None:
    rows = await db.fetch("select relname, reloptions from pg_class where relkind = 'r' and reloptions is not null")
    tuned = {row["relname"] for row in rows if any(option.startswith("autovacuum_") for option in row["reloptions"])}
    assert tuned == GROWING | {"archived_reservations"}


@pytest.mark.usefixtures("quick_autovacuum")
async def test_autovacuum_runs_when_a_twentieth_of_the_idempotency_keys_is_deleted(db: Connection) -> None:
    """An hour deletes a few per cent of the table; the default would wait for a fifth of it."""
    await db.execute(
        "insert into idempotency_keys (user_id, key, fingerprint, reservation_id, created_at)"
        " select 1, n::text, decode(md5(n::text), 'hex'), gen_random_uuid(), now() - n * interval '1 second'"
        " from generate_series(1, 20000) as n"
    )
    await db.execute("vacuum analyze idempotency_keys")
    await db.execute("delete from idempotency_keys where created_at < now() - interval '17000 seconds'")
    await db.execute("select pg_stat_force_next_flush()")

    async with asyncio.timeout(60):
        while not await db.fetchval(
            "select autovacuum_count from pg_stat_user_tables where relname = 'idempotency_keys'"
        ):
            await asyncio.sleep(0.2)

    dead = await db.fetchval("select n_dead_tup from pg_stat_user_tables where relname = 'idempotency_keys'")
    assert dead < 3_000


@pytest.mark.usefixtures("quick_autovacuum")
async def test_autovacuum_freezes_rows_that_are_only_inserted(db: Connection) -> None:
    """Rows of booked_seats never change, so the first vacuum can freeze them."""
    await db.execute("alter table booked_seats drop constraint booked_seats_showtime_id_fkey")
    seen = None
    for vacuums in range(4):  # a vacuum beside an older snapshot can freeze few rows
        await db.execute(
            "insert into booked_seats (showtime_id, seat_id, reservation_id)"
            " select $1, n, gen_random_uuid() from generate_series(1, 11000) as n",
            vacuums,
        )
        await db.execute("select pg_stat_force_next_flush()")
        async with asyncio.timeout(60):
            while vacuums >= await db.fetchval(
                "select autovacuum_count from pg_stat_user_tables where relname = 'booked_seats'"
            ):
                await asyncio.sleep(0.2)
        seen = await db.fetchrow(
            "select relallvisible, relpages, age(relfrozenxid) from pg_class where relname = 'booked_seats'"
        )
        if seen is not None and seen["relallvisible"]:
            break

    assert seen is not None
    assert seen["relallvisible"] == seen["relpages"] > 0
    assert seen["age"] < 100


async def test_bytes_match_the_relations_sizes(db: Connection) -> None:
    await db.execute(
        "insert into idempotency_keys (user_id, key, fingerprint, reservation_id)"
        " select 1, n::text, decode(md5(n::text), 'hex'), gen_random_uuid() from generate_series(1, 5000) as n"
    )
    await db.execute("vacuum analyze idempotency_keys")

    rows = [row for row in await db.fetch(query("bytes.sql")) if row["table_name"] == "idempotency_keys"]

    found = {row["index_name"]: (row["row_count"], row["bytes"], float(row["bytes_a_row"])) for row in rows}
    assert found.keys() == {None, "idempotency_keys_pkey", "idempotency_keys_created_at_idx"}
    size = await db.fetchval("select pg_relation_size('idempotency_keys_pkey')")
    assert found["idempotency_keys_pkey"] == (5000, size, round(size / 5000, 1))
    assert 60 < found[None][2] < 150
