"""Migrations 0019 and 0020: reservations get codes while the version before goes on."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import psycopg
import pytest

from reservation.db import migrations as schema
from tests.api import Connection
from tests.db.test_migrations import FILES
from tests.db.test_seats_migration import CINEMA, OldWorker

HISTORY = """
insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, cancelled_at, seat_ids, row_labels,
seat_numbers, prices)
select gen_random_uuid(), 1, 1, 'cancelled', 20, now() + interval '1 minute', now(), '{1}', '{A}', '{1}', '{20}'
from generate_series(1, 2500);
insert into archived_reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at, seat_ids,
row_labels, seat_numbers, prices)
select gen_random_uuid(), 1, 1, 'expired', 20, now(), now(), '{1}', '{A}', '{1}', '{20}' from generate_series(1, 1500);
"""
# The fifth code is the fourth one again.
ONE_TAKEN = """
create sequence codes;
create or replace function new_reservation_code() returns text language sql volatile as $$
    select lpad((case made.number when 5 then 4 else made.number end)::text, 8, '0')
    from (select nextval('codes') as number) as made
$$;
"""

WAITS_IN_THE_SECOND_BATCH = """
create sequence codes;
create or replace function new_reservation_code() returns text language plpgsql volatile as $$
begin
    if nextval('codes') = 1500 then
        perform pg_advisory_xact_lock(4711);
    end if;
    return lpad(currval('codes')::text, 8, '0');
end
$$;
"""
WAITING = "select pid from pg_locks where locktype = 'advisory' and objid = 4711 and not granted"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations before 0019."""
    found = tmp_path / "migrations"
    found.mkdir()
    add(found, "0000", "0018")
    return found


@pytest.fixture
async def db(empty_database_url: str, folder: Path) -> AsyncIterator[Connection]:
    """A connection to a database of the version before, with a history."""
    schema.apply(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url, autocommit=True) as filling:
        filling.execute(CINEMA.encode())
        filling.execute(HISTORY.encode())
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


def add(folder: Path, after: str, upto: str) -> None:
    for path in FILES:
        if after < path.name[:4] <= upto:
            shutil.copy(path, folder)


async def test_reservations_get_codes_while_workers_of_the_version_before_go_on(
    db: Connection, empty_database_url: str, folder: Path
) -> None:
    workers, stop = [OldWorker(empty_database_url, number) for number in range(1, 4)], asyncio.Event()
    running = [asyncio.create_task(worker.run(stop)) for worker in workers]

    async def some_more_rounds() -> None:
        wanted = [worker.rounds + 5 for worker in workers]
        async with asyncio.timeout(30):
            while any(worker.rounds < count for worker, count in zip(workers, wanted, strict=True)):
                assert not any(task.done() for task in running), [task.exception() for task in running if task.done()]
                await asyncio.sleep(0.01)

    for before, number in (("0018", "0019"), ("0019", "0020")):
        await some_more_rounds()
        add(folder, before, number)
        applied = await asyncio.to_thread(schema.apply, empty_database_url, folder=folder)
        assert [name[:4] for name in applied] == [number]
    await some_more_rounds()
    stop.set()
    await asyncio.gather(*running)

    made = 2500 + sum(len(worker.held) for worker in workers)
    assert tuple(await db.fetchrow("select count(*), count(distinct code) from reservations") or ()) == (made, made)
    assert await db.fetchval("select count(distinct code) from archived_reservations") == 1500


async def test_a_taken_code_makes_its_batch_try_again(db: Connection, empty_database_url: str, folder: Path) -> None:
    add(folder, "0018", "0019")
    schema.apply(empty_database_url, folder=folder)
    await db.execute(ONE_TAKEN)
    add(folder, "0019", "0020")

    await asyncio.to_thread(schema.apply, empty_database_url, folder=folder)

    assert await db.fetchval("select count(distinct code) from reservations") == 2500
    assert await db.fetchval("select last_value from codes") == 5 + 2500 + 1500


async def test_a_fill_that_was_killed_continues_when_run_again(
    db: Connection, empty_database_url: str, folder: Path
) -> None:
    add(folder, "0018", "0019")
    schema.apply(empty_database_url, folder=folder)
    await db.execute(WAITS_IN_THE_SECOND_BATCH)
    add(folder, "0019", "0020")
    await db.execute("select pg_advisory_lock(4711)")
    filling = asyncio.create_task(asyncio.to_thread(schema.apply, empty_database_url, folder=folder))
    async with asyncio.timeout(30):
        while not await db.fetchval(WAITING):
            await asyncio.sleep(0.01)
        await db.execute(f"select pg_terminate_backend(({WAITING}))")
        with pytest.raises(schema.MigrationFailed):
            await filling
    await db.execute("select pg_advisory_unlock(4711)")
    assert schema.to_apply(empty_database_url, folder=folder) == ["0020_reservation_codes"]
    filled = await codes(db)
    assert len(filled) == 1000

    schema.apply(empty_database_url, folder=folder)

    after = await codes(db)
    assert len(set(after.values())) == len(after) == 2500
    assert after.items() >= filled.items()


async def codes(db: Connection) -> dict[UUID, str]:
    rows = await db.fetch("select id, code from reservations where code is not null")
    return {row["id"]: row["code"] for row in rows}
