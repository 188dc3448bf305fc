"""A change of a hold that PostgreSQL has, and whose new seat Redis lost to another customer before the answer."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.repository import reservation_changes
from reservation.errors import HoldsUnavailable
from reservation.holds.store import Holds
from tests.api import Api, Connection
from tests.conftest import PATIENT, StartApi
from tests.races.test_booking_races import assert_sound

PATIENCE_S = 60


@pytest.mark.parametrize("key", [None, "a"], ids=["without a key", "with a key"])
async def test_added_seats_that_redis_lost_to_another_customer_are_given_back(
    start_api: StartApi, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    api = await start_api(**PATIENT)
    cinema, customer, rival = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    path, headers = f"/reservations/{held['id']}/seats", {} if key is None else {"Idempotency-Key": key}
    reached, go_on, set_seats = asyncio.Event(), asyncio.Event(), reservation_changes.set_seats

    async def set_seats_and_wait(conn: Any, **arguments: Any) -> Any:
        recorded = await set_seats(conn, **arguments)
        reached.set()
        await go_on.wait()
        return recorded

    monkeypatch.setattr(reservation_changes, "set_seats", set_seats_and_wait)
    body = {"seat_ids": cinema.seat_ids[1:3]}
    adding = asyncio.create_task(api.call("POST", path, body, who=customer, headers=headers))
    async with asyncio.timeout(PATIENCE_S):
        await reached.wait()
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
        theirs = await api.hold(rival, cinema.showtime_id, cinema.seat_ids[2:3])
        assert theirs.status == 201, theirs.text
        go_on.set()
        refused = await adding

    assert (refused.status, refused.code) == (409, "seats_unavailable")
    assert refused.json["seats"] == [{"seat_id": cinema.seat_ids[2], "reason": "held"}]
    assert (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json == held
    assert [*(await api.statuses(cinema.showtime_id)).values()][:4] == ["held", "available", "held", "available"]
    assert await db.fetchval("select count(*) from reservation_changes") == 0
    monkeypatch.undo()
    again = await api.call("POST", path, {"seat_ids": cinema.seat_ids[1:2]}, who=customer)
    assert (again.status, len(again.json["seats"])) == (200, 2)
    if key is not None:
        assert (await api.call("POST", path, body, who=customer, headers=headers)).status == 409
    assert (await api.confirm(rival, theirs.json["id"])).status == 200
    await assert_sound(db, redis_url)


async def test_a_change_is_taken_back_if_redis_does_not_answer_after_the_commit(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    extend, failures = Holds.extend, iter([True])

    async def fail_once(holds: Holds, **arguments: Any) -> Any:
        if next(failures, False):
            raise HoldsUnavailable
        return await extend(holds, **arguments)

    monkeypatch.setattr(Holds, "extend", fail_once)
    path = f"/reservations/{held['id']}/exchange"
    refused = await api.call("POST", path, {"seat_ids": cinema.seat_ids[1:2]}, who=customer)

    assert (refused.status, refused.code) == (503, "holds_unavailable")
    assert (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json == held
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    await assert_sound(db, redis_url)
