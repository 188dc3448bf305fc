"""Migrations 0012 to 0015: reservations get their seats as arrays while the version before goes on."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import psycopg
import pytest
from redis.asyncio import Redis

from reservation.db import migrations as schema
from reservation.dba.audit import audit
from tests.api import Connection
from tests.db import before_0012 as before
from tests.db.test_migrations import FILES

LAST_BEFORE = "0011"
CINEMA = """
insert into users (name, email, password_hash) select n, n || '@example.com', 'x' from generate_series(1, 4) as n;
insert into movies (title, duration_minutes) values ('A Film', 100);
insert into auditoriums (name, capacity) values ('A Room', 1000);
insert into seats (auditorium_id, row_label, seat_number)
select 1, chr(65 + n / 20), n % 20 + 1 from generate_series(0, 399) as n;
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select 1, 1, d.at, d.at + interval '2 hours', d.at + interval '2 hours', 10
from (select now() + n * interval '1 day' as at from generate_series(1, 9) as n) as d;
"""
HISTORY = """
with made as (
    insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, cancelled_at)
    select gen_random_uuid(), 1, 1, 'cancelled', 20, now() + interval '1 minute', now() from generate_series(1, {count})
    returning id
)
insert into reservation_seats (reservation_id, seat_id, price_at_booking)
select id, seat_id, 10 from made cross join unnest(array[21, 2]) as seat_id
"""
WITHOUT_SEATS = "select count(*) from reservations where seat_ids = '{}'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations of the version before."""
    found = tmp_path / "migrations"
    found.mkdir()
    for path in FILES:
        if path.name[:4] <= LAST_BEFORE:
            shutil.copy(path, found)
    return found


@pytest.fixture
def url(empty_database_url: str, folder: Path) -> str:
    """A database of the version before, with a cinema."""
    schema.apply(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(CINEMA)
    return empty_database_url


@pytest.fixture
async def db(url: str) -> AsyncIterator[Connection]:
    """A connection to it."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


def add(folder: Path, upto: str) -> None:
    """Add the migrations up to a number."""
    for path in FILES:
        if LAST_BEFORE < path.name[:4] <= upto:
            shutil.copy(path, folder)


async def seats_in_order(db: Connection) -> bool:
    """Whether each reservation has its seats in the order of the seat map, with their labels and numbers."""
    wrong = await db.fetchval("""
        select count(*) from reservations as r
        where (r.seat_ids, r.row_labels, r.seat_numbers) is distinct from (
            select (array_agg(s.id order by s.row_label, s.seat_number),
            array_agg(s.row_label order by s.row_label, s.seat_number),
            array_agg(s.seat_number order by s.row_label, s.seat_number))
            from seats as s where s.id = any(r.seat_ids)
        ) or prices <> array_fill(10.00, array[cardinality(seat_ids)])
    """)
    return bool(wrong == 0)


class OldWorker:
    """Holds, confirms and cancels with the statements of the version before, until it is stopped."""

    def __init__(self, url: str, number: int) -> None:
        self.url, self.user_id, self.chance = url, number, random.Random(number)
        self.held: dict[UUID, tuple[int, frozenset[int]]] = {}
        self.confirmed: set[UUID] = set()
        self.rounds = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work on seats that other workers want, too."""
        connection = await asyncpg.connect(self.url, server_settings={"lock_timeout": "5s", "role": "reservation_app"})
        try:
            while not stop.is_set():
                await self.round(connection)
                self.rounds += 1
        finally:
            await connection.close()

    async def round(self, connection: Connection) -> None:
        """One hold, which is confirmed or not, and cancelled or not."""
        showtime, seats = self.chance.randint(2, 9), self.chance.sample(range(1, 401), self.chance.randint(1, 4))
        made = await before.hold(connection, self.user_id, showtime, seats)
        if made is None:
            return
        self.held[made] = (showtime, frozenset(seats))
        if self.chance.random() < 0.8 and await before.confirm(connection, self.user_id, made):
            self.confirmed.add(made)
        if self.chance.random() < 0.3 and await before.cancel(connection, self.user_id, made):
            self.confirmed.discard(made)


async def test_reservations_keep_their_seats_while_workers_of_the_version_before_go_on(
    url: str, db: Connection, folder: Path, redis_url: str
) -> None:
    await db.execute(HISTORY.format(count=3000))
    workers, stop = [OldWorker(url, number) for number in range(1, 5)], asyncio.Event()
    running = [asyncio.create_task(worker.run(stop)) for worker in workers]

    async def some_more_rounds() -> None:
        """Until each worker has done some, or has failed."""
        wanted = [worker.rounds + 5 for worker in workers]
        async with asyncio.timeout(30):
            while any(worker.rounds < count for worker, count in zip(workers, wanted, strict=True)):
                assert not any(task.done() for task in running), [task.exception() for task in running if task.done()]
                await asyncio.sleep(0.01)

    for number in ("0012", "0013", "0014", "0015"):
        await some_more_rounds()
        add(folder, number)
        assert [name[:4] for name in await asyncio.to_thread(schema.apply, url, folder=folder)] == [number]
    await some_more_rounds()
    stop.set()
    await asyncio.gather(*running)

    assert await db.fetchval(WITHOUT_SEATS) == 0
    rows = await db.fetch(
        "select id, showtime_id, status, seat_ids, row_labels, seat_numbers, prices from reservations"
    )
    found = {row["id"]: (row["showtime_id"], frozenset(row["seat_ids"])) for row in rows if row["showtime_id"] > 1}
    assert found == {made: asked for worker in workers for made, asked in worker.held.items()}
    assert {row["id"] for row in rows if row["status"] == "confirmed"} == {
        made for worker in workers for made in worker.confirmed
    }
    assert await seats_in_order(db)
    for path in FILES:  # what the audit reads may be younger
        shutil.copy(path, folder)
    await asyncio.to_thread(schema.apply, url, folder=folder)
    async with Redis.from_url(redis_url) as redis:
        assert await audit(db, redis) == []


async def test_a_fill_that_was_killed_continues_when_run_again(url: str, db: Connection, folder: Path) -> None:
    """A locked reservation keeps it from the end."""
    await db.execute(HISTORY.format(count=2500))
    add(folder, "0012")
    schema.apply(url, folder=folder)
    add(folder, "0013")
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("select from reservations order by id limit 1 for update")
        filling = asyncio.create_task(asyncio.to_thread(schema.apply, url, folder=folder))
        async with asyncio.timeout(30):
            while await db.fetchval(WITHOUT_SEATS) > 1:
                await asyncio.sleep(0.01)
        killed = await db.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and query ~ 'unfilled boolean' and pid <> pg_backend_pid()"
        )
        assert len(killed) == 1
        with pytest.raises(schema.MigrationFailed):
            await filling
    await other.close()
    assert schema.to_apply(url, folder=folder) == ["0013_fill_seats_in_reservations"]

    schema.apply(url, folder=folder)

    with psycopg.connect(url) as connection:
        assert connection.execute(WITHOUT_SEATS.encode()).fetchone() == (0,)


async def test_the_view_takes_the_tables_place_only_when_nobody_uses_it(url: str, db: Connection, folder: Path) -> None:
    """While it waits, the statements of the version before go on."""
    add(folder, "0013")
    schema.apply(url, folder=folder)
    add(folder, "0014")
    worker = await asyncpg.connect(url, server_settings={"lock_timeout": "2s"})
    async with db.transaction():
        await db.fetch("select from reservation_seats limit 1")
        swapping = asyncio.create_task(asyncio.to_thread(schema.apply, url, folder=folder))
        rounds = OldWorker(url, 1)
        while not swapping.done():
            await rounds.round(worker)
            await asyncio.sleep(0.02)
        with pytest.raises(schema.MigrationFailed, match="in use; run the migration again"):
            await swapping
    assert rounds.held

    assert schema.apply(url, folder=folder) == ["0014_reservation_seats_view"]

    await worker.close()
    assert await db.fetchval("select relkind from pg_class where relname = 'reservation_seats'") == b"v"
    assert await seats_in_order(db)


async def test_what_came_in_past_the_trigger_is_filled_before_the_table_goes(
    url: str, db: Connection, folder: Path
) -> None:
    add(folder, "0013")
    schema.apply(url, folder=folder)
    await db.execute("alter table reservation_seats disable trigger reservation_seats_copied")
    await db.execute(HISTORY.format(count=3))
    assert await db.fetchval(WITHOUT_SEATS) == 3

    add(folder, "0015")
    schema.apply(url, folder=folder)

    assert await db.fetchval(WITHOUT_SEATS) == 0
    assert await seats_in_order(db)


async def test_the_view_refuses_retired_and_repeated_seats(db: Connection, url: str, folder: Path) -> None:
    add(folder, "0015")
    schema.apply(url, folder=folder)
    made = await before.hold(db, 1, 2, [5])
    await db.execute("update seats set retired_at = now() where id = 7")
    for seat_id, reservation_id in ((7, made), (5, made), (4711, made), (6, UUID(int=1))):
        with pytest.raises(asyncpg.SerializationError):
            await db.execute("insert into reservation_seats values ($1, $2, 10)", reservation_id, seat_id)
    assert await db.fetchval("select seat_ids from reservations where id = $1", made) == [5]
