"""Asking for a quantity instead of seats: the service chooses."""

import asyncio
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.api import Answer, Api, Person, slot
from tests.conftest import StartApi

WRONG_QUANTITIES: tuple[Any, ...] = (0, -1, 5, 101, 2**64, None, True, 1.5, "2", [2], {})


async def best(api: Api, who: Person, showtime_id: int, quantity: int, **rest: Any) -> Answer:
    """Ask for the best seats."""
    return await api.call("POST", f"/showtimes/{showtime_id}/holds", {"quantity": quantity} | rest, who=who)


def labels(answer: Answer) -> list[str]:
    assert answer.status == 201, answer.text
    return [f"{seat['row_label']}{seat['seat_number']}" for seat in answer.json["seats"]]


async def test_a_hold_of_a_quantity_holds_the_best_block(api: Api) -> None:
    cinema = await api.cinema(rows=10, seats_per_row=20)
    customer = await api.sign_up()

    held = await best(api, customer, cinema.showtime_id, 4)

    assert labels(held) == ["G9", "G10", "G11", "G12"]
    assert held.json["status"] == "held"
    assert held.json["total_price"] == "40.00"
    assert held.headers["Location"] == f"/reservations/{held.json['id']}"
    ours = {seat["seat_id"] for seat in held.json["seats"]}
    statuses = await api.statuses(cinema.showtime_id)
    assert {seat for seat, status in statuses.items() if status == "held"} == ours
    assert labels(await best(api, customer, cinema.showtime_id, 4)) == ["H9", "H10", "H11", "H12"]
    assert (await api.confirm(customer, held.json["id"])).status == 200
    assert labels(await best(api, customer, cinema.showtime_id, 4)) == ["F9", "F10", "F11", "F12"]


async def test_a_seat_type_limits_the_offered_seats(api: Api) -> None:
    auditorium_id = (await api.make("/admin/auditoriums", {"name": "R", "capacity": 12, "focal_row": "C"}))["id"]
    for seat_type in ("regular", "premium", "wheelchair"):
        batch = {"rows": 1, "seats_per_row": 4, "seat_type": seat_type}
        await api.make(f"/admin/auditoriums/{auditorium_id}/seats/batch", batch)
    showtime_id = await api.showtime(await api.movie(), auditorium_id)
    customer = await api.sign_up()

    assert labels(await best(api, customer, showtime_id, 2, seat_type="wheelchair")) == ["C1", "C2"]
    assert labels(await best(api, customer, showtime_id, 4)) == ["B1", "B2", "B3", "B4"]
    refused = await best(api, customer, showtime_id, 1, seat_type="premium")
    assert (refused.status, refused.json["detail"]) == (409, "No premium seat is available.")
    assert labels(await best(api, customer, showtime_id, 2, seat_type="regular")) == ["A1", "A2"]
    assert labels(await best(api, customer, showtime_id, 2)) == ["A3", "A4"]
    assert labels(await best(api, customer, showtime_id, 2)) == ["C3", "C4"]  # wheelchair places come last


async def test_no_block_of_seats_goes_across_an_aisle(api: Api) -> None:
    auditorium_id = (await api.make("/admin/auditoriums", {"name": "R", "capacity": 6}))["id"]
    batch = {"rows": 1, "seats_per_row": 6, "aisles_after": [4]}
    await api.make(f"/admin/auditoriums/{auditorium_id}/seats/batch", batch)
    showtime_id = await api.showtime(await api.movie(), auditorium_id)
    customer = await api.sign_up()

    assert (await best(api, customer, showtime_id, 5)).code == "seats_unavailable"
    assert labels(await best(api, customer, showtime_id, 3)) in (["A1", "A2", "A3"], ["A2", "A3", "A4"])
    assert (await best(api, customer, showtime_id, 3)).code == "seats_unavailable"
    assert labels(await best(api, customer, showtime_id, 2)) == ["A5", "A6"]


async def test_a_wheelchair_place_comes_with_a_companion_seat(api: Api) -> None:
    auditorium_id = (await api.make("/admin/auditoriums", {"name": "R", "capacity": 6}))["id"]
    kinds = ["regular", "wheelchair", "companion", "regular", "regular", "regular"]
    plan = [{"row_label": "A", "seat_number": n, "seat_type": kind, "x": n, "y": 1} for n, kind in enumerate(kinds, 1)]
    path = f"/admin/auditoriums/{auditorium_id}/seats"
    assert (await api.call("PUT", path, {"seats": plan}, who=await api.admin())).status == 200
    showtime_id = await api.showtime(await api.movie(), auditorium_id)
    customer = await api.sign_up()

    assert labels(await best(api, customer, showtime_id, 2)) == ["A5", "A6"]
    assert labels(await best(api, customer, showtime_id, 2, seat_type="wheelchair")) == ["A2", "A3"]


async def test_a_quantity_larger_than_any_row_has_is_409_without_seats(api: Api) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=3)
    customer = await api.sign_up()

    refused = await best(api, customer, cinema.showtime_id, 4)

    assert (refused.status, refused.code, refused.json["seats"]) == (409, "seats_unavailable", [])
    assert refused.json["detail"].startswith("No 4 adjacent seats are available: ask for fewer")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    assert len(labels(await best(api, customer, cinema.showtime_id, 3))) == 3


async def test_a_changed_focal_row_changes_the_next_offer(start_api: StartApi) -> None:
    api, other = await start_api(), await start_api()
    cinema = await api.cinema(rows=6, seats_per_row=5)
    customer = await api.sign_up()
    path = f"/admin/auditoriums/{cinema.auditorium_id}"
    room = {"name": "A Room", "capacity": 30}
    assert (await api.call("GET", path, who=await api.admin())).json["focal_row"] is None
    assert labels(await best(other, customer, cinema.showtime_id, 5))[0] == "D1"

    moved = await api.call("PUT", path, room | {"focal_row": "B"}, who=await api.admin())

    assert moved.json["focal_row"] == "B"
    assert (await api.call("GET", path, who=await api.admin())).json == moved.json
    assert labels(await best(other, customer, cinema.showtime_id, 5))[0] == "B1"
    await api.call("PUT", path, room | {"focal_row": "ZZ"}, who=await api.admin())  # no such row: the nearest
    assert labels(await best(other, customer, cinema.showtime_id, 5))[0] == "F1"
    reset = await api.call("PUT", path, room, who=await api.admin())
    assert reset.json["focal_row"] is None
    listed = await api.call("GET", "/admin/auditoriums", who=await api.admin())
    assert [each["focal_row"] for each in listed.json["items"]] == [None]


async def test_a_renamed_room_does_not_change_the_version_of_its_maps(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=2)
    path, room = f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "Other", "capacity": 2}
    seats = f"/showtimes/{cinema.showtime_id}/seats"
    before = await api.call("GET", seats)
    await api.call("PUT", path, room, who=await api.admin())
    assert (await api.call("GET", seats)).headers["ETag"] == before.headers["ETag"]
    await api.call("PUT", path, room | {"focal_row": "A"}, who=await api.admin())
    assert (await api.call("GET", seats)).headers["ETag"] != before.headers["ETag"]


@pytest.mark.parametrize("label", ["", "a", "A1", "ABCD", " A", "A\n", "Ä", 1, ["A"]])
async def test_a_focal_row_that_is_no_label_is_422(shared_api: Api, label: Any) -> None:
    room = {"name": "R", "capacity": 5, "focal_row": label}
    answer = await shared_api.call("POST", "/admin/auditoriums", room, who=await shared_api.admin())
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, ["/focal_row"])


async def test_a_seat_type_that_the_auditorium_does_not_have_is_422(api: Api) -> None:
    cinema, who = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    refused = await best(api, who, cinema.showtime_id, 2, seat_type="sofa")
    assert (refused.status, refused.code) == (422, "validation_error")
    assert refused.json["errors"] == [
        {"pointer": "/seat_type", "detail": "The auditorium has no seats of this type: it has regular."}
    ]
    assert (await best(api, who, cinema.showtime_id, 4, seat_type="regular")).code == "seats_unavailable"


@pytest.mark.parametrize("quantity", [0, -1, 1000])
async def test_a_quantity_out_of_bounds_names_them(api: Api, quantity: int) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    refused = await best(api, who, cinema.showtime_id, quantity)
    [error] = refused.json["errors"]
    assert (refused.status, error["pointer"]) == (422, "/quantity")
    assert error["detail"] == "Must be from 1 to MAX_SEATS_PER_HOLD, which is max_seats_per_hold in GET /config."


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/seat_ids"),
        ({"seat_ids": [1], "quantity": 1}, "/quantity"),
        ({"seat_ids": [1], "seat_type": "regular"}, "/seat_type"),
        ({"seat_type": "regular"}, "/seat_ids"),
        ({"quantity": 1, "seat_type": "Sofa"}, "/seat_type"),
        ({"quantity": 1, "seat_type": None}, "/seat_type"),
        ({"quantity": 1, "seat_type": ["regular"]}, "/seat_type"),
        ({"quantity": 1, "row": "A"}, "/row"),
        *(({"quantity": wrong}, "/quantity") for wrong in WRONG_QUANTITIES),
    ],
)
async def test_an_invalid_quantity_or_seat_type_is_422(start_api: StartApi, body: dict[str, Any], pointer: str) -> None:
    api = await start_api(MAX_SEATS_PER_HOLD="4")
    cinema = await api.cinema(rows=2, seats_per_row=6)
    who = await api.sign_up()
    answer = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who)
    assert answer.status == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert len(labels(await best(api, who, cinema.showtime_id, 4))) == 4


async def test_a_quantity_of_an_unknown_or_started_showtime_is_refused(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=2)
    customer = await api.sign_up()
    unknown = await best(api, customer, 4711, 2)
    assert (unknown.status, unknown.code) == (404, "not_found")
    full = await best(api, customer, cinema.showtime_id, 2)
    assert full.status == 201
    past = slot(-1)
    await db.execute(
        "update showtimes set starts_at = $1::text::timestamptz, ends_at = $2::text::timestamptz,"
        " free_at = $2::text::timestamptz",
        past["starts_at"],
        past["ends_at"],
    )
    assert (await best(api, customer, cinema.showtime_id, 2)).code == "showtime_started"
    assert (await api.cancel(customer, full.json["id"])).status == 200
    assert (await best(api, customer, cinema.showtime_id, 2)).code == "showtime_started"


async def test_a_quantity_of_a_room_without_seats_is_409(api: Api) -> None:
    room = await api.make("/admin/auditoriums", {"name": "Empty", "capacity": 5})
    showtime_id = await api.showtime(await api.movie(), room["id"])
    assert (await best(api, await api.sign_up(), showtime_id, 1)).code == "seats_unavailable"


async def test_added_seats_are_offered_and_deleted_ones_are_not(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    admin, customer = await api.admin(), await api.sign_up()
    room = {"name": "A Room", "capacity": 10}
    await api.call("PUT", f"/admin/auditoriums/{cinema.auditorium_id}", room, who=admin)
    assert (await best(api, customer, cinema.showtime_id, 4)).status == 409
    await api.make(f"/admin/auditoriums/{cinema.auditorium_id}/seats/batch", {"rows": 1, "seats_per_row": 5})
    assert labels(await best(api, customer, cinema.showtime_id, 4)) == ["B1", "B2", "B3", "B4"]
    assert (await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[1]}", who=admin)).status == 204
    assert (await best(api, customer, cinema.showtime_id, 2)).status == 409  # A1 and A3 are not adjacent


async def test_seats_booked_only_in_postgresql_are_not_offered(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=8)
    customer = await api.sign_up()
    for _ in range(2):
        held = await best(api, customer, cinema.showtime_id, 2)
        assert (await api.confirm(customer, held.json["id"])).status == 200
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()

    found = [labels(await best(api, customer, cinema.showtime_id, 2)) for _ in range(2)]

    assert await db.fetchval("select count(*) from booked_seats") == 4
    assert len({seat for seats in found for seat in seats}) == 4
    assert (await best(api, customer, cinema.showtime_id, 1)).code == "seats_unavailable"


async def test_concurrent_requests_hold_different_blocks(api: Api) -> None:
    cinema = await api.cinema(rows=4, seats_per_row=8)
    customer = await api.sign_up()
    answers = await asyncio.gather(*(best(api, customer, cinema.showtime_id, 2) for _ in range(16)))
    assert len({label for answer in answers for label in labels(answer)}) == 32
