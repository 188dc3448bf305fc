"""The demo and generated data: repeatable, safe to write at the same time, and the audit finds no violation."""

import asyncio
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation.db.reservation_ids import showtime_of
from reservation.dba.audit import audit
from reservation.identity.passwords import verify_password
from reservation.seed import demo, random_reservations, scale as seeding
from reservation.seed.scale import PASSWORD, Generated, SeedError
from tests.api import Api

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TABLES = ("users", "movies", "auditoriums", "seats", "showtimes", "reservations", "booked_seats")


async def counts(db: Db) -> dict[str, int]:
    return {table: await db.fetchval(f"select count(*) from {table}") for table in TABLES}


async def seed_demo(database_url: str) -> bool:
    return await asyncio.to_thread(demo.seed, database_url, with_admin=True)


async def scale(
    database_url: str, *, showtimes: int = 700, seats: int = 25, users: int = 50, reservations: int = 6000
) -> Generated:
    return await asyncio.to_thread(
        seeding.scale, database_url, showtimes=showtimes, seats=seats, users=users, reservations=reservations
    )


# Showtimes with the times of their cinemas' time zones.
LOCAL = """(
    select
        st.id,
        st.auditorium_id,
        st.starts_at at time zone c.timezone as starts_at,
        st.ends_at at time zone c.timezone as ends_at,
        (now() at time zone c.timezone)::date as today,
        st.starts_at > now() as ahead
    from showtimes as st
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinemas as c on a.cinema_id = c.id
) as st"""


async def assert_audit_is_clean(db: Db, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        assert await audit(db, redis) == []


async def test_the_demo_fills_an_empty_database(database_url: str, redis_url: str, db: Db) -> None:
    assert await seed_demo(database_url)

    there = await counts(db)
    assert there["movies"] == len(demo.films())
    assert (there["auditoriums"], there["seats"], there["users"]) == (3, 380, 2)
    kinds = await db.fetch("select seat_type, price_modifier::text as modifier from seats group by 1, 2 order by 1")
    assert [tuple(kind) for kind in kinds] == [
        ("companion", "1.00"),
        ("premium", "1.50"),
        ("regular", "1.00"),
        ("wheelchair", "0.80"),
    ]
    await assert_audit_is_clean(db, redis_url)


async def test_the_demo_has_two_cinemas_in_different_time_zones(database_url: str, db: Db) -> None:
    await seed_demo(database_url)

    rooms = await db.fetch("""
        select c.id, c.name, c.timezone, array_agg(a.name order by a.id) as rooms
        from cinemas as c inner join auditoriums as a on c.id = a.cinema_id group by 1 order by 1
    """)
    assert [tuple(row) for row in rooms] == [
        (1, "Riverside", "America/New_York", ["Grand Hall", "Garden Room"]),
        (2, "Lichtburg", "Europe/Berlin", ["Studio"]),
    ]
    kinds = await db.fetch("""
        select distinct a.cinema_id, st.format, st.audio_language, st.subtitle_language
        from showtimes as st inner join auditoriums as a on st.auditorium_id = a.id order by 1, 2, 3
    """)
    assert [tuple(row) for row in kinds] == [
        (1, "2D", "en", None),
        (1, "3D", "en", None),
        (2, "2D", "de", None),
        (2, "2D", "en", "de"),
    ]
    films = await db.fetchrow("select count(director), count(age_rating), count(genre), count(*) from movies")
    assert films is not None
    assert len(set(films)) == 1


async def test_a_showtime_of_the_demo_goes_on_sale_tomorrow(database_url: str, db: Db) -> None:
    await seed_demo(database_url)
    await seed_demo(database_url)

    [row] = await db.fetch("""
        select
            st.starts_at = (select max(starts_at) from showtimes) as is_last,
            (st.on_sale_at at time zone c.timezone)::date - (now() at time zone c.timezone)::date as days
        from showtimes as st
        inner join auditoriums as a on st.auditorium_id = a.id
        inner join cinemas as c on a.cinema_id = c.id
        where st.on_sale_at is not null
    """)
    assert tuple(row) == (True, 1)


async def test_the_rooms_of_the_demo_have_aisles_and_companion_seats_beside_wheelchair_places(
    database_url: str, db: Db
) -> None:
    await seed_demo(database_url)

    rooms = await db.fetch("""
        select
            a.cinema_id,
            count(*) filter (where s.x - s.before = 2) as aisle_seats,
            count(*) filter (
                where s.x - s.before = 1 and array[s.seat_type, s.type_before] @> array['wheelchair', 'companion']
            ) as pairs,
            count(distinct s.y) = count(distinct s.row_label) as is_y_by_row
        from auditoriums as a inner join (
            select
                auditorium_id, row_label, seat_type, x, y,
                lag(x) over beside as before,
                lag(seat_type) over beside as type_before
            from seats window beside as (partition by auditorium_id, y order by x)
        ) as s on a.id = s.auditorium_id
        group by a.id order by a.id
    """)
    # Two aisles in each of 10, 8 and 6 rows.
    assert [tuple(room) for room in rooms] == [(1, 20, 4, True), (1, 16, 2, True), (2, 12, 2, True)]


async def test_the_map_of_the_first_showtime_of_tomorrow_has_a_blocked_row(database_url: str, db: Db, api: Api) -> None:
    await seed_demo(database_url)
    tomorrow = await db.fetchval("select (now() at time zone 'UTC')::date + 1")
    [first] = (await api.call("GET", f"/showtimes?date={tomorrow}&limit=1")).json["items"]

    seat_map = (await api.call("GET", f"/showtimes/{first['id']}/seats")).json["seats"]
    seats = (await api.call("GET", f"/auditoriums/{first['auditorium_id']}/layout")).json["seats"]

    last = {seat["id"] for seat in seats if seat["y"] == max(seat["y"] for seat in seats)}
    assert {seat["id"] for seat in seat_map if seat["status"] == "blocked"} == last
    assert {seat["status"] for seat in seat_map if seat["id"] not in last} == {"available"}
    blocks = (await api.call("GET", f"/admin/showtimes/{first['id']}/blocks", who=await api.admin())).json["items"]
    assert {(block["seat_id"], block["reason"]) for block in blocks} == {(seat, demo.HOUSE_SEATS) for seat in last}


async def test_the_demo_keeps_a_cinema_that_has_auditoriums(database_url: str, db: Db) -> None:
    await db.execute("insert into auditoriums (name, capacity) values ('Mine', 10)")

    assert await seed_demo(database_url)

    names = await db.fetch("select name from cinemas order by id")
    assert [row["name"] for row in names] == ["Cinema", "Riverside", "Lichtburg"]


async def test_the_demo_logins_have_the_printed_passwords(database_url: str, db: Db) -> None:
    await seed_demo(database_url)

    rows = await db.fetch("select email, password_hash, role from users order by email")
    assert [(row["email"], row["role"]) for row in rows] == [
        (demo.ADMIN_EMAIL, "admin"),
        (demo.CUSTOMER_EMAIL, "user"),
    ]
    assert verify_password(rows[0]["password_hash"], demo.ADMIN_PASSWORD)
    assert verify_password(rows[1]["password_hash"], demo.CUSTOMER_PASSWORD)


async def test_the_demo_has_showtimes_on_each_of_the_next_fourteen_days(database_url: str, db: Db) -> None:
    await seed_demo(database_url)

    days = await db.fetch(f"""
        select
            auditorium_id,
            starts_at::date - today as ahead,
            count(*) as showtimes,
            min(starts_at::time) >= time '10:00' and max(ends_at) <= min(starts_at::date) + time '23:00' as by_day
        from {LOCAL} group by 1, 2
    """)
    assert {(day["auditorium_id"], day["ahead"]) for day in days} == {(r, d) for r in (1, 2, 3) for d in range(1, 15)}
    assert all(day["by_day"] and 3 <= day["showtimes"] <= 7 for day in days)
    wrong = """
        select count(*) from showtimes as st inner join movies as m on st.movie_id = m.id
        where st.ends_at <> st.starts_at + (m.duration_minutes + 15) * interval '1 minute'
    """
    assert await db.fetchval(wrong) == 0
    assert 24 <= await db.fetchval("select count(distinct movie_id) from showtimes") <= 60


async def test_a_second_demo_changes_nothing(database_url: str, db: Db) -> None:
    assert await seed_demo(database_url)
    before = await counts(db)

    assert not await seed_demo(database_url)

    assert await counts(db) == before


async def test_concurrent_demos_write_the_data_once(database_url: str, db: Db) -> None:
    seeded = await asyncio.gather(*(seed_demo(database_url) for _ in range(5)))

    assert sorted(seeded) == [False, False, False, False, True]
    assert (await counts(db))["movies"] == len(demo.films())


AHEAD = f"""
    select min(days) from (
        select (select count(distinct st.starts_at::date) from {LOCAL} where st.auditorium_id = a.id and ahead) as days
        from auditoriums as a
    ) as each_room
"""


async def test_a_demo_a_week_later_adds_the_missing_days(database_url: str, redis_url: str, db: Db) -> None:
    await seed_demo(database_url)
    first = (await counts(db))["showtimes"]
    # Whole days, as the demo plans them.
    await db.execute(f"delete from showtimes where id in (select id from {LOCAL} where starts_at::date > today + 7)")
    left = await db.fetch("select id from showtimes order by id")

    assert not await seed_demo(database_url)

    assert await db.fetchval(AHEAD) == 14
    assert (await counts(db))["showtimes"] == first
    assert (await db.fetch("select id from showtimes order by id"))[: len(left)] == left
    await assert_audit_is_clean(db, redis_url)


async def test_a_demo_after_all_showtimes_ended_adds_fourteen_days(database_url: str, redis_url: str, db: Db) -> None:
    await seed_demo(database_url)
    await db.execute("""
        update showtimes set
            starts_at = starts_at - interval '40 days',
            ends_at = ends_at - interval '40 days',
            free_at = free_at - interval '40 days'
    """)
    assert await db.fetchval(AHEAD) == 0

    assert not await seed_demo(database_url)
    topped_up = await counts(db)
    assert not await seed_demo(database_url)

    assert await db.fetchval(AHEAD) == 14
    assert await counts(db) == topped_up
    await assert_audit_is_clean(db, redis_url)


async def test_a_repeated_demo_adds_nothing_to_days_with_showtimes(database_url: str, db: Db) -> None:
    await seed_demo(database_url)
    await db.execute("delete from booked_seats")  # the blocked row
    await db.execute("delete from showtimes where auditorium_id = 1")
    await db.execute("""
        insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
        select 1, 1, noon, noon + interval '2 hours', noon + interval '2 hours', 9.00
        from (
            select ((now() at time zone timezone)::date + 3 + time '12:00') at time zone timezone as noon
            from cinemas where id = 1
        ) as day
    """)

    await seed_demo(database_url)

    planned = f"select count(*) from {LOCAL} where auditorium_id = 1 and starts_at::date = today + 3"
    assert await db.fetchval(planned) == 1


async def test_the_demo_leaves_existing_data_as_it_is(database_url: str, db: Db) -> None:
    await db.execute(
        "insert into users (name, email, password_hash, role) values ('Mine', 'Admin@Example.com', 'x', 'admin')"
    )

    assert await seed_demo(database_url)

    assert await db.fetchval("select name from users where lower(email) = $1", demo.ADMIN_EMAIL) == "Mine"


async def test_scale_adds_the_numbers_given(database_url: str, redis_url: str, db: Db) -> None:
    summary = await scale(database_url)

    there = await counts(db)
    assert {name: there[name] for name in ("users", "showtimes", "reservations")} == {
        "users": 50,
        "showtimes": 700,
        "reservations": 6000,
    }
    assert (len(summary.rooms), len(summary.rooms) * summary.seats) == (there["auditoriums"], there["seats"]) == (3, 75)
    assert summary.booked_seats == there["booked_seats"]
    confirmed = await db.fetchval("select count(*) from reservations where status = 'confirmed'")
    assert summary.confirmed == confirmed
    assert 0.85 < confirmed / 6000 < 0.95
    statuses = await db.fetch("select distinct status from reservations order by status")
    assert [row["status"] for row in statuses] == ["cancelled", "confirmed", "expired", "held"]
    assert str(summary).startswith("6,000 reservations (")
    await assert_audit_is_clean(db, redis_url)


ORPHANS = """
    select
        (select count(*) from reservations where user_id not in (select id from users))
        + (select count(*) from reservations where showtime_id not in (select id from showtimes))
        + (select count(*) from reservation_seats where reservation_id not in (select id from reservations))
        + (select count(*) from reservation_seats where seat_id not in (select id from seats))
        + (select count(*) from booked_seats where showtime_id not in (select id from showtimes))
        + (select count(*) from booked_seats where (reservation_id, seat_id) not in
            (select reservation_id, seat_id from reservation_seats))
"""


async def test_scale_refers_to_existing_rows_only(database_url: str, db: Db) -> None:
    await scale(database_url)

    assert await db.fetchval(ORPHANS) == 0


async def test_generated_prices_are_those_of_the_service(database_url: str, db: Db) -> None:
    await scale(database_url, seats=100)

    wrong = """
        select count(*) from reservation_seats as rs
        inner join reservations as r on rs.reservation_id = r.id
        inner join showtimes as st on r.showtime_id = st.id
        inner join seats as s on rs.seat_id = s.id
        where rs.price_at_booking <> round(st.base_price * s.price_modifier, 2)
    """
    assert await db.fetchval(wrong) == 0
    assert await db.fetchval("select count(distinct price_at_booking) from reservation_seats") > 5


async def test_generated_times_are_in_a_plausible_order(database_url: str, db: Db) -> None:
    await scale(database_url)

    wrong = """
        select count(*) from reservations as r inner join showtimes as st on r.showtime_id = st.id
        where
            r.created_at > st.starts_at
            or r.expires_at > now()
            or r.confirmed_at not between r.created_at and r.expires_at
            or r.cancelled_at not between r.created_at and r.expires_at
    """
    assert await db.fetchval(wrong) == 0
    for row in await db.fetch("select id, showtime_id, created_at from reservations"):
        assert showtime_of(row["id"]) == row["showtime_id"]
        assert datetime.fromtimestamp((row["id"].int >> 80) / 1000, UTC) == row["created_at"]
    assert await db.fetchval("select count(*) from showtimes where ends_at < now()") > 300
    assert await db.fetchval("select count(*) from showtimes where starts_at > now()") > 300


async def test_generated_parties_sit_on_adjacent_seats(database_url: str, db: Db) -> None:
    await scale(database_url)

    parties = await db.fetch("""
        select count(*) as size, count(distinct s.row_label) as rows, max(s.seat_number) - min(s.seat_number) as span
        from reservation_seats as rs inner join seats as s on rs.seat_id = s.id
        group by rs.reservation_id
    """)
    assert {party["size"] for party in parties} == {1, 2, 3, 4}
    assert all(party["rows"] == 1 and party["span"] == party["size"] - 1 for party in parties)


async def test_scale_adds_to_the_demo_and_to_earlier_runs(database_url: str, redis_url: str, db: Db) -> None:
    await seed_demo(database_url)
    before = await counts(db)
    first = await scale(database_url, showtimes=40, reservations=300)
    second = await scale(database_url, showtimes=40, reservations=300)

    there = await counts(db)
    assert there["reservations"] == 600
    assert there["movies"] == before["movies"]
    assert there["showtimes"] == before["showtimes"] + 80
    assert first.email != second.email
    await assert_audit_is_clean(db, redis_url)


async def test_a_generated_customer_has_the_printed_password(database_url: str, db: Db) -> None:
    summary = await scale(database_url, showtimes=10, reservations=10)

    stored = await db.fetchval("select password_hash from users where lower(email) = $1", summary.email)
    assert verify_password(stored, PASSWORD)


@pytest.mark.parametrize(
    ("showtimes", "seats", "users", "reservations"),
    [(10, 3, 1, 30), (1, 1, 1, 1), (1, 1, 1, 0), (7, 700, 3, 500), (1, 10_000, 2, 20)],
    ids=["full house", "smallest", "none", "rows beyond Z", "largest room"],
)
async def test_scale_of_unusual_sizes_passes_the_audit(
    database_url: str, redis_url: str, db: Db, showtimes: int, seats: int, users: int, reservations: int
) -> None:
    await scale(database_url, showtimes=showtimes, seats=seats, users=users, reservations=reservations)

    there = await counts(db)
    assert (there["showtimes"], there["seats"], there["users"]) == (showtimes, seats, users)
    assert there["reservations"] == reservations
    await assert_audit_is_clean(db, redis_url)


async def test_scale_in_small_batches_writes_all_reservations(
    database_url: str, redis_url: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_reservations, "BATCH", 10)

    await scale(database_url, showtimes=650, reservations=2001)

    assert (await counts(db))["reservations"] == 2001
    await assert_audit_is_clean(db, redis_url)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"showtimes": 10, "seats": 3, "reservations": 31}, "31 reservations need at least as many seats"),
        ({"showtimes": 0}, "showtimes must be between"),
        ({"seats": 10_001}, "seats must be between"),
        ({"users": 0}, "users must be between"),
        ({"reservations": -1}, "reservations must be between"),
    ],
    ids=["too few seats", "no showtimes", "too large a room", "no users", "negative"],
)
async def test_scale_refuses_wrong_numbers_before_any_write(
    database_url: str, db: Db, size: dict[str, int], message: str
) -> None:
    with pytest.raises(SeedError, match=message) as refused:
        await scale(database_url, **size)

    assert "\n" not in str(refused.value)
    assert set((await counts(db)).values()) == {0}


async def test_the_same_random_seed_makes_the_same_reservations(database_url: str, db: Db) -> None:
    shape = """
        select r.showtime_id - (select min(id) from showtimes) as showtime, r.status, r.total_price, count(*)
        from reservations as r group by 1, 2, 3 order by 1, 2, 3
    """
    await scale(database_url, showtimes=20, reservations=200)
    first = await db.fetch(shape)
    await db.execute(f"truncate {', '.join(TABLES)} restart identity cascade")

    await scale(database_url, showtimes=20, reservations=200)

    assert await db.fetch(shape) == first


async def test_scale_without_a_terminal_prints_lines(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    await scale(database_url, showtimes=20, reservations=200)

    assert capsys.readouterr().err.splitlines()[-1] == "200 of 200 reservations"
