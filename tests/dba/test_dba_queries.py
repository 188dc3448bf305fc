"""The queries of docs/dba/guide.md run by a role that only reads, and return what the guide says."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from reservation.db.statements import sql
from tests.api import Api, Connection

ROOT = Path(__file__).parents[2]
QUERIES = {path.stem: path.read_text() for path in sorted(ROOT.glob("docs/dba/queries/*.sql"))}
GUIDE = (ROOT / "docs/dba/guide.md").read_text()
LOCKS = re.compile(r"\bfor (?:no key update|key share|update|share)\b")


@pytest.mark.parametrize("name", QUERIES)
async def test_each_query_runs_with_a_role_that_only_reads(seeded_database_url: str, name: str) -> None:
    assert QUERIES[name].startswith("-- ")
    connection = await asyncpg.connect(seeded_database_url, server_settings={"role": "reservation_readonly"})
    try:
        async with connection.transaction(readonly=True):
            await connection.fetch(QUERIES[name])
    finally:
        await connection.close()


def test_the_guide_names_every_query_and_no_other() -> None:
    assert set(re.findall(r"\(queries/([a-z_]+)\.sql\)", GUIDE)) == QUERIES.keys()


def test_the_guide_names_every_statement_that_locks_rows() -> None:
    locking = {
        f"{path.parent.name}/{path.stem}"
        for path in ROOT.glob("sql/*/*.sql")
        if LOCKS.search(re.sub(r"/\*.*?\*/|--[^\n]*", "", path.read_text(), flags=re.DOTALL))
    }
    assert len(locking) > 10
    assert {name for name in locking if f"`{name}`" not in GUIDE} == set()


async def test_blocked_names_the_waiting_and_the_blocking_session(api: Api, db: Connection, database_url: str) -> None:
    showtime_id = (await api.cinema()).showtime_id
    holder, waiter = [await asyncpg.connect(database_url) for _ in range(2)]
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.fetch(sql("showtimes/lock_showtime"), showtime_id)
        waiting = asyncio.create_task(waiter.fetch(sql("showtimes/lock_showtime"), showtime_id))
        async with asyncio.timeout(10):
            while not (rows := await db.fetch(QUERIES["blocked"])):
                await asyncio.sleep(0.01)
        oldest = await db.fetch(QUERIES["oldest_transactions"])
        await transaction.rollback()
        await waiting
    finally:
        await holder.close()
        await waiter.close()

    [row] = rows
    assert (row["waiting_pid"], row["blocker_pid"]) == (waiter.get_server_pid(), holder.get_server_pid())
    assert row["waiting_statement"] == row["blocker_statement"] == "showtimes/lock_showtime"
    assert (row["blocker_state"], row["blocker_waits_too"]) == ("idle in transaction", False)
    assert str(holder.get_server_pid()) in {one["who"] for one in oldest if one["state"] == "idle in transaction"}


async def test_a_table_that_is_due_for_vacuum_is_over_100_percent(db: Connection) -> None:
    await db.execute("alter table movies set (autovacuum_enabled = off, autovacuum_vacuum_threshold = 10)")
    await db.execute(
        "insert into movies (title, duration_minutes) select 'm' || i, 90 from generate_series(1, 40) as i;"
        "delete from movies"
    )
    async with asyncio.timeout(10):
        while True:
            rows = {row["table_name"]: row for row in await db.fetch(QUERIES["vacuum_lag"])}
            if rows["movies"]["dead_rows"]:
                break
            await asyncio.sleep(0.05)

    assert (rows["movies"]["dead_rows"], rows["movies"]["dead_percent"]) == (40, 400)
    assert rows["idempotency_keys"]["inserted_percent"] is None


async def test_holds_are_counted_as_live_or_expired(api: Api, db: Connection) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    for seat_id in cinema.seat_ids[:3]:
        await api.hold(person, cinema.showtime_id, [seat_id])
    await db.execute(
        "update reservations set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'"
        " where id = (select min(id::text) from reservations)::uuid"
    )

    worth = {row["worth"]: row for row in await db.fetch(QUERIES["holds"])}
    [hot] = await db.fetch(QUERIES["hottest_showtimes"])

    assert {name: row["reservations"] for name, row in worth.items()} == {"held, live": 2, "held, expired": 1}
    assert worth["held, expired"]["longest_past_its_end"].total_seconds() >= 3600
    assert (hot["showtime_id"], hot["sold"], hot["live_holds"]) == (cinema.showtime_id, 0, 2)


async def test_connections_are_counted_by_application_name(api: Api, db: Connection) -> None:
    await api.call("GET", "/movies")
    name = await db.fetchval("select current_database()")

    # Also the service's background jobs use its connections, so idle is a state to wait for.
    async with asyncio.timeout(30):
        while True:
            found = [row for row in await db.fetch(QUERIES["connections"]) if row["database_name"] == name]
            states = {row["state"] for row in found if row["application_name"] == "reservation"}
            if "idle" in states:
                break
            await asyncio.sleep(0.05)

    assert sum(row["connections"] for row in found if row["application_name"] == "reservation") >= 1
