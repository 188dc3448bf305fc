"""DELETE of a seat: in use, retired for the sake of history, or gone."""

import asyncio

import asyncpg
import pytest

from tests.api import Answer, Api, Cinema, Connection, slot
from tests.races.test_booking_races import assert_sound


async def delete(api: Api, seat_id: int) -> Answer:
    return await api.call("DELETE", f"/admin/seats/{seat_id}", who=await api.admin())


async def is_retired(db: Connection, seat_id: int) -> bool | None:
    """None: it is not there."""
    retired: bool | None = await db.fetchval("select retired_at is not null from seats where id = $1", seat_id)
    return retired


async def listed(api: Api, cinema: Cinema) -> list[int]:
    """The seats of the room in the administrator's list."""
    path = f"/admin/auditoriums/{cinema.auditorium_id}/seats?limit=200"
    return [seat["id"] for seat in (await api.call("GET", path, who=await api.admin())).json["items"]]


@pytest.mark.parametrize("state", ["held", "confirmed"])
async def test_a_seat_that_is_held_or_booked_is_in_use(api: Api, db: Connection, state: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    if state == "confirmed":
        assert (await api.confirm(customer, held.json["id"])).status == 200

    for seat_id in cinema.seat_ids[:2]:
        refused = await delete(api, seat_id)
        assert (refused.status, refused.code) == (409, "in_use")
        assert await is_retired(db, seat_id) is False

    assert (await api.cancel(customer, held.json["id"])).status == 200
    assert (await delete(api, cinema.seat_ids[0])).status == 204
    assert await is_retired(db, cinema.seat_ids[0]) is True


async def test_a_seat_whose_hold_has_expired_is_retired(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")

    assert (await delete(api, cinema.seat_ids[0])).status == 204

    assert await is_retired(db, cinema.seat_ids[0]) is True
    shown = await api.call("GET", f"/reservations/{held.json['id']}", who=customer)
    assert (shown.json["status"], shown.json["seats"]) == ("expired", held.json["seats"])


async def test_a_seat_that_was_sold_for_a_showtime_that_is_over_is_retired(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.confirm(customer, held.json["id"])).status == 200
    await db.execute(
        "update showtimes set starts_at = starts_at - interval '9 days', ends_at = ends_at - interval '9 days',"
        " free_at = free_at - interval '9 days'"
    )

    assert (await delete(api, cinema.seat_ids[0])).status == 204

    assert await is_retired(db, cinema.seat_ids[0]) is True
    await assert_sound(db, redis_url)


async def test_a_seat_of_a_room_without_showtimes_is_deleted(api: Api, db: Connection) -> None:
    room, seat_ids = await api.auditorium()
    assert (await delete(api, seat_ids[0])).status == 204
    assert await is_retired(db, seat_ids[0]) is None
    assert (await api.call("DELETE", f"/admin/auditoriums/{room}", who=await api.admin())).status == 204
    assert await db.fetchval("select count(*) from seats") == 0


async def test_a_retired_seat_is_not_in_its_room(api: Api, db: Connection) -> None:
    cinema, customer, admin = await api.cinema(rows=2, seats_per_row=3), await api.sign_up(), await api.admin()
    last_row = cinema.seat_ids[3:]
    for seat_id in last_row:
        assert (await delete(api, seat_id)).status == 204

    assert (await delete(api, last_row[0])).status == 404
    assert (await api.call("GET", f"/admin/seats/{last_row[0]}", who=admin)).status == 404
    assert await listed(api, cinema) == cinema.seat_ids[:3]
    assert list(await api.statuses(cinema.showtime_id)) == cinema.seat_ids[:3]
    refused = await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[0], last_row[0]])
    assert [error["pointer"] for error in refused.json["errors"]] == ["/seat_ids/1"]

    # The capacity of six has room for another row of three, which gets the label of the retired one.
    path = f"/admin/auditoriums/{cinema.auditorium_id}/seats/batch"
    added = await api.call("POST", path, {"rows": 1, "seats_per_row": 3}, who=admin)
    assert added.status == 201
    assert {seat["row_label"] for seat in added.json["seats"]} == {"B"}
    assert await listed(api, cinema) == [*cinema.seat_ids[:3], *(seat["id"] for seat in added.json["seats"])]
    for seat in added.json["seats"]:
        assert (await delete(api, seat["id"])).status == 204
    assert await db.fetchval("select count(*) from seats where row_label = 'B'") == 6


async def test_a_retirement_waits_for_a_hold_that_is_being_written(api: Api, db: Connection) -> None:
    """It finds the hold, which locks only the showtime."""
    cinema, customer = await api.cinema(), await api.sign_up()
    async with db.transaction():
        await db.execute("select from users where id = $1 for update", customer.id)
        holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]))
        await waiting(db, 1)
        deleting = asyncio.create_task(delete(api, cinema.seat_ids[0]))
        await waiting(db, 2)
    assert (await holding).status == 201
    refused = await deleting
    assert (refused.status, refused.code) == (409, "in_use")


@pytest.mark.parametrize("statement", ["delete from seats", "delete from seats where seat_number = 1"])
async def test_postgresql_refuses_to_delete_a_seat_of_a_room_with_showtimes(
    api: Api, db: Connection, statement: str
) -> None:
    await api.cinema(**slot(-9))
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="retired, not deleted"):
        await db.execute(statement)


async def waiting(db: Connection, count: int) -> None:
    """Until so many statements of the service wait for locks."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with asyncio.timeout(10):
        while await db.fetchval(query) != count:
            await db.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
            await asyncio.sleep(0.01)
