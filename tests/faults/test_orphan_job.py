"""A worker that is killed between Redis and PostgreSQL leaves an orphaned hold; its seats are released."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation import resources
from reservation.booking.context import BookingContext
from reservation.booking.jobs.schedule import Job, booking_jobs
from reservation.dba.audit import audit
from reservation.holds.map_versions import MapVersions
from reservation.holds.prime import Prime
from reservation.holds.store import Holds
from tests.api import Api
from tests.conftest import StartApi
from tests.figures import figures, growth

PATIENCE_S = 60.0


async def no_primer(_: int) -> Prime:
    raise AssertionError("the showtime is primed already")


@pytest.fixture(autouse=True)
def quick_second_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look at an orphan comes at once: no hold is on its way here."""

    def quick_jobs(redis: Redis, context: BookingContext, *, second_look_s: float) -> Sequence[Job]:
        assert second_look_s > context.hold_deadline_s
        return booking_jobs(redis, context, second_look_s=0.1)

    monkeypatch.setattr(resources, "booking_jobs", quick_jobs)
    monkeypatch.setattr("reservation.dba.audit.SECOND_LOOK_S", 0.1)


async def test_orphaned_holds_are_released_and_owned_ones_stay(
    start_api: StartApi, api: Api, redis_url: str, db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    orphaned, owned = cinema.seat_ids[:2], cinema.seat_ids[2:4]
    assert (await api.hold(customer, cinema.showtime_id, owned)).status == 201
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        # As a worker that is killed before its insert leaves it.
        async with aclosing(Holds(redis, no_primer, MapVersions())) as holds:
            await holds.take(showtime_id=cinema.showtime_id, reservation_id=uuid4(), seat_ids=orphaned, ttl_ms=600_000)
        assert {found.rule for found in await audit(db, redis)} == {"holds_without_reservation"}
        await redis.delete("reservation:job:release_orphans")

        before = await figures(api)
        await start_api()  # another worker starts in place of the killed one
        async with asyncio.timeout(PATIENCE_S):
            while (await api.statuses(cinema.showtime_id))[orphaned[0]] == "held":
                await asyncio.sleep(0.05)

        async with asyncio.timeout(PATIENCE_S):
            while (await growth(api, before))["reservation_orphaned_seats_released_total"] < len(orphaned):
                await asyncio.sleep(0.05)
        statuses = await api.statuses(cinema.showtime_id)
        assert [statuses[seat] for seat in (*orphaned, *owned)] == ["available", "available", "held", "held"]
        assert await audit(db, redis) == []


async def test_a_new_worker_announces_the_changes_of_a_killed_one(
    start_api: StartApi, api: Api, db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    await api.confirm(customer, held.json["id"])
    known = {"If-None-Match": (await api.call("GET", path)).headers["ETag"]}
    # As a worker that is killed after the COMMIT of a cancel leaves it.
    await db.execute("delete from booked_seats where reservation_id = $1", held.json["id"])
    await db.execute(
        "update reservations set status = 'cancelled', cancelled_at = now() where id = $1", held.json["id"]
    )
    assert (await api.call("GET", path, headers=known)).status == 304

    await start_api()

    async with asyncio.timeout(PATIENCE_S):
        while (await api.call("GET", path, headers=known)).status == 304:
            await asyncio.sleep(0.05)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
