"""GET /changes: what happened, once each, in order, and as it was."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from reservation.db.repository import reservations
from reservation.http.app_keys import DATABASE
from reservation.outbox.relay import Relay
from tests.api import Api, Connection, Person, slot


async def feed(api: Api, who: Person, **query: Any) -> list[Any]:
    """All events that are there, read in pages of three."""
    items: list[Any] = []
    while True:
        page = await api.call("GET", "/changes", params={"limit": 3, **query}, who=who)
        assert page.status == 200, page.text
        items += page.json["items"]
        query = {"after": page.json["next_cursor"]}
        if not page.json["has_more"]:
            return items


def types(items: Sequence[Any], reservation_id: str) -> list[str]:
    """The types of a reservation's events, in their order."""
    return [each["type"] for each in items if (each["data"].get("reservation") or {}).get("id") == reservation_id]


async def test_hold_confirm_change_and_cancel_are_told_as_they_were(api: Api) -> None:
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    held = await api.call(
        "POST",
        f"/showtimes/{cinema.showtime_id}/holds",
        {"seat_ids": cinema.seat_ids[:3], "reference": "order 7", "metadata": {"till": 4}},
        who=who,
    )
    reservation_id = held.json["id"]
    await api.confirm(who, reservation_id)
    path = f"/reservations/{reservation_id}"
    await api.call("POST", f"{path}/cancel", {"seat_ids": cinema.seat_ids[2:3]}, who=who)
    await api.call("POST", f"{path}/exchange", {"seat_ids": cinema.seat_ids[10:12]}, who=who)
    cancelled = await api.cancel(who, reservation_id)
    await api.work()
    items = await feed(api, admin)
    assert types(items, reservation_id) == [
        "reservation.held",
        "reservation.confirmed",
        "reservation.changed",
        "reservation.changed",
        "reservation.cancelled",
    ]
    told = [each["data"] for each in items]
    assert [each["reservation"]["status"] for each in told] == [
        "held",
        "confirmed",
        "confirmed",
        "confirmed",
        "cancelled",
    ]
    assert [[seat["seat_id"] for seat in each["reservation"]["seats"]] for each in told] == [
        cinema.seat_ids[:3],
        cinema.seat_ids[:3],
        cinema.seat_ids[:2],
        cinema.seat_ids[10:12],
        cinema.seat_ids[10:12],
    ]
    assert [each["reservation"]["total_price"] for each in told] == ["30.00", "30.00", "20.00", "20.00", "20.00"]
    assert told[2]["before"] == {
        "change": "cancelled_seats",
        "showtime_id": cinema.showtime_id,
        "seat_ids": cinema.seat_ids[:3],
        "total_price": "30.00",
    }
    assert told[0]["reservation"] | {"status": "held"} == held.json | {
        "expires_at": told[0]["reservation"]["expires_at"]
    }
    assert told[0]["reservation"]["confirmed_at"] is told[3]["reservation"]["cancelled_at"] is None
    assert told[4]["reservation"]["cancelled_at"] == cancelled.json["cancelled_at"]


async def test_a_released_hold_and_an_expired_one_are_told(api: Api, db: Connection) -> None:
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    released = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await api.cancel(who, released)
    expired = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[1:2])).json["id"]
    await db.execute(
        "update reservations set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'"
        " where id = $1::uuid",
        expired,
    )
    async with api.client.app[DATABASE].connection() as conn:
        await reservations.expire_holds(conn, first_id=UUID(int=0), age_s=0, margin_s=60, row_limit=10)
    await api.work()
    items = await feed(api, admin)
    assert types(items, released) == ["reservation.held", "reservation.cancelled"]
    assert types(items, expired) == ["reservation.held", "reservation.expired"]


async def test_a_showtime_that_is_moved_and_called_off_is_told_with_its_reservations(api: Api) -> None:
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    sold = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await api.confirm(who, sold)
    moved = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "12.50", **slot(30)}
    put = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}?force=true", moved, who=admin)
    assert put.status == 200, put.text
    await api.call("POST", f"/admin/showtimes/{cinema.showtime_id}/cancel", {"reason": "No current."}, who=admin)
    await api.work()
    items = await feed(api, admin)
    [changed] = [each["data"] for each in items if each["type"] == "showtime.changed"]
    assert changed["changed"] == ["base_price", "ends_at", "starts_at"]
    assert changed["before"]["base_price"] == "10.00"
    assert changed["showtime"]["base_price"] == "12.50"
    assert changed["showtime"]["id"] == cinema.showtime_id
    assert changed["showtime"]["starts_at"] == put.json["starts_at"]
    [off] = [each["data"] for each in items if each["type"] == "showtime.cancelled"]
    assert (off["showtime"]["status"], off["showtime"]["cancel_reason"]) == ("cancelled", "No current.")
    assert types(items, sold) == ["reservation.held", "reservation.confirmed", "reservation.cancelled"]
    assert items[-1]["data"]["reservation"]["cancelled_by"] == "cinema"


async def test_a_failed_confirm_is_not_told(api: Api) -> None:
    cinema, who, other, admin = await api.cinema(), await api.sign_up(), await api.sign_up(), await api.admin()
    held = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    assert (await api.confirm(other, held)).status == 404
    await api.cancel(who, held)
    assert (await api.confirm(who, held)).code == "reservation_cancelled"
    await api.work()
    assert types(await feed(api, admin), held) == ["reservation.held", "reservation.cancelled"]


async def test_two_relays_and_a_reader_beside_sales_see_each_event_once_and_in_order(api: Api) -> None:
    cinema, admin = await api.cinema(5, 20), await api.admin()
    customers = [await api.sign_up() for _ in range(4)]
    sold: set[str] = set()

    async def sell(who: Person, seat_ids: Sequence[int]) -> None:
        for seat_id in seat_ids:
            held = (await api.hold(who, cinema.showtime_id, [seat_id])).json["id"]
            assert (await api.confirm(who, held)).status == 200
            assert (await api.cancel(who, held)).status == 200
            sold.add(held)

    async def relay(ended: asyncio.Event) -> None:
        mine = Relay(api.client.app[DATABASE], ())
        while not ended.is_set():
            await mine.move()

    async def read(ended: asyncio.Event) -> list[Any]:
        items: list[Any] = []
        query: dict[str, Any] = {}
        while True:
            is_last = ended.is_set()
            page = (await api.call("GET", "/changes", params=query, who=admin)).json
            items += page["items"]
            query = {"after": page["next_cursor"]}
            if is_last and not page["has_more"]:
                return items

    sales_ended, moved = asyncio.Event(), asyncio.Event()
    relays = [asyncio.create_task(relay(sales_ended)) for _ in range(2)]
    reader = asyncio.create_task(read(moved))
    await asyncio.gather(
        *(sell(who, cinema.seat_ids[place * 20 : place * 20 + 15]) for place, who in enumerate(customers))
    )
    sales_ended.set()
    await asyncio.gather(*relays)
    await api.work()
    moved.set()
    items = await reader
    assert len(items) == len({each["id"] for each in items}) == 3 * len(sold) == 180
    assert all(
        types(items, each) == ["reservation.held", "reservation.confirmed", "reservation.cancelled"] for each in sold
    )


async def test_a_cursor_before_the_deleted_events_is_refused(api: Api, db: Connection) -> None:
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    start = (await api.call("GET", "/changes", who=admin)).json["next_cursor"]
    await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    await api.work()
    await api.hold(who, cinema.showtime_id, cinema.seat_ids[1:2])
    await db.execute("update events set created_at = created_at - interval '31 days'")
    await api.work()
    refused = await api.call("GET", "/changes", params={"after": start}, who=admin)
    assert (refused.status, refused.code) == (410, "cursor_expired")
    left = await feed(api, admin)
    assert [each["data"]["reservation"]["seats"][0]["seat_id"] for each in left] == cinema.seat_ids[1:2]


async def test_a_cursor_from_before_a_restore_is_refused(api: Api, db: Connection) -> None:
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    for seat_id in cinema.seat_ids[:3]:
        await api.hold(who, cinema.showtime_id, [seat_id])
    await api.work()
    seen = (await api.call("GET", "/changes", who=admin)).json["next_cursor"]
    await db.execute("delete from events where id > 1")
    refused = await api.call("GET", "/changes", params={"after": seen}, who=admin)
    assert (refused.status, refused.code) == (410, "cursor_expired")
    await db.execute("select setval(pg_get_serial_sequence('events', 'id'), 1)")
    for seat_id in cinema.seat_ids[3:6]:
        await api.hold(who, cinema.showtime_id, [seat_id])
    await api.work()
    refused = await api.call("GET", "/changes", params={"after": seen}, who=admin)
    assert (refused.status, refused.code) == (410, "cursor_expired")


async def test_customers_and_the_box_office_do_not_read_the_feed(api: Api) -> None:
    for who in (await api.sign_up(), await api.staff()):
        assert (await api.call("GET", "/changes", who=who)).status == 403
    assert (await api.call("GET", "/changes")).status == 401
