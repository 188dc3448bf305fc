"""PostgreSQL has two live holds of a seat, as after a loss of Redis's data: the one that was not answered gives way."""

from typing import Any, NoReturn
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.booking.jobs.orphans import release_orphans
from reservation.booking.redis_lease import HeldSeats, RedisLease, require_sole_hold, undo_hold
from reservation.db.repository import reservations
from reservation.errors import DatabaseUnavailable, HoldsUnavailable, SeatsUnavailable
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Api, Cinema, Connection, Person


async def two_holds(api: Api, db: Connection, cinema: Cinema, first: Person, second: Person) -> tuple[UUID, UUID]:
    """Holds of the first two seats, both in PostgreSQL; Redis has only the first customer's."""
    seats = cinema.seat_ids[:2]
    held = [
        await api.hold(who, cinema.showtime_id, each) for who, each in ((first, seats), (second, cinema.seat_ids[2:4]))
    ]
    own, other = (UUID(each.json["id"]) for each in held)
    await db.execute("update reservations set seat_ids = $2 where id = $1", other, seats)
    return own, other


async def test_a_hold_that_is_undone_leaves_its_seats_to_the_other_one(api: Api, db: Connection) -> None:
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(3)]
    own, other = await two_holds(api, db, cinema, *customers[:2])
    seats = HeldSeats(cinema.showtime_id, own, customers[0].id, cinema.seat_ids[:2])

    with pytest.raises(SeatsUnavailable) as refused:
        await require_sole_hold(api.client.app[BOOKING_CONTEXT], seats)

    assert (refused.value.seat_ids, refused.value.reason) == (frozenset(cinema.seat_ids[:2]), "held")
    assert (await api.hold(customers[2], cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    assert (await api.confirm(customers[0], str(own))).json["code"] == "reservation_cancelled"
    assert (await api.confirm(customers[1], str(other))).status == 200


async def test_a_hold_without_another_one_stays(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    seats = HeldSeats(cinema.showtime_id, UUID(held.json["id"]), customer.id, cinema.seat_ids[:2])

    await require_sole_hold(api.client.app[BOOKING_CONTEXT], seats)

    assert (await api.confirm(customer, held.json["id"])).status == 200


async def test_seats_of_an_orphan_go_to_the_hold_that_postgresql_has(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(3)]
    own, other = await two_holds(api, db, cinema, *customers[:2])
    await db.execute("update reservations set status = 'cancelled', cancelled_at = now() where id = $1", own)

    async with Redis.from_url(redis_url) as redis:
        await release_orphans(redis, api.client.app[BOOKING_CONTEXT], second_look_s=0)

    assert (await api.hold(customers[2], cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    assert (await api.confirm(customers[1], str(other))).status == 200


async def test_an_orphan_that_cannot_be_handed_over_keeps_no_other_one(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, customer, third = api.client.app[BOOKING_CONTEXT], await api.sign_up(), await api.sign_up()
    cinemas = [await api.cinema() for _ in range(2)]
    for cinema in cinemas:
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await db.execute("update reservations set status = 'cancelled', cancelled_at = now()")
    find, asked = reservations.find_other_holds, list[int]()

    async def fail_once(conn: Any, *, showtime_id: int, **options: Any) -> Any:
        asked.append(showtime_id)
        if len(asked) == 1:
            raise DatabaseUnavailable
        return await find(conn, showtime_id=showtime_id, **options)

    monkeypatch.setattr(reservations, "find_other_holds", fail_once)
    async with Redis.from_url(redis_url) as redis:
        with pytest.raises(DatabaseUnavailable):
            await release_orphans(redis, context, second_look_s=0)

    statuses = {
        cinema.showtime_id: (await api.hold(third, cinema.showtime_id, cinema.seat_ids[:1])).status
        for cinema in cinemas
    }
    assert statuses == {asked[0]: 409, asked[1]: 201}


@pytest.mark.parametrize("kind", ["hold", "extend"])
async def test_a_take_that_waited_until_its_showtime_was_loaded_has_a_new_lease(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Else the seats would be taken twice after each loss of Redis's data."""
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    renew, renewals = RedisLease.renew, list[RedisLease]()

    def count(lease: RedisLease) -> None:
        renewals.append(lease)
        renew(lease)

    monkeypatch.setattr(RedisLease, "renew", count)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    if kind == "hold":
        answer = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
    else:
        answer = await api.extend(customer, held.json["id"])
    assert answer.status in {200, 201}
    assert renewals == [renewals[0]] * 2


async def test_a_repeated_hold_is_503_while_postgresql_has_another_hold_of_its_seats(api: Api, db: Connection) -> None:
    """One of the two was answered, and the repeated request cannot know which."""
    cinema, first, second = await api.cinema(), await api.sign_up(), await api.sign_up()
    path, body, key = (
        f"/showtimes/{cinema.showtime_id}/holds",
        {"seat_ids": cinema.seat_ids[:2]},
        {"Idempotency-Key": "one"},
    )
    assert (await api.call("POST", path, body, who=first, headers=key)).status == 201
    other = await api.hold(second, cinema.showtime_id, cinema.seat_ids[2:4])
    await db.execute("update reservations set seat_ids = $2 where id = $1", UUID(other.json["id"]), cinema.seat_ids[:2])
    assert (await api.call("POST", path, body, who=first, headers=key)).status == 503
    assert (await api.cancel(second, other.json["id"])).status == 200
    assert (await api.call("POST", path, body, who=first, headers=key)).status == 201


@pytest.mark.parametrize("away", ["postgresql", "redis"])
async def test_seats_of_an_undone_hold_stay_taken_if_they_cannot_be_handed_over(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    """Else a third customer could get a seat of the hold that stays."""
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(3)]
    own, other = await two_holds(api, db, cinema, *customers[:2])
    context = api.client.app[BOOKING_CONTEXT]
    seats = HeldSeats(cinema.showtime_id, own, customers[0].id, cinema.seat_ids[:2])

    async def fail(*_: Any, **__: Any) -> NoReturn:
        raise DatabaseUnavailable if away == "postgresql" else HoldsUnavailable

    with monkeypatch.context() as patch:
        if away == "postgresql":
            patch.setattr(reservations, "find_other_holds", fail)
        else:
            patch.setattr(type(context.holds), "hand_over", fail)
        await undo_hold(context, seats)

    assert (await api.hold(customers[2], cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    assert (await api.confirm(customers[1], str(other))).status == 200


@pytest.mark.parametrize("after_loss", [True, False])
async def test_seats_of_a_hold_that_could_not_be_undone_stay_taken(
    api: Api, monkeypatch: pytest.MonkeyPatch, after_loss: bool
) -> None:
    cinema, first, second = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await api.hold(first, cinema.showtime_id, cinema.seat_ids[:1])
    seats = HeldSeats(cinema.showtime_id, UUID(held.json["id"]), first.id, cinema.seat_ids[:1])

    async def fail(*_: Any, **__: Any) -> NoReturn:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(reservations, "undo_hold", fail)
        with pytest.raises(DatabaseUnavailable):
            await undo_hold(api.client.app[BOOKING_CONTEXT], seats, after_loss=after_loss)

    assert (await api.hold(second, cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    assert (await api.confirm(first, held.json["id"])).status == 200


async def test_a_hold_is_undone_without_another_one(api: Api, db: Connection) -> None:
    cinema, first, second = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await api.hold(first, cinema.showtime_id, cinema.seat_ids[:2])
    seats = HeldSeats(cinema.showtime_id, UUID(held.json["id"]), first.id, cinema.seat_ids[:2])
    await undo_hold(api.client.app[BOOKING_CONTEXT], seats)
    assert (await api.hold(second, cinema.showtime_id, cinema.seat_ids[:2])).status == 201


@pytest.mark.parametrize("act", ["cancel", "confirm and cancel"])
async def test_seats_of_a_hold_that_ends_stay_with_the_other_one(
    api: Api, db: Connection, redis_url: str, act: str
) -> None:
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(3)]
    own, other = await two_holds(api, db, cinema, *customers[:2])
    await db.execute("update reservations set expires_at = expires_at + interval '1 second' where id = $1", own)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    await api.statuses(cinema.showtime_id)
    if act != "cancel":
        assert (await api.confirm(customers[0], str(own))).status == 200
    assert (await api.cancel(customers[0], str(own))).status == 200
    assert (await api.hold(customers[2], cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    assert (await api.confirm(customers[1], str(other))).status == 200


async def test_a_hold_that_was_confirmed_meanwhile_is_not_undone(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    assert (await api.confirm(customer, held.json["id"])).status == 200
    seats = HeldSeats(cinema.showtime_id, UUID(held.json["id"]), customer.id, cinema.seat_ids[:2])
    await undo_hold(api.client.app[BOOKING_CONTEXT], seats)
    found = await api.call("GET", f"/reservations/{held.json['id']}", who=customer)
    assert found.json["status"] == "confirmed"
