"""The versions of what workers cache: every change of seats, rooms and prices raises them, also one made by hand."""

import asyncpg
import pytest

OPEN = """
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select $1, $2, s.at, s.at + interval '1 hour', s.at + interval '1 hour', 10
from (select now() + $3 * interval '1 hour') as s (at)
returning id
"""
VERSIONS = """
select a.plan_version, st.layout_version
from showtimes as st inner join auditoriums as a on st.auditorium_id = a.id
where st.id = $1
"""


@pytest.fixture
async def showtime(db: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, int, int]:
    """A room of two seats, a showtime that is not over, and one that is."""
    movie = await db.fetchval("insert into movies (title, duration_minutes) values ('A Film', 60) returning id")
    room = await db.fetchval("insert into auditoriums (name, capacity) values ('A Room', 9) returning id")
    await db.execute(
        "insert into seats (auditorium_id, row_label, seat_number) select $1, 'A', n from generate_series(1, 2) as n",
        room,
    )
    return room, await db.fetchval(OPEN, movie, room, 2), await db.fetchval(OPEN, movie, room, -9)


@pytest.mark.parametrize(
    ("change", "plan_raised", "layout_raised"),
    [
        ("insert into seats (auditorium_id, row_label, seat_number) values ({room}, 'B', 1)", 1, 1),
        ("update seats set price_modifier = 2 where auditorium_id = {room}", 1, 1),
        ("update seats set retired_at = now() where auditorium_id = {room} and seat_number = 1", 1, 1),
        ("update showtimes set base_price = 11 where id = {showtime}", 0, 1),
        ("update showtimes set base_price = base_price, starts_at = starts_at where id = {showtime}", 0, 0),
        ("update showtimes set starts_at = starts_at + interval '1 minute' where id = {showtime}", 0, 1),
        ("update showtimes set movie_id = {other_movie} where id = {showtime}", 0, 1),
        ("update showtimes set on_sale_at = now() where id = {showtime}", 0, 1),
        ("update showtimes set sales_end_at = now() where id = {showtime}", 0, 1),
        ("update showtimes set waiting_room = true where id = {showtime}", 0, 1),
        ("update showtimes set status = 'cancelled', cancelled_at = now() where id = {showtime}", 0, 1),
        ("update showtimes set format = '3D', audio_language = 'en' where id = {showtime}", 0, 0),
        ("update auditoriums set name = 'Another Name' where id = {room}", 0, 1),
        ("update auditoriums set capacity = 10 where id = {room}", 0, 0),
        ("update movies set title = 'Another Film'", 0, 1),
        ("update movies set description = 'Long'", 0, 0),
        ("update cinemas set name = 'Another Cinema'", 0, 1),
        ("update cinemas set timezone = 'Europe/Berlin'", 0, 1),
        ("update cinemas set address = 'Another Street'", 0, 0),
    ],
)
async def test_a_change_of_seats_prices_or_names_raises_the_versions(
    db: "asyncpg.Connection[asyncpg.Record]",
    showtime: tuple[int, int, int],
    change: str,
    plan_raised: int,
    layout_raised: int,
) -> None:
    room, open_id, over_id = showtime
    before, over_before = await db.fetchrow(VERSIONS, open_id), await db.fetchrow(VERSIONS, over_id)
    other = await db.fetchval("insert into movies (title, duration_minutes) values ('Another', 60) returning id")
    await db.execute(change.format(room=room, showtime=open_id, other_movie=other))
    after, over_after = await db.fetchrow(VERSIONS, open_id), await db.fetchrow(VERSIONS, over_id)
    assert before is not None
    assert over_before is not None
    assert after is not None
    assert over_after is not None
    assert before is not None
    assert over_before is not None
    assert after is not None
    assert over_after is not None
    assert after["plan_version"] - before["plan_version"] == plan_raised
    assert after["layout_version"] - before["layout_version"] == layout_raised
    assert over_after["layout_version"] == over_before["layout_version"]


async def test_a_change_of_seats_waits_for_a_hold_that_is_being_written(
    db: "asyncpg.Connection[asyncpg.Record]", database_url: str, showtime: tuple[int, int, int]
) -> None:
    room, open_id, _ = showtime
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.fetch("select from showtimes where id = $1 for key share", open_id)
            await db.execute("set lock_timeout = '50ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await db.execute("update seats set price_modifier = 2 where auditorium_id = $1", room)
        await db.execute("update seats set price_modifier = 2 where auditorium_id = $1", room)
    finally:
        await other.close()


async def test_a_seat_moved_to_another_room_raises_the_versions_of_both(
    db: "asyncpg.Connection[asyncpg.Record]", showtime: tuple[int, int, int]
) -> None:
    room, open_id, _ = showtime
    before = await db.fetchval("select layout_version from showtimes where id = $1", open_id)
    other = await db.fetchval("insert into auditoriums (name, capacity) values ('Another Room', 9) returning id")
    await db.execute("update seats set auditorium_id = $1 where auditorium_id = $2 and seat_number = 1", other, room)
    assert await db.fetchval("select layout_version from showtimes where id = $1", open_id) == before + 1
    assert await db.fetchval("select plan_version from auditoriums where id = $1", other) == 2


async def test_a_showtime_that_was_over_when_its_room_changed_has_another_version_once_it_is_not(
    db: "asyncpg.Connection[asyncpg.Record]", showtime: tuple[int, int, int]
) -> None:
    room, _, over_id = showtime
    before = await db.fetchval("select layout_version from showtimes where id = $1", over_id)
    await db.execute("update seats set price_modifier = 2 where auditorium_id = $1", room)
    await db.execute(
        "update showtimes set starts_at = now() + interval '5 hours', ends_at = now() + interval '6 hours',"
        " free_at = now() + interval '6 hours' where id = $1",
        over_id,
    )
    assert await db.fetchval("select layout_version from showtimes where id = $1", over_id) > before
