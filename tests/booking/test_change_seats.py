"""Seats are added to a hold, removed from it, and exchanged: all or none, and own seats never stand in the way."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.db.repository import reservation_changes
from reservation.http.app_keys import DATABASE
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.booking.test_partial_cancel import reserved, seat_ids_of
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

KINDS = ["held", "confirmed"]


async def add(api: Api, who: Person, reservation_id: str, seat_ids: list[int], **headers: str) -> Answer:
    path = f"/reservations/{reservation_id}/seats"
    return await api.call("POST", path, {"seat_ids": seat_ids}, who=who, headers=headers)


async def remove(api: Api, who: Person, reservation_id: str, seat_id: int, **headers: str) -> Answer:
    return await api.call("DELETE", f"/reservations/{reservation_id}/seats/{seat_id}", who=who, headers=headers)


async def exchange(
    api: Api, who: Person, reservation_id: str, seat_ids: list[int], showtime_id: int | None = None, **headers: str
) -> Answer:
    body: dict[str, Any] = {"seat_ids": seat_ids} | ({} if showtime_id is None else {"showtime_id": showtime_id})
    return await api.call("POST", f"/reservations/{reservation_id}/exchange", body, who=who, headers=headers)


async def later_showtime(api: Api, cinema: Cinema, **fields: Any) -> int:
    """Another showtime in the same room, at another price."""
    return await api.showtime(cinema.movie_id, cinema.auditorium_id, **({"base_price": "12.00"} | slot(48) | fields))


async def read(api: Api, who: Person, reservation_id: str) -> Any:
    return (await api.call("GET", f"/reservations/{reservation_id}", who=who)).json


async def statuses(api: Api, cinema: Cinema, showtime_id: int | None = None) -> list[str]:
    return [*(await api.statuses(showtime_id or cinema.showtime_id)).values()]


async def test_added_seats_are_held_until_the_hold_expires(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(2, 4))
    await db.execute("update showtimes set base_price = 20 where id = $1", cinema.showtime_id)

    added = await add(api, customer, held["id"], [cinema.seat_ids[place] for place in (5, 3, 0)])

    assert added.status == 200, added.text
    assert seat_ids_of(added) == [cinema.seat_ids[place] for place in (0, 2, 3, 5)]
    assert [seat["price"] for seat in added.json["seats"]] == ["20.00", "10.00", "10.00", "20.00"]
    same = {name: held[name] for name in ("id", "code", "status", "created_at", "expires_at", "showtime_id")}
    assert added.json["total_price"] == "60.00"
    assert {name: added.json[name] for name in same} == same
    assert (await read(api, customer, held["id"])) == added.json
    assert (await statuses(api, cinema))[:7] == ["held", "available", "held", "held", "available", "held", "available"]
    async with Redis.from_url(redis_url) as redis:
        assert await redis.pttl(f"{{{cinema.showtime_id}}}:seat:{cinema.seat_ids[0]}") <= 600_200
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).status == 409
    confirmed = await api.confirm(customer, held["id"])
    assert (confirmed.status, seat_ids_of(confirmed)) == (200, seat_ids_of(added))
    await assert_sound(db, redis_url)


async def test_seats_that_others_have_are_not_added_and_nothing_is_held(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(1))
    await reserved(api, cinema, other, "held", slice(1, 2))
    await reserved(api, cinema, other, "confirmed", slice(2, 3))

    for seat_ids, reason in ((cinema.seat_ids[1:2], "held"), (cinema.seat_ids[2:3], "booked")):
        refused = await add(api, customer, held["id"], [*seat_ids, cinema.seat_ids[7]])
        assert (refused.status, refused.code) == (409, "seats_unavailable")
        assert refused.json["seats"] == [{"seat_id": seat_ids[0], "reason": reason}]

    assert await read(api, customer, held["id"]) == held
    assert (await statuses(api, cinema))[7] == "available"
    await assert_sound(db, redis_url)


async def test_a_hold_has_at_most_max_seats_per_hold(start_api: StartApi) -> None:
    api = await start_api(MAX_SEATS_PER_HOLD="3")
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(2))
    refused = await add(api, customer, held["id"], cinema.seat_ids[2:4])
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/seat_ids")
    assert (await add(api, customer, held["id"], cinema.seat_ids[:3])).status == 200
    assert (await exchange(api, customer, held["id"], cinema.seat_ids[:4])).status == 422
    assert (await exchange(api, customer, held["id"], cinema.seat_ids[4:7])).status == 200


async def test_a_removed_seat_is_free_at_once_and_the_last_one_cancels_the_hold(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(2))
    first, second = cinema.seat_ids[:2]

    left = await remove(api, customer, held["id"], first)

    assert (left.status, left.json) == (200, held | {"seats": held["seats"][1:], "total_price": "10.00"})
    assert (await statuses(api, cinema))[:2] == ["available", "held"]
    assert (await api.hold(other, cinema.showtime_id, [first])).status == 201
    assert (await remove(api, customer, held["id"], first)).status == 404
    assert (await add(api, customer, held["id"], [first])).code == "seats_unavailable"
    last = await remove(api, customer, held["id"], second)
    assert (last.status, last.json["status"], last.json["seats"]) == (200, "cancelled", held["seats"][1:])
    assert (await remove(api, customer, held["id"], second)).code == "reservation_cancelled"
    assert (await statuses(api, cinema))[:2] == ["held", "available"]
    await assert_sound(db, redis_url)


async def test_only_a_live_hold_gets_and_loses_seats(api: Api, db: Connection) -> None:
    cinema, customer, stranger = await api.cinema(), await api.sign_up(), await api.sign_up()
    confirmed = await reserved(api, cinema, customer, "confirmed", slice(2))
    cancelled = await reserved(api, cinema, customer, "held", slice(2, 4))
    assert (await api.cancel(customer, cancelled["id"])).status == 200
    expired = await reserved(api, cinema, customer, "held", slice(4, 6))
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", expired["id"])
    free = cinema.seat_ids[9]

    for reservation, who, status, code in (
        (confirmed, customer, 409, "reservation_confirmed"),
        (cancelled, customer, 409, "reservation_cancelled"),
        (expired, customer, 410, "hold_expired"),
        (confirmed, stranger, 404, "not_found"),
    ):
        for refused in (
            await add(api, who, reservation["id"], [free]),
            await remove(api, who, reservation["id"], reservation["seats"][0]["seat_id"]),
        ):
            assert (refused.status, refused.code) == (status, code)
    for reservation, who, status, code in (
        (cancelled, customer, 409, "reservation_cancelled"),
        (expired, customer, 410, "hold_expired"),
        (confirmed, stranger, 404, "not_found"),
    ):
        refused = await exchange(api, who, reservation["id"], [free])
        assert (refused.status, refused.code) == (status, code)
    assert (await statuses(api, cinema))[9] == "available"


async def test_an_extended_hold_keeps_added_seats_as_long(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(1))
    assert (await api.extend(customer, held["id"])).status == 200
    assert (await add(api, customer, held["id"], cinema.seat_ids[1:2])).status == 200
    extended = await api.extend(customer, held["id"])
    assert (extended.status, len(extended.json["seats"])) == (200, 2)
    async with Redis.from_url(redis_url) as redis:
        ends = [await redis.pexpiretime(f"{{{cinema.showtime_id}}}:seat:{seat}") for seat in cinema.seat_ids[:2]]
    assert abs(ends[0] - ends[1]) < 1000
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("kind", KINDS)
async def test_seats_are_exchanged_in_the_same_showtime_own_ones_included(
    api: Api, db: Connection, redis_url: str, kind: str
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    before = await reserved(api, cinema, customer, kind, slice(2))
    await db.execute("update showtimes set base_price = 20 where id = $1", cinema.showtime_id)

    changed = await exchange(api, customer, before["id"], cinema.seat_ids[3:0:-1])

    assert changed.status == 200, changed.text
    assert seat_ids_of(changed) == cinema.seat_ids[1:4]
    assert [seat["price"] for seat in changed.json["seats"]] == ["20.00"] * 3
    new = {"seats": changed.json["seats"], "total_price": "60.00"}
    assert changed.json == before | new
    status = "held" if kind == "held" else "booked"
    assert (await statuses(api, cinema))[:5] == ["available", *[status] * 3, "available"]
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[3:4])).status == 409
    assert seat_ids_of(await api.confirm(customer, before["id"])) == cinema.seat_ids[1:4]
    [change] = await db.fetch("select change, status, seat_ids, total_price::text from reservation_changes")
    assert tuple(change) == ("exchanged", kind, cinema.seat_ids[:2], "20.00")
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reservation_is_exchanged_for_another_showtime(
    api: Api, db: Connection, redis_url: str, kind: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    elsewhere = await api.cinema(**slot(72))
    for showtime_id, seat_ids, price in (
        (await later_showtime(api, cinema), cinema.seat_ids[:2], "24.00"),
        (elsewhere.showtime_id, elsewhere.seat_ids[5:6], "10.00"),
    ):
        before = await reserved(api, cinema, customer, kind, slice(2))

        changed = await exchange(api, customer, before["id"], seat_ids, showtime_id)

        assert changed.status == 200, changed.text
        assert (changed.json["id"], changed.json["code"]) == (before["id"], before["code"])
        assert (changed.json["status"], changed.json["expires_at"]) == (kind, before["expires_at"])
        assert (changed.json["showtime_id"], changed.json["showtime"]["id"]) == (showtime_id, showtime_id)
        assert (seat_ids_of(changed), changed.json["total_price"]) == (seat_ids, price)
        assert set(await statuses(api, cinema)) == {"available"}
        there = await api.statuses(showtime_id)
        assert {seat for seat in there if there[seat] != "available"} == {*seat_ids}
        confirmed = await api.confirm(customer, before["id"])
        assert (confirmed.status, confirmed.json["showtime"]) == (200, changed.json["showtime"])
        assert (await api.cancel(customer, before["id"])).status == 200
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_exchange_changes_nothing(api: Api, db: Connection, redis_url: str, kind: str) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    before = await reserved(api, cinema, customer, kind, slice(2))
    await reserved(api, cinema, other, "held", slice(2, 3))
    await reserved(api, cinema, other, "confirmed", slice(3, 4))
    started = await later_showtime(api, cinema)
    await db.execute(
        "update showtimes set starts_at = now() - interval '3 min', ends_at = now() + interval '9 min',"
        " free_at = now() + interval '9 min' where id = $1",
        started,
    )
    first, *_, last = cinema.seat_ids[:8]

    for seat_ids, showtime_id, status, code in (
        ([first, cinema.seat_ids[2], last], None, 409, "seats_unavailable"),
        ([first, cinema.seat_ids[3], last], None, 409, "seats_unavailable"),
        ([last], started, 409, "showtime_started"),
        ([last], 4711, 422, "validation_error"),
        ([last, 4711], None, 422, "validation_error"),
    ):
        refused = await exchange(api, customer, before["id"], seat_ids, showtime_id)
        assert (refused.status, refused.code) == (status, code), refused.text

    assert await read(api, customer, before["id"]) == before
    own = "held" if kind == "held" else "booked"
    assert (await statuses(api, cinema))[:5] == [own, own, "held", "booked", "available"]
    assert set(await statuses(api, cinema, started)) == {"available"}
    assert await db.fetchval("select count(*) from reservation_changes") == 0
    await assert_sound(db, redis_url)


async def test_a_confirmed_reservation_is_not_exchanged_after_the_cutoff(start_api: StartApi) -> None:
    api = await start_api(CANCEL_CUTOFF_MINUTES="60")
    cinema, customer = await api.cinema(**slot(0.9)), await api.sign_up()
    confirmed = await reserved(api, cinema, customer, "confirmed", slice(1))
    refused = await exchange(api, customer, confirmed["id"], cinema.seat_ids[5:6], await later_showtime(api, cinema))
    assert (refused.status, refused.code) == (409, "too_late_to_cancel")
    assert "until 60 minutes before its start (CANCEL_CUTOFF_MINUTES)" in refused.json["detail"]
    assert (await api.cancel(customer, confirmed["id"])).json["detail"] == refused.json["detail"]
    assert await read(api, customer, confirmed["id"]) == confirmed
    held = await reserved(api, cinema, customer, "held", slice(1, 2))
    assert (await exchange(api, customer, held["id"], cinema.seat_ids[5:6])).status == 200


@pytest.mark.parametrize("ends", ["confirmed", "expired"])
async def test_repeated_changes_get_their_first_answers(api: Api, db: Connection, ends: str) -> None:
    """Also the time at which the hold was to expire then; it was extended after each of them."""
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(2))
    later = await later_showtime(api, cinema)
    first, _, third = cinema.seat_ids[:3]
    steps: list[Callable[[], Awaitable[Answer]]] = [
        lambda: add(api, customer, held["id"], [third], **{"Idempotency-Key": "add"}),
        lambda: remove(api, customer, held["id"], first, **{"Idempotency-Key": "remove"}),
        lambda: exchange(api, customer, held["id"], [first], later, **{"Idempotency-Key": "exchange"}),
    ]
    answers = []
    for step in steps:
        answers.append(await step())
        assert (await api.extend(customer, held["id"])).json["expires_at"] > answers[-1].json["expires_at"]
    if ends == "confirmed":
        assert (await api.confirm(customer, held["id"])).status == 200
    else:
        await db.execute("update reservations set expires_at = created_at + interval '1 us'")

    for step, answer in zip(steps, answers, strict=True):
        again = await step()
        assert (again.status, again.json) == (200, answer.json)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert [len(answer.json["seats"]) for answer in answers] == [3, 2, 1]
    assert set(await statuses(api, cinema)) == {"available"}


async def test_only_the_last_change_of_a_hold_is_taken_back(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await reserved(api, cinema, customer, "held", slice(1))
    for seat_id in cinema.seat_ids[1:3]:
        assert (await add(api, customer, held["id"], [seat_id])).status == 200
    changes = [row["id"] for row in await db.fetch("select id from reservation_changes order by id")]
    undone = []
    for change_id in changes:
        async with api.client.app[DATABASE].change() as conn:
            undone.append(
                await reservation_changes.undo_change(
                    conn, reservation_id=UUID(held["id"]), change_id=change_id, idempotency_key=None
                )
            )
    assert undone == [None, "held"]
    assert seat_ids_of(await api.call("GET", f"/reservations/{held['id']}", who=customer)) == cinema.seat_ids[:2]
