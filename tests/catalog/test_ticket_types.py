"""Ticket types: administration and the public list."""

from typing import Any

import pytest

from tests.api import Answer, Api, Connection

PATH = "/admin/ticket-types"


async def as_admin(api: Api, method: str, path: str, body: Any = None, **rest: Any) -> Answer:
    return await api.call(method, path, body, who=await api.admin(), **rest)


async def test_the_standard_type_is_there_from_the_start(api: Api) -> None:
    [standard] = (await api.call("GET", "/ticket-types")).json["items"]
    shown = {name: standard[name] for name in ("id", "name", "price_factor", "fixed_price", "position", "active")}
    assert shown == {
        "id": 1, "name": "standard", "price_factor": "1.00", "fixed_price": None, "position": 0, "active": True
    }  # fmt: skip


async def test_ticket_types_are_created_read_replaced_and_deleted(api: Api) -> None:
    made = await as_admin(api, "POST", PATH, {"name": "child", "price_factor": "0.5", "position": 2})
    assert made.status == 201, made.text
    assert (made.json["price_factor"], made.json["active"]) == ("0.50", True)
    path = made.headers["Location"]
    assert (await as_admin(api, "GET", path)).json == made.json
    public = path.removeprefix("/admin")
    assert (await api.call("GET", public)).json == made.json
    body = {"name": "Kid", "fixed_price": 4, "position": 1, "active": False}
    replaced = await as_admin(api, "PUT", path, body, headers={"If-Match": made.headers["ETag"]})
    assert replaced.status == 200, replaced.text
    assert (replaced.json["fixed_price"], replaced.json["price_factor"]) == ("4.00", None)
    inactive = await api.call("GET", public)
    assert (inactive.json, inactive.headers["ETag"]) == (replaced.json, replaced.headers["ETag"])
    lost = await as_admin(api, "PUT", path, body, headers={"If-Match": made.headers["ETag"]})
    assert (lost.status, lost.code) == (412, "precondition_failed")
    assert (await as_admin(api, "DELETE", path)).status == 204
    assert (await as_admin(api, "GET", path)).status == 404
    assert (await api.call("GET", public)).status == 404


async def test_the_public_list_has_active_types_by_position(api: Api) -> None:
    for name, position, active in (("c", 3, True), ("off", 1, False), ("a", 1, True), ("b", 1, True)):
        await api.make(PATH, {"name": name, "price_factor": 1, "position": position, "active": active})
    first = await api.call("GET", "/ticket-types?limit=2")
    assert [each["name"] for each in first.json["items"]] == ["standard", "a"]
    rest = await api.call("GET", f"/ticket-types?limit=2&cursor={first.json['next_cursor']}")
    assert [each["name"] for each in rest.json["items"]] == ["b", "c"]
    assert rest.json["next_cursor"] is None
    listed = await as_admin(api, "GET", PATH)
    assert [each["name"] for each in listed.json["items"]] == ["standard", "off", "a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"price_factor": 1}, "/name"),
        ({"name": " ", "price_factor": 1}, "/name"),
        ({"name": "a"}, "/price_factor"),
        ({"name": "a", "price_factor": 1, "fixed_price": 1}, "/price_factor"),
        ({"name": "a", "price_factor": -1}, "/price_factor"),
        ({"name": "a", "price_factor": "0.333"}, "/price_factor"),
        ({"name": "a", "price_factor": "100.00"}, "/price_factor"),
        ({"name": "a", "fixed_price": "1000000.00"}, "/fixed_price"),
        ({"name": "a", "price_factor": 1, "position": -1}, "/position"),
        ({"name": "a", "price_factor": 1, "active": "yes"}, "/active"),
    ],
)
async def test_a_wrong_ticket_type_is_422(shared_api: Api, body: dict[str, Any], pointer: str) -> None:
    refused = await as_admin(shared_api, "POST", PATH, body)
    assert (refused.status, refused.code) == (422, "validation_error"), refused.text
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Adult", "price_factor": "0.99"}, "/price_factor"),
        ({"name": "Adult", "fixed_price": "10.00"}, "/price_factor"),
        ({"name": "Adult", "price_factor": 1, "active": False}, "/active"),
    ],
)
async def test_the_standard_type_keeps_its_price(api: Api, body: dict[str, Any], pointer: str) -> None:
    refused = await as_admin(api, "PUT", f"{PATH}/1", body)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)
    renamed = await as_admin(api, "PUT", f"{PATH}/1", {"name": "Adult", "price_factor": "1.00", "position": 7})
    assert (renamed.status, renamed.json["name"]) == (200, "Adult")


async def test_the_standard_type_and_types_that_holds_have_asked_for_are_not_deleted(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    child = (await api.make(PATH, {"name": "child", "price_factor": "0.5"}))["id"]
    wanted = {"seats": [{"seat_id": cinema.seat_ids[0], "ticket_type_id": child}]}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", wanted, who=customer)
    assert held.status == 201, held.text
    for type_id in (1, child):
        refused = await as_admin(api, "DELETE", f"{PATH}/{type_id}")
        assert (refused.status, refused.code) == (409, "in_use")
    assert await db.fetchval("select count(*) from ticket_types") == 2


async def test_only_administrators_change_ticket_types(api: Api) -> None:
    customer = await api.sign_up()
    refused = await api.call("POST", PATH, {"name": "child", "price_factor": 1}, who=customer)
    assert (refused.status, refused.code) == (403, "forbidden")


async def test_an_unknown_ticket_type_is_404(api: Api) -> None:
    for method, body in (("GET", None), ("PUT", {"name": "a", "price_factor": 1}), ("DELETE", None)):
        refused = await as_admin(api, method, f"{PATH}/4711", body)
        assert (refused.status, refused.code) == (404, "not_found")
