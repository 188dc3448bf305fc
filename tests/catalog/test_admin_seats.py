"""The seats of an auditorium: whole rows, labelled A to ZZZ, never more than the capacity."""

import asyncio
from typing import Any

import pytest

from tests.api import Answer, Api


async def room(api: Api, capacity: int = 100) -> int:
    return int((await api.make("/admin/auditoriums", {"name": "A Room", "capacity": capacity}))["id"])


async def batch(api: Api, auditorium_id: int, rows: object, seats_per_row: object, **fields: Any) -> Answer:
    body = {"rows": rows, "seats_per_row": seats_per_row} | fields
    path = f"/admin/auditoriums/{auditorium_id}/seats/batch"
    return await api.call("POST", path, body, who=await api.admin())


async def seats(api: Api, auditorium_id: int, limit: int = 200) -> list[Any]:
    found: list[Any] = []
    path = f"/admin/auditoriums/{auditorium_id}/seats?limit={limit}"
    cursor = ""
    while True:
        answer = await api.call("GET", path + cursor, who=await api.admin())
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.json['next_cursor']}"


def labels(found: list[Any]) -> list[str]:
    return list(dict.fromkeys(seat["row_label"] for seat in found))


async def test_a_batch_creates_rows_of_seats(api: Api) -> None:
    auditorium_id = await room(api)
    made = await batch(api, auditorium_id, 2, 3, seat_type="premium", price_modifier="1.25")
    assert made.status == 201, made.text
    assert made.json["created"] == 6
    assert [(seat["row_label"], seat["seat_number"]) for seat in made.json["seats"]] == [
        (row, number) for row in "AB" for number in (1, 2, 3)
    ]
    assert {(seat["seat_type"], seat["price_modifier"]) for seat in made.json["seats"]} == {("premium", "1.25")}
    assert {seat["auditorium_id"] for seat in made.json["seats"]} == {auditorium_id}
    assert await seats(api, auditorium_id) == made.json["seats"]


async def test_seats_are_regular_by_default(api: Api) -> None:
    made = await batch(api, await room(api), 1, 1)
    assert (made.json["seats"][0]["seat_type"], made.json["seats"][0]["price_modifier"]) == ("regular", "1.00")


async def test_row_labels_continue_after_the_last_row(api: Api) -> None:
    auditorium_id = await room(api)
    wanted = [chr(ord("A") + index) for index in range(26)] + ["AA", "AB", "AC"]
    for rows in (1, 24, 1, 2, 1):
        assert (await batch(api, auditorium_id, rows, 2)).status == 201
    found = await seats(api, auditorium_id, limit=7)
    assert labels(found) == wanted
    assert len(found) == 58


async def test_row_labels_reach_three_letters(api: Api) -> None:
    auditorium_id = await room(api, capacity=1000)
    assert (await batch(api, auditorium_id, 701, 1)).status == 201
    made = await batch(api, auditorium_id, 2, 1)
    assert labels(made.json["seats"]) == ["ZZ", "AAA"]
    assert labels(await seats(api, auditorium_id))[-3:] == ["ZY", "ZZ", "AAA"]


async def test_racing_batches_get_different_rows(api: Api) -> None:
    auditorium_id = await room(api)
    answers = await asyncio.gather(*(batch(api, auditorium_id, 2, 5) for _ in range(5)))
    assert [answer.status for answer in answers] == [201] * 5
    assert labels(await seats(api, auditorium_id)) == list("ABCDEFGHIJ")


async def test_more_seats_than_the_capacity_is_409(api: Api) -> None:
    auditorium_id = await room(api, capacity=10)
    assert (await batch(api, auditorium_id, 2, 4)).status == 201
    refused = await batch(api, auditorium_id, 1, 3)
    assert (refused.status, refused.code) == (409, "capacity_exceeded")
    assert len(await seats(api, auditorium_id)) == 8
    assert (await batch(api, auditorium_id, 1, 2)).status == 201
    assert (await batch(api, auditorium_id, 1, 1)).status == 409


async def test_racing_batches_do_not_exceed_the_capacity(api: Api) -> None:
    auditorium_id = await room(api, capacity=10)
    answers = await asyncio.gather(*(batch(api, auditorium_id, 1, 4) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 201, 409, 409, 409]
    assert len(await seats(api, auditorium_id)) == 8


async def test_a_capacity_below_the_number_of_seats_is_409(api: Api) -> None:
    auditorium_id = await room(api, capacity=10)
    await batch(api, auditorium_id, 2, 4)
    path = f"/admin/auditoriums/{auditorium_id}"
    refused = await api.call("PUT", path, {"name": "R", "capacity": 7}, who=await api.admin())
    assert (refused.status, refused.code) == (409, "capacity_exceeded")
    assert (await api.call("GET", path, who=await api.admin())).json["capacity"] == 10
    assert (await api.call("PUT", path, {"name": "R", "capacity": 8}, who=await api.admin())).status == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"rows": 0}, "/rows"),
        ({"rows": -1}, "/rows"),
        ({"rows": True}, "/rows"),
        ({"rows": "2"}, "/rows"),
        ({"rows": 10**15}, "/rows"),
        ({"seats_per_row": 0}, "/seats_per_row"),
        ({"seats_per_row": 1001}, "/seats_per_row"),
        ({"seats_per_row": None}, "/seats_per_row"),
        ({"seat_type": "Throne"}, "/seat_type"),
        ({"seat_type": "love-"}, "/seat_type"),
        ({"seat_type": "regular\n"}, "/seat_type"),
        ({"seat_type": "s" * 41}, "/seat_type"),
        ({"aisles_after": [0]}, "/aisles_after/0"),
        ({"aisles_after": [4, 2, 4]}, "/aisles_after/2"),
        ({"aisles_after": 4}, "/aisles_after"),
        ({"seat_type": None}, "/seat_type"),
        ({"price_modifier": "100.00"}, "/price_modifier"),
        ({"price_modifier": "-0.01"}, "/price_modifier"),
        ({"price_modifier": "1.001"}, "/price_modifier"),
        ({"row_label": "A"}, "/row_label"),
    ],
)
async def test_an_invalid_batch_is_422(shared_api: Api, fields: dict[str, Any], pointer: str) -> None:
    refused = await batch(shared_api, await room(shared_api), **({"rows": 1, "seats_per_row": 1} | fields))
    assert (refused.status, refused.code) == (422, "validation_error")
    assert {error["pointer"] for error in refused.json["errors"]} == {pointer}


async def test_seats_of_an_unknown_auditorium_are_404(api: Api) -> None:
    assert (await batch(api, 4711, 1, 1)).status == 404
    for method, path in (("GET", "/admin/auditoriums/4711/seats"), ("DELETE", "/admin/seats/4711")):
        assert (await api.call(method, path, who=await api.admin())).status == 404


async def test_an_unreserved_seat_can_be_deleted(api: Api) -> None:
    auditorium_id = await room(api)
    made = (await batch(api, auditorium_id, 1, 3)).json["seats"]
    path = f"/admin/seats/{made[1]['id']}"
    gone = await api.call("DELETE", path, who=await api.admin())
    assert (gone.status, gone.text) == (204, "")
    assert (await api.call("DELETE", path, who=await api.admin())).status == 404
    assert await seats(api, auditorium_id) == [made[0], made[2]]
