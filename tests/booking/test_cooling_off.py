"""A customer who holds the same seats again and again without confirming has to leave them to others for a while."""

from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from reservation.booking.hold import seats_of
from reservation.booking.redis_lease import HeldSeats, undo_hold
from reservation.db.repository import reservations
from reservation.db.repository.hold_limits import HoldLimits
from reservation.db.repository.reservations import HoldToInsert
from reservation.errors import LimitReached
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Api, Cinema, Connection, Person, slot
from tests.booking.test_change_seats import add, exchange
from tests.booking.test_hold_limits import assert_reached
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

LIMIT = "MAX_UNCONFIRMED_HOLDS_OF_SEAT"


async def give_up(
    api: Api, db: Connection, cinema: Cinema, who: Person, seats: list[int], *, after_s: int = 31
) -> None:
    """Hold seats, and cancel the hold, which then looks as if it had lasted so long."""
    held = await api.hold(who, cinema.showtime_id, seats)
    assert held.status == 201, held.text
    await cancel(api, db, who, held.json["id"], after_s=after_s)


async def cancel(api: Api, db: Connection, who: Person, reservation_id: str, *, after_s: int = 31) -> None:
    assert (await api.cancel(who, reservation_id)).status == 200
    await db.execute(
        "update reservations set created_at = cancelled_at - $2 * interval '1 s' where id = $1", reservation_id, after_s
    )


async def let_expire(db: Connection, redis_url: str) -> None:
    """Let all holds have expired, in both stores."""
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where status = 'held'")
    async with Redis.from_url(redis_url) as client:
        await client.flushall()


@pytest.mark.parametrize("expires", [False, True], ids=["cancelled", "expired"])
async def test_a_seat_that_was_held_too_often_without_confirming_is_refused(
    start_api: StartApi, db: Connection, redis_url: str, expires: bool
) -> None:
    api = await start_api(**{LIMIT: "2"})
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    later = await api.showtime(
        cinema.movie_id, cinema.auditorium_id, starts_at="2031-01-01T20:00:00Z", ends_at="2031-01-01T22:00:00Z"
    )
    for seats in (cinema.seat_ids[:2], cinema.seat_ids[1:3]):
        if expires:
            assert (await api.hold(customer, cinema.showtime_id, seats)).status == 201
            await let_expire(db, redis_url)
        else:
            await give_up(api, db, cinema, customer, seats)
    assert_reached(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2]), LIMIT)
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[1]] == "available"
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201  # held once before
    assert (await api.hold(customer, later, cinema.seat_ids[1:2])).status == 201
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("minutes", [1, 30], ids=["shorter than a hold's longest life", "longer"])
async def test_holds_from_before_the_cooling_off_do_not_count(
    start_api: StartApi, db: Connection, minutes: int
) -> None:
    api = await start_api(**{LIMIT: "1", "COOLING_OFF_MINUTES": str(minutes)})
    cinema, customer = await api.cinema(), await api.sign_up()
    await give_up(api, db, cinema, customer, cinema.seat_ids[:1])
    assert_reached(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]), LIMIT)
    await db.execute("update reservations set created_at = created_at - $1 * interval '1 minute'", minutes + 1)
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201


async def test_confirmed_reservations_do_not_count_and_a_hold_does_not_count_itself(start_api: StartApi) -> None:
    """Also for a group that books seat by seat."""
    api = await start_api(**{LIMIT: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    for _ in range(3):
        held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:4])
        assert held.status == 201, held.text
        assert (await api.confirm(customer, held.json["id"])).status == 200
        assert (await api.cancel(customer, held.json["id"])).status == 200
    for seat_id in cinema.seat_ids[10:20]:
        assert (await api.hold(customer, cinema.showtime_id, [seat_id])).status == 201


async def test_seats_that_were_added_and_removed_again_count(start_api: StartApi) -> None:
    api = await start_api(**{LIMIT: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    wanted, own = cinema.seat_ids[0], cinema.seat_ids[20]
    held = await api.hold(customer, cinema.showtime_id, [own])
    assert (await add(api, customer, held.json["id"], [wanted])).status == 200
    path = f"/reservations/{held.json['id']}/seats/{wanted}"
    assert (await api.call("DELETE", path, who=customer)).status == 200
    assert_reached(await api.hold(customer, cinema.showtime_id, [wanted]), LIMIT)
    other = await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[30]])
    assert_reached(await add(api, customer, other.json["id"], [wanted]), LIMIT)


@pytest.mark.parametrize("own", [None, {"max_holds_per_user": 0, "max_seats_per_user_per_showtime": 200}])
async def test_api_keys_and_staff_have_no_cooling_off(
    start_api: StartApi, db: Connection, own: dict[str, Any] | None
) -> None:
    api = await start_api(**{LIMIT: "1", "MAX_HOLDS_PER_USER": "4"})
    cinema, customer = await api.cinema(), await api.sign_up()
    body = {"name": "Partner", "user_id": customer.id, "scopes": ["booking"]} | ({"limits": own} if own else {})
    made = await api.make("/admin/api-keys", body)
    partner = Person(customer.id, customer.email, made["key"], "")
    for who in (partner, await api.staff()):
        for _ in range(3):
            await give_up(api, db, cinema, who, cinema.seat_ids[:2])


async def test_without_the_limit_a_seat_may_be_held_as_often_as_one_likes(start_api: StartApi, db: Connection) -> None:
    api = await start_api(**{LIMIT: "0", "MAX_HOLDS_PER_USER": "4"})
    cinema, customer = await api.cinema(), await api.sign_up()
    for _ in range(5):
        await give_up(api, db, cinema, customer, cinema.seat_ids[:2])


async def test_a_hold_that_was_exchanged_for_another_showtime_counts_for_the_seats_that_it_had(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api(**{LIMIT: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    wanted, other = cinema.seat_ids[:1], cinema.seat_ids[20:21]
    held = await api.hold(customer, cinema.showtime_id, wanted)
    assert (await exchange(api, customer, held.json["id"], other, later)).status == 200
    assert_reached(await api.hold(customer, cinema.showtime_id, wanted), LIMIT)
    await cancel(api, db, customer, held.json["id"])
    assert_reached(await api.hold(customer, cinema.showtime_id, wanted), LIMIT)
    assert_reached(await api.hold(customer, later, other), LIMIT)


async def test_seats_that_a_hold_had_in_another_showtime_do_not_count_in_this_one(
    start_api: StartApi, db: Connection
) -> None:
    """Both showtimes are of one auditorium, so that their seats have the same ids."""
    api = await start_api(**{LIMIT: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await exchange(api, customer, held.json["id"], cinema.seat_ids[20:21], later)).status == 200
    await cancel(api, db, customer, held.json["id"])
    assert (await api.hold(customer, later, cinema.seat_ids[:1])).status == 201


async def test_ten_holds_that_were_cancelled_at_once_count_as_one(start_api: StartApi, db: Connection) -> None:
    """A customer who changes the choice of seats does so; one who keeps a seat from others by many is refused, too."""
    api = await start_api(**{LIMIT: "2"})
    cinema, customer = await api.cinema(), await api.sign_up()
    await give_up(api, db, cinema, customer, cinema.seat_ids[:2])
    for _ in range(9):
        await give_up(api, db, cinema, customer, cinema.seat_ids[:2], after_s=29)
    await give_up(api, db, cinema, customer, cinema.seat_ids[:2], after_s=29)
    assert_reached(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]), LIMIT)


async def test_a_hold_that_the_service_did_not_answer_does_not_count(start_api: StartApi, db: Connection) -> None:
    api = await start_api(**{LIMIT: "1"})
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    seats = HeldSeats(cinema.showtime_id, UUID(held.json["id"]), customer.id, cinema.seat_ids[:2])
    await undo_hold(api.client.app[BOOKING_CONTEXT], seats)
    await db.execute("update reservations set created_at = created_at - interval '1 min'")
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).status == 201


@pytest.mark.parametrize("key_is_last", [True, False])
async def test_a_customer_is_limited_in_a_batch_with_an_api_key(
    start_api: StartApi, db: Connection, key_is_last: bool
) -> None:
    api = await start_api(**{LIMIT: "1", "MAX_HOLDS_PER_USER": "4"})
    cinema, customer, partner = await api.cinema(), await api.sign_up(), await api.sign_up()
    seats = cinema.seat_ids
    await give_up(api, db, cinema, customer, seats[:1])
    layout = await api.client.app[BOOKING_CONTEXT].layouts.load(cinema.showtime_id)
    assert layout is not None
    limits = (HoldLimits(4, None, 1800, 1, 7200), HoldLimits(3, 100, 1800))
    ends = monotonic() + 600
    batch = [
        HoldToInsert(
            uuid4(),
            who.id,
            cinema.showtime_id,
            layout.layout_version,
            layout.showtime,
            seats_of(layout, [seat], None),
            None,
            ends,
            ends,
            limits=own,
        )
        for who, seat, own in zip((customer, partner), seats, limits, strict=False)
    ]
    async with api.client.app[BOOKING_CONTEXT].database.connection() as conn:
        outcomes = await reservations.insert_held(conn, holds=batch if key_is_last else batch[::-1])
    of_customer = outcomes[0 if key_is_last else 1]
    assert isinstance(of_customer, LimitReached)
    assert of_customer.details == {"limit": LIMIT}
