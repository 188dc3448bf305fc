"""Holds with ticket types: their prices, what is refused, and changes of the types."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from redis.asyncio import Redis

from reservation.db.repository.auditoriums import RoomPlan
from reservation.db.repository.ticket_types import KnownTicketType
from reservation.dba.audit import audit
from reservation.seatmap.rooms import plan_of, room_of
from reservation.seatmap.ticket_types import ChosenTickets
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi

STANDARD = {"id": 1, "name": "standard"}


async def ticket_type(api: Api, name: str = "child", **fields: Any) -> int:
    price = {} if "fixed_price" in fields else {"price_factor": "0.50"}
    return int((await api.make("/admin/ticket-types", {"name": name} | price | fields))["id"])


async def change(api: Api, type_id: int, **fields: Any) -> None:
    body = {"name": "child", "price_factor": "0.50"} | fields
    changed = await api.call("PUT", f"/admin/ticket-types/{type_id}", body, who=await api.admin())
    assert changed.status == 200, changed.text


async def hold(api: Api, who: Person, cinema: Cinema, body: dict[str, Any], **rest: Any) -> Answer:
    return await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who, **rest)


def seats(cinema: Cinema, *types: int | None) -> dict[str, Any]:
    """A body that holds the first seats with these types; None: no type given."""
    wanted = zip(cinema.seat_ids, types, strict=False)
    return {
        "seats": [
            {"seat_id": seat} if kind is None else {"seat_id": seat, "ticket_type_id": kind} for seat, kind in wanted
        ]
    }


def tickets(reservation: Any) -> list[tuple[int, str, str]]:
    return [(seat["seat_id"], seat["ticket_type"]["name"], seat["price"]) for seat in reservation["seats"]]


async def test_each_seat_has_the_price_of_its_ticket_type(api: Api, db: Connection, redis_url: str) -> None:
    """They are in the order of the map, whatever the order of the request; all later answers have them."""
    cinema, customer = await api.cinema(base_price="9.99"), await api.sign_up()
    await db.execute("update seats set price_modifier = 1.5 where id = $1", cinema.seat_ids[1])
    child, group = await ticket_type(api), await ticket_type(api, "group", fixed_price="7.77")
    first, second, third, fourth = cinema.seat_ids[:4]
    body = {
        "seats": [
            {"seat_id": fourth},
            {"seat_id": second, "ticket_type_id": group},
            {"seat_id": third, "ticket_type_id": 1},
            {"seat_id": first, "ticket_type_id": child},
        ]
    }

    held = await hold(api, customer, cinema, body)

    assert held.status == 201, held.text
    assert tickets(held.json) == [
        (first, "child", "5.00"),  # 4.995
        (second, "group", "11.66"),  # 11.655
        (third, "standard", "9.99"),
        (fourth, "standard", "9.99"),
    ]
    assert held.json["total_price"] == "36.64"
    assert (await api.call("GET", f"/reservations/{held.json['id']}", who=customer)).json == held.json
    assert (await api.call("GET", "/reservations", who=customer)).json["items"] == [held.json]
    confirmed = await api.confirm(customer, held.json["id"])
    assert confirmed.json["seats"] == held.json["seats"]
    async with Redis.from_url(redis_url) as redis:
        assert await audit(db, redis) == []


async def test_seats_without_ticket_types_are_of_the_standard_type(api: Api, db: Connection) -> None:
    """They are stored as those of seat_ids are."""
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, customer, cinema, seats(cinema, None, 1))
    assert [seat["ticket_type"] for seat in held.json["seats"]] == [STANDARD] * 2
    assert await db.fetchval("select ticket_type_ids from reservations") == []


async def test_the_best_available_seats_get_ticket_types_from_left_to_right(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    child = await ticket_type(api)
    held = await hold(api, customer, cinema, {"quantity": 3, "ticket_type_ids": [1, child, child]})
    assert held.status == 201, held.text
    assert [seat["ticket_type"]["id"] for seat in held.json["seats"]] == [1, child, child]
    assert held.json["total_price"] == "20.00"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"seats": []}, ["/seats"]),
        ({"seats": [{"seat_id": "{0}", "ticket_type_id": 4711}]}, ["/seats/0/ticket_type_id"]),
        ({"seats": [{"seat_id": "{0}"}, {"seat_id": "{1}", "ticket_type_id": "{off}"}]}, ["/seats/1/ticket_type_id"]),
        ({"seats": [{"seat_id": "{0}"}, {"seat_id": "{0}"}]}, ["/seats/1/seat_id"]),
        ({"seats": [{"seat_id": "{0}"}, {"seat_id": 4711}]}, ["/seats/1/seat_id"]),
        ({"seats": [{"ticket_type_id": 1}]}, ["/seats/0/seat_id"]),
        ({"seats": [{"seat_id": "{0}", "price": 1}]}, ["/seats/0/price"]),
        ({"seats": [{"seat_id": "{0}"}], "seat_ids": ["{1}"]}, ["/seats"]),
        ({"seats": [{"seat_id": "{0}"}], "quantity": 1}, ["/quantity"]),
        ({"seat_ids": ["{0}"], "ticket_type_ids": [1]}, ["/ticket_type_ids"]),
        ({"quantity": 2, "ticket_type_ids": [1]}, ["/ticket_type_ids"]),
        ({"quantity": 2, "ticket_type_ids": [1, 4711]}, ["/ticket_type_ids/1"]),
        ({"quantity": 2, "ticket_type_ids": ["{off}", 1]}, ["/ticket_type_ids/0"]),
    ],
)
async def test_a_hold_with_wrong_ticket_types_is_422(
    shared_api: Api, body: dict[str, Any], pointers: list[str]
) -> None:
    cinema, customer = await shared_api.cinema(), await shared_api.sign_up()
    named = {"{0}": cinema.seat_ids[0], "{1}": cinema.seat_ids[1], "{off}": await ticket_type(shared_api, active=False)}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(member) for name, member in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else named.get(value, value)

    refused = await hold(shared_api, customer, cinema, filled(body))

    assert (refused.status, refused.code) == (422, "validation_error"), refused.text
    assert [error["pointer"] for error in refused.json["errors"]] == pointers
    assert set((await shared_api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_repeated_key_with_other_ticket_types_is_422(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    child = await ticket_type(api)
    key = {"Idempotency-Key": "a"}
    first = await hold(api, customer, cinema, seats(cinema, child, 1), headers=key)
    again = await hold(api, customer, cinema, seats(cinema, child, 1), headers=key)
    assert (again.status, again.json) == (201, first.json)
    other = await hold(api, customer, cinema, seats(cinema, child, child), headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_changed_price_is_that_of_the_next_hold_of_any_worker(start_api: StartApi) -> None:
    """The other worker has the old price in its cache. The first hold keeps it."""
    one, other = await start_api(), await start_api()
    cinema, customer = await one.cinema(), await one.sign_up()
    child = await ticket_type(one)
    before = await hold(other, customer, cinema, seats(cinema, child))
    assert before.json["total_price"] == "5.00"

    await change(one, child, name="kid", price_factor="0.25")
    body = {"seats": [{"seat_id": cinema.seat_ids[5], "ticket_type_id": child}]}
    after = await hold(other, customer, cinema, body)

    assert tickets(after.json) == [(cinema.seat_ids[5], "kid", "2.50")]
    first = (await other.call("GET", f"/reservations/{before.json['id']}", who=customer)).json
    assert tickets(first) == [(cinema.seat_ids[0], "kid", "5.00")]


async def test_a_type_that_was_made_inactive_is_refused_by_every_worker(start_api: StartApi) -> None:
    one, other = await start_api(), await start_api()
    cinema, customer = await one.cinema(), await one.sign_up()
    child = await ticket_type(one)
    held = await hold(other, customer, cinema, seats(cinema, child))
    assert held.status == 201, held.text

    await change(one, child, active=False)
    body = {"seats": [{"seat_id": cinema.seat_ids[5], "ticket_type_id": child}]}
    refused = await hold(other, customer, cinema, body)

    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/seats/0/ticket_type_id")
    assert (await one.statuses(cinema.showtime_id))[cinema.seat_ids[5]] == "available"
    best = await hold(other, customer, cinema, {"quantity": 1, "ticket_type_ids": [child]})
    assert (best.status, best.json["errors"][0]["pointer"]) == (422, "/ticket_type_ids/0")
    assert (await other.confirm(customer, held.json["id"])).json["seats"] == held.json["seats"]


async def test_a_new_name_of_the_standard_type_shows_in_the_next_answers(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, customer, cinema, {"seat_ids": cinema.seat_ids[:1]})
    await change(api, 1, name="Adult", price_factor=1)
    assert tickets((await api.confirm(customer, held.json["id"])).json)[0][1] == "Adult"
    assert tickets((await hold(api, customer, cinema, {"seat_ids": cinema.seat_ids[1:2]})).json)[0][1] == "Adult"
    assert tickets((await api.call("GET", f"/reservations/{held.json['id']}", who=customer)).json)[0][1] == "Adult"


@settings(max_examples=200, deadline=None)
@given(
    base=st.decimals("0", "999999.99", places=2),
    modifier=st.decimals("0", "99.99", places=2),
    factor=st.decimals("0", "99.99", places=2),
    fixed=st.booleans(),
)
def test_a_price_is_the_exact_product_rounded_half_up(
    base: Decimal, modifier: Decimal, factor: Decimal, fixed: bool
) -> None:
    columns = (["A"], [1], ["regular"], [str(modifier)], [None], [None])
    room = room_of(plan_of(RoomPlan(1, 1, [7], *columns)), Decimal("1.00") if fixed else base)
    kind = KnownTicketType(2, "child", None if fixed else factor, base if fixed else None, True, True, 1)
    [seat] = ChosenTickets(1, [kind]).seats(room, [7])
    cents = int(base * 100) * int(modifier * 100) * (1 if fixed else int(factor * 100))
    exact = Decimal(cents).scaleb(-4 if fixed else -6)
    assert Decimal(seat.price) == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
