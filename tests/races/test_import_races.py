"""Imports beside customers and administrators: locks are waited for, and there is no deadlock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg
import pytest

from reservation.catalog.bulk import showtime_imports
from reservation.catalog.bulk.csv_rows import Faults
from reservation.catalog.bulk.imports import Imported, ImportRolledBack
from reservation.catalog.bulk.showtime_imports import ShowtimeRow, write_showtimes
from reservation.db.pool import Database
from reservation.db.pool_options import pool_options
from reservation.db.repository import audit, bulk
from reservation.db.repository.showtimes import ShowtimeInput
from reservation.settings import Settings
from tests.api import Api, Cinema, Connection
from tests.conftest import StartApi
from tests.faults.test_batches import blocked, until

START = datetime(2031, 1, 1, tzinfo=UTC)
GATE = 4712
# A transaction that changes a showtime waits for the gate and keeps the locks that it has.
GATED_UPDATES = f"""
create function wait_at_update() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared({GATE});
    return new;
end $$;
create trigger wait_at_update before update on showtimes for each row execute function wait_at_update();
"""

Outcome: TypeAlias = "tuple[Imported | None, list[str]]"


@asynccontextmanager
async def gate(db: Connection) -> AsyncIterator[None]:
    """No transaction changes a showtime until this block ends."""
    await db.execute(GATED_UPDATES)
    await db.execute(f"select pg_advisory_lock({GATE})")
    yield
    await db.execute(f"select pg_advisory_unlock({GATE})")


def moved(line: int, showtime_id: int, room: int, hour: int) -> ShowtimeRow:
    starts_at = START + timedelta(hours=hour)
    wanted = ShowtimeInput(1, room, starts_at, starts_at + timedelta(hours=1), Decimal("10.00"))
    return ShowtimeRow(line, showtime_id, wanted)


async def write(settings: Settings, rows: Sequence[ShowtimeRow], skip_errors: bool = False) -> Outcome:
    """What an import makes of the rows, on a connection of its own; None if it makes nothing."""
    faults = Faults()
    imported: Imported | None = None
    async with asyncpg.create_pool(**pool_options(settings) | {"min_size": 1, "max_size": 1}) as pool:
        try:
            imported, _ = await write_showtimes(
                Database(pool, wait_s=5), rows, faults, cleaning_s=0, skip_errors=skip_errors, advance=lambda _: None
            )
        except ImportRolledBack:
            assert faults
    return imported, list(faults)


async def programme(db: Connection, places: Sequence[tuple[int, int]]) -> None:
    """A movie, two auditoriums, and showtimes with the ids from 1, each in an auditorium at an hour."""
    await db.execute("insert into movies (title, duration_minutes) values ('A', 90)")
    await db.execute("insert into auditoriums (name, capacity) values ('One', 10), ('Two', 10)")
    for room, hour in places:
        starts_at = START + timedelta(hours=hour)
        await db.execute(
            "insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)"
            " values (1, $1, $2, $3, $3, 10)",
            room,
            starts_at,
            starts_at + timedelta(hours=1),
        )


async def test_two_imports_between_the_same_rooms_do_not_deadlock(settings: Settings, db: Connection) -> None:
    """Each showtime moves to the auditorium and the time of the other."""
    await programme(db, [(2, 0), (2, 10), (1, 20), (1, 30)])
    there = [moved(2, 1, 1, 40), moved(3, 2, 1, 20)]
    back = [moved(2, 3, 2, 50), moved(3, 4, 2, 0)]

    async with gate(db):
        imports = [asyncio.create_task(write(settings, rows)) for rows in (there, back)]
        await until(lambda: blocked(db, 2))
    outcomes = await asyncio.gather(*imports)

    assert outcomes == [
        (None, ["line 3: Showtime 3 has the auditorium at that time."]),
        (None, ["line 3: Showtime 1 has the auditorium at that time."]),
    ]


async def test_two_puts_that_exchange_rooms_do_not_deadlock(api: Api, db: Connection) -> None:
    movie_id, admin = await api.movie(), await api.admin()
    rooms = [(await api.auditorium())[0] for _ in range(2)]
    showtimes = [await api.showtime(movie_id, room) for room in rooms]
    bodies = []
    for showtime_id, room in zip(showtimes, reversed(rooms), strict=True):
        now = (await api.call("GET", f"/showtimes/{showtime_id}")).json
        bodies.append({name: now[name] for name in ("movie_id", "starts_at", "ends_at", "base_price")})
        bodies[-1]["auditorium_id"] = room

    async with gate(db):
        puts = [
            asyncio.create_task(api.call("PUT", f"/admin/showtimes/{showtime_id}", body, who=admin))
            for showtime_id, body in zip(showtimes, bodies, strict=True)
        ]
        await until(lambda: blocked(db, 2))
    answers = await asyncio.gather(*puts)

    assert [(answer.status, answer.code) for answer in answers] == [(409, "showtime_overlap")] * 2


async def test_an_import_retries_if_a_showtime_moves_before_its_lock(
    settings: Settings, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await programme(db, [(1, 0)])
    await db.execute("insert into auditoriums (name, capacity) values ('Three', 10)")
    find, looks = bulk.find_showtime_rooms, 0

    async def find_and_move(*args: Any, **words: Any) -> set[int]:
        nonlocal looks
        looks += 1
        found = await find(*args, **words)
        if looks == 1:
            await db.execute("update showtimes set auditorium_id = 3")
        return found

    monkeypatch.setattr(bulk, "find_showtime_rooms", find_and_move)
    assert await write(settings, [moved(2, 1, 2, 0)]) == (Imported(0, 1, 0), [])
    assert looks == 2


class Pause:
    """A pause before one call of a function, until `go_on` is set."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    def before(self, function: Callable[..., Any], time: int = 1) -> Callable[..., Any]:
        """The function, with the pause before the call of this number."""
        calls = 0

        async def paused(*args: Any, **words: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == time:
                self.reached.set()
                await self.go_on.wait()
            return await function(*args, **words)

        return paused


async def to_another_room(api: Api, db: Connection, cinema: Cinema) -> ShowtimeRow:
    """A row that moves a cinema's showtime."""
    room, _ = await api.auditorium()
    was = await db.fetchrow("select * from showtimes where id = $1", cinema.showtime_id)
    assert was is not None
    names = ("starts_at", "ends_at", "base_price")
    wanted = ShowtimeInput(was["movie_id"], room, *(was[name] for name in names))
    return ShowtimeRow(2, cinema.showtime_id, wanted)


@pytest.mark.parametrize("skip_errors", [False, True])
async def test_holds_and_confirms_succeed_during_an_import(
    api: Api, settings: Settings, db: Connection, monkeypatch: pytest.MonkeyPatch, skip_errors: bool
) -> None:
    """The showtime is replaced, and the import goes on; a hold of its seats before the end rolls the import back."""
    cinema, other = await api.cinema(), await api.cinema()
    customer = await api.sign_up()
    pause = Pause()
    monkeypatch.setattr(showtime_imports, "_insert", pause.before(showtime_imports._insert))
    importing = asyncio.create_task(write(settings, [await to_another_room(api, db, cinema)], skip_errors))
    await pause.reached.wait()
    answers = await asyncio.gather(
        *(api.hold(customer, each.showtime_id, [each.seat_ids[at]]) for at in range(5) for each in (cinema, other))
    )
    pause.go_on.set()

    assert [answer.status for answer in answers] == [201] * 10
    assert await importing == (None, ["line 2: The showtime was reserved while the import ran, and cannot change now."])
    assert await audit.violations(db, rule="audit/seats_of_other_rooms", row_limit=10) == []
    assert (await api.confirm(customer, answers[0].json["id"])).status == 200


async def test_a_hold_during_a_change_of_rooms_is_refused(
    api: Api, settings: Settings, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold begins while the showtime is in its old auditorium, and waits for the end of the import."""
    cinema, customer = await api.cinema(), await api.sign_up()
    pause = Pause()
    monkeypatch.setattr(bulk, "find_reserved", pause.before(bulk.find_reserved, time=3))
    importing = asyncio.create_task(write(settings, [await to_another_room(api, db, cinema)]))
    await pause.reached.wait()
    holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2]))
    await until(lambda: blocked(db, 1))
    pause.go_on.set()

    assert await importing == (Imported(0, 1, 0), [])
    answer = await holding
    assert (answer.status, answer.code) == (422, "validation_error")
    assert await db.fetchval("select count(*) from reservations") == 0
    assert await audit.violations(db, rule="audit/seats_of_other_rooms", row_limit=10) == []


async def test_an_import_waits_for_a_concurrent_reservation(
    api: Api, settings: Settings, db: Connection, database_url: str
) -> None:
    """It was written before the import looked, and is committed only then."""
    cinema, customer = await api.cinema(), await api.sign_up()
    row = await to_another_room(api, db, cinema)
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("select id from showtimes where id = $1 for key share", cinema.showtime_id)
    await other.execute(
        "insert into reservations (id, user_id, showtime_id, total_price, expires_at)"
        " values ('019aa000-0000-7000-8000-000000000001', $1, $2, 0, now() + interval '1 hour')",
        customer.id,
        cinema.showtime_id,
    )
    importing = asyncio.create_task(write(settings, [row]))
    await until(lambda: blocked(db, 1))
    await transaction.commit()
    await other.close()
    assert await importing == (None, ["line 2: The showtime was reserved while the import ran, and cannot change now."])


async def test_a_locked_showtime_fails_only_its_own_holds(start_api: StartApi, db: Connection) -> None:
    """Those of others share the batch with it, or queue behind it, and are granted while it is locked."""
    api = await start_api(STATEMENT_TIMEOUT_SECONDS="5")  # the wait for a lock is limited to two fifths of it
    bad, good = await api.cinema(), await api.cinema()
    customer = await api.sign_up()
    async with db.transaction():
        await db.execute("select id from showtimes where id = $1 for update", bad.showtime_id)
        first = asyncio.create_task(api.hold(customer, bad.showtime_id, bad.seat_ids[:1]))
        await until(lambda: blocked(db, 1))
        answers = await asyncio.gather(
            *(api.hold(customer, each.showtime_id, [each.seat_ids[at]]) for at in range(1, 6) for each in (bad, good))
        )
        locked = [await first, *answers[::2]]
    assert [(answer.status, answer.code) for answer in locked] == [(503, "row_locked")] * 6
    assert [answer.status for answer in answers[1::2]] == [201] * 5
    assert (await api.hold(customer, bad.showtime_id, bad.seat_ids[:6])).status == 201  # nothing keeps the seats
