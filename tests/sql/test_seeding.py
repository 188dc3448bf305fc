"""The demo and the generated load: repeatable, safe side by side, and nothing in them breaks a rule."""

import asyncio
from typing import TypeAlias

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation import demo, seeding
from reservation.audit import audit
from reservation.passwords import verify_password
from reservation.seeding import Summary

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TABLES = ("users", "movies", "auditoriums", "seats", "showtimes", "reservations", "reservation_seats", "booked_seats")


async def counts(db: Db) -> dict[str, int]:
    return {table: await db.fetchval(f"select count(*) from {table}") for table in TABLES}


async def seed_demo(database_url: str) -> bool:
    return await asyncio.to_thread(demo.seed, database_url)


async def scale(
    database_url: str, *, showtimes: int = 700, seats: int = 25, users: int = 50, reservations: int = 6000
) -> Summary:
    return await asyncio.to_thread(
        seeding.scale, database_url, showtimes=showtimes, seats=seats, users=users, reservations=reservations
    )


async def assert_audit_is_clean(db: Db, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        assert await audit(db, redis) == []


async def test_demo_fills_a_database(database_url: str, redis_url: str, db: Db) -> None:
    assert await seed_demo(database_url)

    there = await counts(db)
    assert there["movies"] == len(demo.films())
    assert (there["auditoriums"], there["seats"], there["users"]) == (3, 380, 2)
    kinds = await db.fetch("select seat_type, price_modifier::text as modifier from seats group by 1, 2 order by 1")
    assert [tuple(kind) for kind in kinds] == [("premium", "1.50"), ("regular", "1.00"), ("wheelchair", "0.80")]
    await assert_audit_is_clean(db, redis_url)


async def test_demo_logins_work(database_url: str, db: Db) -> None:
    await seed_demo(database_url)

    rows = await db.fetch("select email, password_hash, role from users order by email")
    assert [(row["email"], row["role"]) for row in rows] == [
        (demo.ADMIN_EMAIL, "admin"),
        (demo.CUSTOMER_EMAIL, "user"),
    ]
    assert verify_password(rows[0]["password_hash"], demo.ADMIN_PASSWORD)
    assert verify_password(rows[1]["password_hash"], demo.CUSTOMER_PASSWORD)


async def test_demo_programme_fills_the_coming_fortnight(database_url: str, db: Db) -> None:
    await seed_demo(database_url)

    days = await db.fetch("""
        select
            auditorium_id,
            (starts_at at time zone 'UTC')::date - (now() at time zone 'UTC')::date as ahead,
            count(*) as showtimes,
            min((starts_at at time zone 'UTC')::time) >= time '10:00'
            and max(ends_at at time zone 'UTC') <= min((starts_at at time zone 'UTC')::date) + time '23:00' as by_day
        from showtimes group by 1, 2
    """)
    assert {(day["auditorium_id"], day["ahead"]) for day in days} == {(r, d) for r in (1, 2, 3) for d in range(1, 15)}
    assert all(day["by_day"] and 3 <= day["showtimes"] <= 7 for day in days)
    wrong = """
        select count(*) from showtimes as st inner join movies as m on st.movie_id = m.id
        where st.ends_at <> st.starts_at + (m.duration_minutes + 15) * interval '1 minute'
    """
    assert await db.fetchval(wrong) == 0
    assert 24 <= await db.fetchval("select count(distinct movie_id) from showtimes") <= 60


async def test_demo_twice_changes_nothing(database_url: str, db: Db) -> None:
    assert await seed_demo(database_url)
    before = await counts(db)

    assert not await seed_demo(database_url)

    assert await counts(db) == before


async def test_demo_by_several_instances_at_once(database_url: str, db: Db) -> None:
    seeded = await asyncio.gather(*(seed_demo(database_url) for _ in range(5)))

    assert sorted(seeded) == [False, False, False, False, True]
    assert (await counts(db))["movies"] == len(demo.films())


@pytest.mark.parametrize("days", [5, 40])
async def test_demo_is_topped_up_when_started_again_later(database_url: str, redis_url: str, db: Db, days: int) -> None:
    await seed_demo(database_url)
    first = (await counts(db))["showtimes"]
    # As if it had been started `days` days ago. Backwards, or a row would meet its not yet moved neighbour.
    await db.execute(f"""
        update showtimes set
            starts_at = starts_at - interval '{days} days',
            ends_at = ends_at - interval '{days} days',
            free_at = free_at - interval '{days} days'
        where id = any(select id from showtimes)
    """) if days >= 15 else await shift(db, days)

    assert not await seed_demo(database_url)

    ahead = "select count(distinct (starts_at at time zone 'UTC')::date) from showtimes where starts_at > now()"
    assert await db.fetchval(ahead) >= 14
    topped_up = (await counts(db))["showtimes"]
    assert topped_up > first
    assert not await seed_demo(database_url)
    assert (await counts(db))["showtimes"] == topped_up
    await assert_audit_is_clean(db, redis_url)
