"""The plan of an auditorium: positions, types, and changes of seats, one by one or all at once."""

from typing import Any

import pytest

from tests.api import Answer, Api, Connection

PLAN = [
    {"row_label": "A", "seat_number": 1, "x": 1, "y": 1},
    {"row_label": "A", "seat_number": 2, "x": 2, "y": 1},
    {"row_label": "A", "seat_number": 3, "x": 4, "y": 1, "seat_type": "wheelchair", "price_modifier": "0.80"},
    {"row_label": "B", "seat_number": 1, "x": 1, "y": 3, "seat_type": "love-seat"},
]
PLACE = ("row_label", "seat_number", "x", "y")


async def room(api: Api, capacity: int = 50) -> int:
    return int((await api.make("/admin/auditoriums", {"name": "A Room", "capacity": capacity}))["id"])


async def put_plan(api: Api, auditorium_id: int, seats: list[dict[str, Any]], **headers: str) -> Answer:
    path = f"/admin/auditoriums/{auditorium_id}/seats"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call("PUT", path, {"seats": seats}, who=await api.admin(), headers=named)


async def put_seat(api: Api, seat_id: int, **seat: Any) -> Answer:
    return await api.call("PUT", f"/admin/seats/{seat_id}", seat, who=await api.admin())


async def listed(api: Api, auditorium_id: int) -> list[Any]:
    path = f"/admin/auditoriums/{auditorium_id}/seats?limit=200"
    found: list[Any] = (await api.call("GET", path, who=await api.admin())).json["items"]
    return found


async def layout(api: Api, auditorium_id: int) -> Any:
    return (await api.call("GET", f"/auditoriums/{auditorium_id}/layout")).json


def places(seats: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(seat[name] for name in PLACE) for seat in seats]


async def test_a_plan_is_written_listed_and_shown_as_layout(api: Api) -> None:
    auditorium_id = await room(api)
    written = await put_plan(api, auditorium_id, PLAN)
    assert written.status == 200, written.text
    assert places(written.json["seats"]) == [tuple(seat[name] for name in PLACE) for seat in PLAN]
    assert [seat["seat_type"] for seat in written.json["seats"]] == ["regular", "regular", "wheelchair", "love-seat"]
    assert await listed(api, auditorium_id) == written.json["seats"]
    shown = await layout(api, auditorium_id)
    assert places(shown["seats"]) == places(written.json["seats"])
    assert [seat["id"] for seat in shown["seats"]] == [seat["id"] for seat in written.json["seats"]]


async def test_seats_with_the_same_row_and_number_keep_their_ids(api: Api, db: Connection) -> None:
    auditorium_id = await room(api)
    before = (await put_plan(api, auditorium_id, PLAN)).json["seats"]
    version = (await layout(api, auditorium_id))["version"]
    moved = [PLAN[1] | {"x": 1}, PLAN[0] | {"x": 2}, PLAN[3], {"row_label": "C", "seat_number": 9}]
    after = (await put_plan(api, auditorium_id, moved)).json["seats"]

    assert places(after) == [("A", 1, 2, 1), ("A", 2, 1, 1), ("B", 1, 1, 3), ("C", 9, None, None)]
    assert [seat["id"] for seat in after[:3]] == [before[0]["id"], before[1]["id"], before[3]["id"]]
    assert after[2] == before[3]  # not written again
    assert (await layout(api, auditorium_id))["version"] > version
    assert await db.fetchval("select count(*) from seats") == 4  # the room has no showtimes: the other one is deleted


async def test_removed_seats_of_a_room_with_showtimes_are_retired(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.cancel(customer, held.json["id"])).status == 200

    assert (await put_plan(api, cinema.auditorium_id, [])).status == 200
    assert await db.fetchval("select count(*) from seats where retired_at is not null") == 3
    assert await api.statuses(cinema.showtime_id) == {}
    again = await put_plan(api, cinema.auditorium_id, PLAN[:1])
    assert not {seat["id"] for seat in again.json["seats"]} & {*cinema.seat_ids}
    shown = await api.call("GET", f"/reservations/{held.json['id']}", who=customer)
    assert [seat["row_label"] for seat in shown.json["seats"]] == ["A"]


@pytest.mark.parametrize("state", ["held", "confirmed"])
async def test_a_plan_without_reserved_seats_is_409_and_names_them(api: Api, state: str) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=5), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:3])
    if state == "confirmed":
        assert (await api.confirm(customer, held.json["id"])).status == 200
    before = await listed(api, cinema.auditorium_id)

    refused = await put_plan(api, cinema.auditorium_id, [PLAN[0], PLAN[1], PLAN[3]])
    assert (refused.status, refused.code) == (409, "in_use")
    assert refused.json["seats"] == [{"seat_id": cinema.seat_ids[2], "row_label": "A", "seat_number": 3}]
    assert await listed(api, cinema.auditorium_id) == before

    assert (await put_plan(api, cinema.auditorium_id, PLAN)).status == 200
    assert (await api.cancel(customer, held.json["id"])).status == 200
    assert (await put_plan(api, cinema.auditorium_id, PLAN[:1])).status == 200


async def test_a_plan_changes_the_map_and_the_price_of_holds(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    map_path = f"/showtimes/{cinema.showtime_id}/seats"
    before = await api.call("GET", map_path)
    plan = [seat | {"price_modifier": "2.00"} for seat in PLAN[:3]]
    assert (await put_plan(api, cinema.auditorium_id, plan)).status == 200
    after = await api.call("GET", map_path, headers={"If-None-Match": before.headers["ETag"]})
    assert {seat["price"] for seat in after.json["seats"]} == {"20.00"}
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert held.json["total_price"] == "20.00"


async def test_more_seats_than_the_capacity_are_409(api: Api) -> None:
    auditorium_id = await room(api, capacity=3)
    assert (await put_plan(api, auditorium_id, PLAN[:2])).status == 200
    refused = await put_plan(api, auditorium_id, PLAN)
    assert (refused.status, refused.code) == (409, "capacity_exceeded")
    assert len(await listed(api, auditorium_id)) == 2


@pytest.mark.parametrize(
    ("seats", "pointers"),
    [
        ([PLAN[0], PLAN[0] | {"x": 9}], {"/seats/1"}),
        ([PLAN[0], PLAN[1] | {"x": 1}], {"/seats/1/x"}),
        ([PLAN[0], PLAN[0], PLAN[0]], {"/seats/1", "/seats/2"}),
        ([{"row_label": "A", "seat_number": 1, "x": 1}], {"/seats/0/y"}),
        ([{"row_label": "A", "seat_number": 1, "y": 1}], {"/seats/0/x"}),
        ([{"row_label": "A", "seat_number": 1, "x": 1.5, "y": 0}], {"/seats/0/x"}),
        ([{"row_label": "a", "seat_number": 0}], {"/seats/0/row_label", "/seats/0/seat_number"}),
        ([PLAN[0] | {"id": 1}], {"/seats/0/id"}),
        ([PLAN[0] | {"seat_type": "Regular"}], {"/seats/0/seat_type"}),
        ([None], {"/seats/0"}),
    ],
)
async def test_an_invalid_plan_is_422_and_changes_nothing(shared_api: Api, seats: Any, pointers: set[str]) -> None:
    auditorium_id = await room(shared_api)
    before = (await put_plan(shared_api, auditorium_id, PLAN)).json["seats"]
    refused = await put_plan(shared_api, auditorium_id, seats)
    assert (refused.status, refused.code) == (422, "validation_error")
    assert {error["pointer"] for error in refused.json["errors"]} == pointers
    assert await listed(shared_api, auditorium_id) == before


async def test_a_plan_is_written_under_the_etag_of_its_auditorium(api: Api) -> None:
    auditorium_id = await room(api)
    path, admin = f"/admin/auditoriums/{auditorium_id}", await api.admin()
    tag = (await api.call("GET", path, who=admin)).headers["ETag"]
    first = await put_plan(api, auditorium_id, PLAN, If_Match=tag)
    assert first.status == 200
    refused = await put_plan(api, auditorium_id, [], If_Match=tag)
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert len(await listed(api, auditorium_id)) == 4
    assert (await api.call("GET", path, who=admin)).headers["ETag"] == first.headers["ETag"]
    assert (await put_plan(api, auditorium_id, [], If_Match=first.headers["ETag"])).status == 200


async def test_a_plan_of_an_unknown_auditorium_is_404(api: Api) -> None:
    assert (await put_plan(api, 4711, PLAN)).status == 404
    assert (await put_seat(api, 4711, row_label="A", seat_number=1)).status == 404


async def test_a_seat_is_replaced(api: Api) -> None:
    auditorium_id = await room(api)
    before = (await put_plan(api, auditorium_id, PLAN)).json["seats"]
    seat = {"row_label": "D", "seat_number": 7, "seat_type": "vip", "price_modifier": "1.75", "x": -3, "y": 0}
    replaced = await put_seat(api, before[0]["id"], **seat)
    assert replaced.status == 200, replaced.text
    assert replaced.json | seat == replaced.json
    assert replaced.json["id"] == before[0]["id"]
    assert replaced.json["updated_at"] > before[0]["updated_at"]
    assert await listed(api, auditorium_id) == [*before[1:], replaced.json]
    plain = await put_seat(api, before[0]["id"], row_label="D", seat_number=7)
    shown = {name: plain.json[name] for name in ("seat_type", "price_modifier", "x", "y")}
    assert shown == {"seat_type": "regular", "price_modifier": "1.00", "x": None, "y": None}


@pytest.mark.parametrize(
    "place",
    [
        {"row_label": "A", "seat_number": 2},
        {"row_label": "A", "seat_number": 9, "x": 2, "y": 1},
    ],
)
async def test_a_place_that_is_taken_is_409(api: Api, place: dict[str, Any]) -> None:
    auditorium_id = await room(api)
    before = (await put_plan(api, auditorium_id, PLAN)).json["seats"]
    refused = await put_seat(api, before[0]["id"], **place)
    assert (refused.status, refused.code) == (409, "place_taken")
    assert await listed(api, auditorium_id) == before


async def test_a_reserved_seat_keeps_its_row_and_number_but_not_its_type(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    seat_id = cinema.seat_ids[0]
    held = await api.hold(customer, cinema.showtime_id, [seat_id])
    refused = await put_seat(api, seat_id, row_label="B", seat_number=1)
    assert (refused.status, refused.code) == (409, "in_use")
    assert refused.json["seats"] == [{"seat_id": seat_id, "row_label": "A", "seat_number": 1}]
    assert (await put_seat(api, seat_id, row_label="A", seat_number=1, seat_type="vip", x=1, y=1)).status == 200
    assert (await api.cancel(customer, held.json["id"])).status == 200
    assert (await put_seat(api, seat_id, row_label="B", seat_number=1)).status == 200


async def test_a_batch_leaves_aisles(api: Api) -> None:
    auditorium_id = await room(api)
    path, admin = f"/admin/auditoriums/{auditorium_id}/seats/batch", await api.admin()
    batch = {"rows": 1, "seats_per_row": 5, "aisles_after": [4, 1]}
    made = await api.call("POST", path, batch, who=admin)
    assert [(seat["x"], seat["y"]) for seat in made.json["seats"]] == [(1, 1), (3, 1), (4, 1), (5, 1), (7, 1)]
    made = await api.call("POST", path, batch | {"rows": 2, "aisles_after": []}, who=admin)
    assert {(seat["row_label"], seat["y"]) for seat in made.json["seats"]} == {("B", 2), ("C", 3)}
    assert [seat["x"] for seat in made.json["seats"]] == [1, 2, 3, 4, 5] * 2
    made = await api.call("POST", path, batch | {"aisles_after": None}, who=admin)
    assert {(seat["x"], seat["y"]) for seat in made.json["seats"]} == {(None, None)}


async def test_a_batch_in_positions_of_other_seats_is_409(api: Api) -> None:
    auditorium_id = await room(api)
    assert (await put_plan(api, auditorium_id, [PLAN[0] | {"y": 2}])).status == 200
    path = f"/admin/auditoriums/{auditorium_id}/seats/batch"
    batch = {"rows": 1, "seats_per_row": 2, "aisles_after": []}
    refused = await api.call("POST", path, batch, who=await api.admin())
    assert (refused.status, refused.code) == (409, "place_taken")
    assert len(await listed(api, auditorium_id)) == 1
