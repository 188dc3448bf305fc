"""Blocked seats: nobody can hold them, every reader tells them from sold ones, and an administrator unblocks them."""

from typing import Any

import pytest

from tests.api import Answer, Api, Cinema, Connection, slot
from tests.catalog.test_seat_plans import put_plan, put_seat
from tests.live_feed import following
from tests.races.test_booking_races import assert_sound


async def block(api: Api, showtime_id: int, seat_ids: list[int], reason: str = "House seats") -> Answer:
    body = {"seat_ids": seat_ids, "reason": reason}
    return await api.call("POST", f"/admin/showtimes/{showtime_id}/blocks", body, who=await api.admin())


async def unblock(api: Api, showtime_id: int, seat_ids: list[int], **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/admin/showtimes/{showtime_id}/blocks"
    return await api.call("DELETE", path, {"seat_ids": seat_ids}, who=await api.admin(), headers=named)


async def blocks(api: Api, showtime_id: int, query: str = "") -> Any:
    answer = await api.call("GET", f"/admin/showtimes/{showtime_id}/blocks{query}", who=await api.admin())
    assert answer.status == 200, answer.text
    return answer.json


async def letters(api: Api, showtime_id: int) -> str:
    return str((await api.call("GET", f"/showtimes/{showtime_id}/seats?fields=status")).json["statuses"])


def reasons(answer: Answer) -> dict[int, str]:
    assert (answer.status, answer.code) == (409, "seats_unavailable"), answer.text
    return {seat["seat_id"]: seat["reason"] for seat in answer.json["seats"]}


async def test_blocked_seats_are_listed_with_their_reason(api: Api) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=2)
    made = await block(api, cinema.showtime_id, cinema.seat_ids[2:0:-1], "Press")
    assert made.status == 201, made.text
    listed = [
        {"seat_id": cinema.seat_ids[1], "row_label": "A", "seat_number": 2, "reason": "Press"},
        {"seat_id": cinema.seat_ids[2], "row_label": "B", "seat_number": 1, "reason": "Press"},
    ]
    assert made.json == {"showtime_id": cinema.showtime_id, "seats": listed}
    assert (await blocks(api, cinema.showtime_id))["items"] == listed
    first = await blocks(api, cinema.showtime_id, "?limit=1")
    assert first["items"] == listed[:1]
    assert (await blocks(api, cinema.showtime_id, f"?cursor={first['next_cursor']}"))["items"] == listed[1:]


async def test_maps_and_statuses_show_blocked_seats(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
    seats = cinema.seat_ids
    sold = await api.hold(customer, cinema.showtime_id, seats[:1])
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    assert (await api.hold(customer, cinema.showtime_id, seats[1:2])).status == 201
    before = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    assert (await block(api, cinema.showtime_id, seats[2:3])).status == 201

    assert [*(await api.statuses(cinema.showtime_id)).values()] == ["booked", "held", "blocked", "available"]
    assert await letters(api, cinema.showtime_id) == "bhxa"
    path, known = f"/showtimes/{cinema.showtime_id}/seats", {"If-None-Match": before.headers["ETag"]}
    assert (await api.call("GET", path, headers=known)).status == 200
    assert (await unblock(api, cinema.showtime_id, seats[2:3])).status == 204
    assert await letters(api, cinema.showtime_id) == "bhaa"


async def test_the_live_feed_tells_of_blocks(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=2)
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next() is not None
        for write, status in (
            (block(api, cinema.showtime_id, cinema.seat_ids[:1]), "blocked"),
            (unblock(api, cinema.showtime_id, cinema.seat_ids[:1]), "available"),
        ):
            assert (await write).status < 300
            event = await stream.next()
            assert event is not None
            assert event.statuses == {cinema.seat_ids[0]: status}


async def test_a_hold_of_a_blocked_seat_is_409_with_the_reason_blocked(api: Api) -> None:
    cinema, customer, other = await api.cinema(rows=1, seats_per_row=4), await api.sign_up(), await api.sign_up()
    seats = cinema.seat_ids
    assert (await block(api, cinema.showtime_id, seats[:1])).status == 201
    sold = await api.hold(customer, cinema.showtime_id, seats[1:2])
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    refused = await api.hold(other, cinema.showtime_id, seats)
    assert reasons(refused) == {seats[0]: "blocked", seats[1]: "booked"}
    assert (await api.hold(customer, cinema.showtime_id, seats[2:3])).status == 201
    refused = await api.hold(other, cinema.showtime_id, seats)  # refused by Redis
    assert reasons(refused) == {seats[0]: "blocked", seats[1]: "booked", seats[2]: "held"}

    assert (await unblock(api, cinema.showtime_id, seats[:1])).status == 204
    assert (await api.hold(other, cinema.showtime_id, seats[:1])).status == 201


async def test_best_available_never_offers_a_blocked_seat(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    path = f"/showtimes/{cinema.showtime_id}/holds"
    assert (await api.call("POST", path, {"quantity": 3}, who=customer)).code == "seats_unavailable"
    held = await api.call("POST", path, {"quantity": 2}, who=customer)
    assert [seat["seat_id"] for seat in held.json["seats"]] == cinema.seat_ids[2:]


async def test_a_block_of_taken_seats_is_409_and_blocks_none(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=5), await api.sign_up()
    seats = cinema.seat_ids
    sold = await api.hold(customer, cinema.showtime_id, seats[:1])
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    assert (await api.hold(customer, cinema.showtime_id, seats[1:2])).status == 201
    assert (await block(api, cinema.showtime_id, seats[2:3])).status == 201
    before = await letters(api, cinema.showtime_id)

    refused = await block(api, cinema.showtime_id, seats)
    assert reasons(refused) == {seats[0]: "booked", seats[1]: "held", seats[2]: "blocked"}
    assert await letters(api, cinema.showtime_id) == before


async def test_a_seat_whose_hold_has_expired_can_be_blocked(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    await db.execute(
        "update reservations set created_at = created_at - interval '1 hour', expires_at = now() - interval '9 s'"
    )
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[0]] == "blocked"
    assert (await api.confirm(customer, held.json["id"])).code == "hold_expired"


async def test_a_seat_that_is_not_blocked_cannot_be_unblocked(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    sold = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    refused = await unblock(api, cinema.showtime_id, [cinema.seat_ids[1], cinema.seat_ids[0]])
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, ["/seat_ids/1"])
    assert await letters(api, cinema.showtime_id) == "bxa"


async def test_an_unblock_with_an_old_etag_of_the_showtime_is_412(api: Api) -> None:
    cinema = await api.cinema()
    path = f"/admin/showtimes/{cinema.showtime_id}"
    old = (await api.call("GET", path, who=await api.admin())).headers["ETag"]
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    refused = await unblock(api, cinema.showtime_id, cinema.seat_ids[:1], If_Match=old)
    assert (refused.status, refused.code) == (412, "precondition_failed")
    tag = (await api.call("GET", path, who=await api.admin())).headers["ETag"]
    assert (await unblock(api, cinema.showtime_id, cinema.seat_ids[:1], If_Match=tag)).status == 204


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"seat_ids": []}, "/seat_ids"),
        ({"seat_ids": [1, 1]}, "/seat_ids/1"),
        ({"seat_ids": [4711]}, "/seat_ids/0"),
        ({"seat_ids": None}, "/seat_ids"),
        ({"reason": " "}, "/reason"),
        ({"reason": "x" * 201}, "/reason"),
        ({"reason": None}, "/reason"),
        ({"until": "tomorrow"}, "/until"),
    ],
)
async def test_an_invalid_block_is_422(shared_api: Api, change: dict[str, Any], pointer: str) -> None:
    cinema = await shared_api.cinema()
    body = {"seat_ids": cinema.seat_ids[:1], "reason": "House seats"} | change
    path = f"/admin/showtimes/{cinema.showtime_id}/blocks"
    refused = await shared_api.call("POST", path, body, who=await shared_api.admin())
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, [pointer])
    assert (await blocks(shared_api, cinema.showtime_id))["items"] == []


async def test_blocks_of_an_unknown_showtime_are_404(api: Api) -> None:
    path, admin = "/admin/showtimes/4711/blocks", await api.admin()
    for method, body in (("POST", {"seat_ids": [1], "reason": "R"}), ("DELETE", {"seat_ids": [1]}), ("GET", None)):
        assert (await api.call(method, path, body, who=admin)).status == 404


async def test_seats_of_a_showtime_that_has_started_cannot_be_blocked(api: Api) -> None:
    cinema = await api.cinema(**slot(-1))
    refused = await block(api, cinema.showtime_id, cinema.seat_ids[:1])
    assert (refused.status, refused.code) == (409, "showtime_started")


async def test_seats_can_be_blocked_before_the_sale_begins(api: Api) -> None:
    cinema = await api.cinema(on_sale_at=slot(12)["starts_at"])
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201


async def blocked_cinema(api: Api) -> Cinema:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    return cinema


async def test_a_blocked_seat_stays_in_its_room(api: Api) -> None:
    cinema = await blocked_cinema(api)
    [seat, *_] = cinema.seat_ids
    for refused in (
        await api.call("DELETE", f"/admin/seats/{seat}", who=await api.admin()),
        await put_seat(api, seat, row_label="B", seat_number=1),
        await put_plan(api, cinema.auditorium_id, []),
    ):
        assert (refused.status, refused.code) == (409, "in_use")
        assert [each["seat_id"] for each in refused.json["seats"]] == [seat]


async def test_blocked_seats_are_those_of_the_same_places_in_another_auditorium(api: Api) -> None:
    cinema = await blocked_cinema(api)
    other, seat_ids = await api.auditorium(rows=2, seats_per_row=1)
    empty = (await api.make("/admin/auditoriums", {"name": "Empty", "capacity": 1}))["id"]
    body = {"movie_id": cinema.movie_id, "base_price": "10.00"} | slot(24)
    path = f"/admin/showtimes/{cinema.showtime_id}"
    moved = await api.call("PUT", path, body | {"auditorium_id": other}, who=await api.admin())
    assert moved.status == 200, moved.text
    assert await api.statuses(cinema.showtime_id) == {seat_ids[0]: "blocked", seat_ids[1]: "available"}
    refused = await api.call("PUT", path, body | {"auditorium_id": empty}, who=await api.admin())
    assert (refused.status, refused.code) == (409, "has_reservations")
    assert [seat["seat_id"] for seat in refused.json["seats"]] == seat_ids[:1]


async def test_a_showtime_is_deleted_with_its_blocks(api: Api, db: Connection, redis_url: str) -> None:
    cinema = await blocked_cinema(api)
    path = f"/admin/showtimes/{cinema.showtime_id}"
    assert (await api.call("DELETE", path, who=await api.admin())).status == 204
    assert await db.fetchval("select count(*) from booked_seats") == 0
    await assert_sound(db, redis_url)


async def test_customers_may_not_block(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    body = {"seat_ids": cinema.seat_ids[:1], "reason": "R"}
    path = f"/admin/showtimes/{cinema.showtime_id}/blocks"
    assert (await api.call("POST", path, body, who=customer)).status == 403


async def test_the_map_reads_blocks_by_their_own_index(api: Api, db: Connection) -> None:
    """The rows of sold seats are not read to tell them from blocked ones."""
    cinema = await blocked_cinema(api)
    await db.execute("set enable_seqscan = off")
    query = (
        "explain select bl.seat_id from booked_seats as bl"
        f" where bl.showtime_id = {cinema.showtime_id} and bl.reservation_id is null"
    )
    plan = "\n".join(row[0] for row in await db.fetch(query))
    assert "booked_seats_blocked_idx" in plan
