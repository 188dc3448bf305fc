"""Some seats of a reservation are cancelled: the rest stays held or confirmed, and what was given up is on record."""

from typing import Any

import pytest
from redis.asyncio import Redis

from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

KINDS = ["held", "confirmed"]


async def reserved(api: Api, cinema: Cinema, who: Person, kind: str, seats: slice = slice(3)) -> Any:
    """A hold, or the confirmed reservation that it became."""
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[seats])
    assert held.status == 201, held.text
    if kind == "held":
        return held.json
    confirmed = await api.confirm(who, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return confirmed.json


async def cancel_seats(
    api: Api, who: Person, reservation_id: str, seat_ids: list[int], key: str | None = None
) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    path = f"/reservations/{reservation_id}/cancel"
    return await api.call("POST", path, {"seat_ids": seat_ids}, who=who, headers=headers)


def seat_ids_of(answer: Answer) -> list[int]:
    return [seat["seat_id"] for seat in answer.json["seats"]]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_rest_stays_and_the_given_up_seats_are_free_at_once(
    api: Api, db: Connection, redis_url: str, kind: str
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    before = await reserved(api, cinema, customer, kind)
    first, second, third = cinema.seat_ids[:3]

    left = await cancel_seats(api, customer, before["id"], [first, third])

    rest = {"seats": [before["seats"][1]], "total_price": "10.00"}
    assert (left.status, left.json) == (200, before | rest)
    status = "held" if kind == "held" else "booked"
    assert [*(await api.statuses(cinema.showtime_id)).values()][:3] == ["available", status, "available"]
    assert (await api.call("GET", f"/reservations/{before['id']}", who=customer)).json == left.json
    assert (await api.hold(other, cinema.showtime_id, [first, third])).status == 201
    assert (await api.confirm(customer, before["id"])).json["seats"] == rest["seats"]
    [change] = await db.fetch("select * from reservation_changes")
    assert (change["change"], change["changed_by"], change["status"]) == ("cancelled_seats", "customer", kind)
    assert (change["seat_ids"], [str(price) for price in change["prices"]]) == ([first, second, third], ["10.00"] * 3)
    assert str(change["total_price"]) == before["total_price"]
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("kind", KINDS)
async def test_all_seats_are_the_whole_reservation(api: Api, db: Connection, kind: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    before = await reserved(api, cinema, customer, kind)

    cancelled = await cancel_seats(api, customer, before["id"], cinema.seat_ids[2::-1])
    again = await cancel_seats(api, customer, before["id"], cinema.seat_ids[:3])

    assert (cancelled.json["status"], cancelled.json["seats"]) == ("cancelled", before["seats"])
    assert (again.status, again.json) == (200, cancelled.json)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    assert await db.fetchval("select count(*) from reservation_changes") == 0


async def test_a_release_of_a_hold_does_not_cancel_what_has_been_confirmed(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    confirmed = await reserved(api, cinema, customer, "confirmed")
    path = f"/reservations/{confirmed['id']}/cancel"
    for body in ({"holds_only": True}, {"holds_only": True, "seat_ids": cinema.seat_ids[:1]}):
        refused = await api.call("POST", path, body, who=customer, headers={"Idempotency-Key": f"{len(body)}"})
        assert (refused.status, refused.code) == (409, "reservation_confirmed")
    assert (await api.call("GET", f"/reservations/{confirmed['id']}", who=customer)).json == confirmed
    assert await db.fetchval("select count(*) from booked_seats") == 3
    assert (await api.call("POST", path, {"holds_only": False}, who=customer)).json["status"] == "cancelled"


async def test_a_release_sent_twice_answers_twice_as_it_was(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held")
    path, key = f"/reservations/{held['id']}/cancel", {"Idempotency-Key": "once"}
    first = await api.call("POST", path, {"holds_only": True}, who=customer, headers=key)
    again = await api.call("POST", path, {"holds_only": True}, who=customer, headers=key)
    without = await api.call("POST", path, {"holds_only": True}, who=customer)
    assert [each.status for each in (first, again, without)] == [200] * 3
    assert first.json["status"] == "cancelled"
    assert first.json == again.json == without.json


@pytest.mark.parametrize("kind", [*KINDS, "cancelled"])
async def test_a_seat_that_the_reservation_does_not_have_is_422_and_nothing_is_cancelled(api: Api, kind: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    before = await reserved(api, cinema, customer, "held" if kind == "cancelled" else kind)
    if kind == "cancelled":
        assert (await api.cancel(customer, before["id"])).status == 200
    given_up = cinema.seat_ids[0]
    if kind != "cancelled":
        assert (await cancel_seats(api, customer, before["id"], [given_up])).status == 200
    last = (await api.call("GET", f"/reservations/{before['id']}", who=customer)).json

    for seat_ids in ([cinema.seat_ids[1], given_up], [cinema.seat_ids[1], cinema.seat_ids[7]], [2**40]):
        refused = await cancel_seats(api, customer, before["id"], seat_ids)
        assert (refused.status, refused.code) == (422, "validation_error")
        assert refused.json["errors"][-1]["pointer"].startswith("/seat_ids/")

    assert (await api.call("GET", f"/reservations/{before['id']}", who=customer)).json == last


@pytest.mark.parametrize(
    "body", [{"seat_ids": []}, {"seat_ids": None}, {"seat_ids": [1, 1]}, {"seat_ids": ["a"]}, {"seats": [1]}, []]
)
async def test_a_malformed_list_of_seats_is_422_and_nothing_is_cancelled(api: Api, body: Any) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held")
    refused = await api.call("POST", f"/reservations/{held['id']}/cancel", body, who=customer)
    assert (refused.status, refused.code) == (422, "validation_error")
    assert (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json == held


@pytest.mark.parametrize("body", ["", "null", "{}"])
async def test_a_body_that_says_nothing_cancels_all(api: Api, body: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held")
    path = f"/reservations/{held['id']}/cancel"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}
    cancelled = await api.call("POST", path, who=customer, data=body, headers=headers)
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    again = await api.call("POST", path, who=customer, headers={"Idempotency-Key": "a"})
    assert (again.json, again.headers["Idempotent-Replayed"]) == (cancelled.json, "true")


async def test_a_confirmed_reservation_keeps_all_seats_after_the_cutoff(start_api: StartApi, db: Connection) -> None:
    api = await start_api(CANCEL_CUTOFF_MINUTES="60")
    cinema, customer = await api.cinema(**slot(0.9)), await api.sign_up()
    confirmed = await reserved(api, cinema, customer, "confirmed")

    refused = await cancel_seats(api, customer, confirmed["id"], cinema.seat_ids[:1])

    assert (refused.status, refused.code) == (409, "too_late_to_cancel")
    assert (await api.call("GET", f"/reservations/{confirmed['id']}", who=customer)).json == confirmed
    assert await db.fetchval("select count(*) from reservation_changes") == 0


async def test_repeated_requests_get_their_first_answers_whatever_was_cancelled_since(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/holds"

    async def hold() -> Answer:
        body = {"seat_ids": cinema.seat_ids[:4]}
        return await api.call("POST", path, body, who=customer, headers={"Idempotency-Key": "hold"})

    async def confirm() -> Answer:
        url = f"/reservations/{held.json['id']}/confirm"
        return await api.call("POST", url, who=customer, headers={"Idempotency-Key": "confirm"})

    held = await hold()
    one = await cancel_seats(api, customer, held.json["id"], cinema.seat_ids[:1], "one")
    confirmed = await confirm()
    two = await cancel_seats(api, customer, held.json["id"], cinema.seat_ids[1:2], "two")
    assert (await api.cancel(customer, held.json["id"])).status == 200

    for again, first in (
        (await hold(), held),
        (await cancel_seats(api, customer, held.json["id"], cinema.seat_ids[:1], "one"), one),
        (await confirm(), confirmed),
        (await cancel_seats(api, customer, held.json["id"], cinema.seat_ids[1:2], "two"), two),
    ):
        assert (again.status, again.json) == (first.status, first.json)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert [len(each.json["seats"]) for each in (held, one, confirmed, two)] == [4, 3, 3, 2]


async def test_the_rest_of_a_hold_stays_held_if_redis_loses_everything(api: Api, redis_url: str) -> None:
    """Also when it was lost just before: the seats that are released then are not kept from the rest's priming."""
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held")
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
        assert (await cancel_seats(api, customer, held["id"], cinema.seat_ids[:1])).status == 200
        assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[1:2])).status == 409
        await redis.flushall()
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[2:3])).status == 409
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
