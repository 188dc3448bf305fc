"""Reservations: confirmed, cancelled, listed, and not accessible to other users."""

import asyncio
from typing import Any

import pytest

from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

UNKNOWN = "01890000-0000-7000-8000-000000000000"


async def hold(api: Api, cinema: Cinema, who: Person, seats: slice) -> Any:
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[seats])
    assert held.status == 201, held.text
    return held.json


async def booked(api: Api, cinema: Cinema, who: Person, seats: slice = slice(2)) -> Any:
    answer = await api.confirm(who, (await hold(api, cinema, who, seats))["id"])
    assert answer.status == 200, answer.text
    return answer.json


async def read(api: Api, who: Person, reservation_id: str) -> Answer:
    return await api.call("GET", f"/reservations/{reservation_id}", who=who)


def by_customer(cancelled: Answer) -> dict[str, Any]:
    """What a customer's cancel changes in the answer."""
    assert cancelled.json["cancelled_at"] > cancelled.json["created_at"]
    return {"status": "cancelled", "cancelled_at": cancelled.json["cancelled_at"], "cancelled_by": "customer"}


async def test_the_reservation_of_another_user_is_404(api: Api) -> None:
    cinema = await api.cinema()
    owner, other = await api.sign_up(), await api.sign_up()
    held = await hold(api, cinema, owner, slice(2))
    for refused in (
        await read(api, other, held["id"]),
        await api.confirm(other, held["id"]),
        await api.cancel(other, held["id"]),
        await api.extend(other, held["id"]),
    ):
        assert (refused.status, refused.code) == (404, "not_found")
    assert (await api.call("GET", "/reservations", who=other)).json["items"] == []
    assert (await read(api, owner, held["id"])).json == held
    assert set(list((await api.statuses(cinema.showtime_id)).values())[:2]) == {"held"}


@pytest.mark.parametrize("reservation_id", [UNKNOWN, "0", "-1", "abc", str(2**63), UNKNOWN + "0", "%00", "１"])
async def test_an_unknown_reservation_is_404(shared_api: Api, reservation_id: str) -> None:
    customer = await shared_api.sign_up()
    for refused in (
        await read(shared_api, customer, reservation_id),
        await shared_api.confirm(customer, reservation_id),
        await shared_api.cancel(customer, reservation_id),
    ):
        assert (refused.status, refused.code) == (404, "not_found")


async def test_a_second_confirm_changes_nothing(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    first = await booked(api, cinema, customer)
    again = await api.confirm(customer, first["id"])
    assert (again.status, again.json) == (200, first)


async def test_a_cancelled_hold_frees_its_seats_at_once(api: Api) -> None:
    cinema = await api.cinema()
    customer, other = await api.sign_up(), await api.sign_up()
    held = await hold(api, cinema, customer, slice(2))

    cancelled = await api.cancel(customer, held["id"])

    assert (cancelled.status, cancelled.json) == (200, held | by_customer(cancelled))
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await hold(api, cinema, other, slice(2))


async def test_a_cancelled_confirmation_frees_its_seats_and_stays_on_record(api: Api) -> None:
    cinema = await api.cinema()
    customer, other = await api.sign_up(), await api.sign_up()
    confirmed = await booked(api, cinema, customer)

    cancelled = await api.cancel(customer, confirmed["id"])

    assert (cancelled.status, cancelled.json) == (200, confirmed | by_customer(cancelled))
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await booked(api, cinema, other)
    assert (await read(api, customer, confirmed["id"])).json == cancelled.json
    assert [len(item["seats"]) for item in (await api.call("GET", "/reservations", who=customer)).json["items"]] == [2]


async def test_a_second_cancel_changes_nothing(api: Api) -> None:
    cinema = await api.cinema()
    customer, other = await api.sign_up(), await api.sign_up()
    held = await hold(api, cinema, customer, slice(2))
    cancelled = await api.cancel(customer, held["id"])
    await hold(api, cinema, other, slice(2))

    again = await api.cancel(customer, held["id"])

    assert (again.status, again.json) == (200, cancelled.json)
    assert list((await api.statuses(cinema.showtime_id)).values())[:3] == ["held", "held", "available"]


async def test_a_confirm_after_a_cancel_is_409(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    held = await hold(api, cinema, customer, slice(1))
    once_confirmed = await booked(api, cinema, customer, slice(1, 2))
    for reservation in (held, once_confirmed):
        assert (await api.cancel(customer, reservation["id"])).status == 200
        refused = await api.confirm(customer, reservation["id"])
        assert (refused.status, refused.code) == (409, "reservation_cancelled")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


@pytest.mark.parametrize(("minutes", "starts_in_h", "status"), [("60", 0.9, 409), ("60", 1.1, 200), ("0", 0.1, 200)])
async def test_a_cancel_of_a_confirmed_reservation_after_the_cutoff_is_409(
    start_api: StartApi, minutes: str, starts_in_h: float, status: int
) -> None:
    api = await start_api(CANCEL_CUTOFF_MINUTES=minutes)
    cinema = await api.cinema(**slot(starts_in_h))
    customer = await api.sign_up()
    confirmed = await booked(api, cinema, customer)

    answer = await api.cancel(customer, confirmed["id"])

    assert answer.status == status
    if status == 409:
        assert answer.code == "too_late_to_cancel"
        assert (await read(api, customer, confirmed["id"])).json == confirmed
        assert list((await api.statuses(cinema.showtime_id)).values())[:2] == ["booked", "booked"]


async def test_a_hold_can_be_cancelled_after_the_cutoff(start_api: StartApi) -> None:
    api = await start_api(CANCEL_CUTOFF_MINUTES="60")
    cinema = await api.cinema(**slot(0.5))
    customer = await api.sign_up()
    held = await hold(api, cinema, customer, slice(1))
    assert (await api.cancel(customer, held["id"])).status == 200


async def test_a_cancel_after_the_showtime_started_is_409(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    confirmed = await booked(api, cinema, customer)
    await db.execute("update showtimes set starts_at = now() - interval '1 second'")
    refused = await api.cancel(customer, confirmed["id"])
    assert (refused.status, refused.code) == (409, "too_late_to_cancel")


async def test_a_confirm_of_a_lost_hold_names_the_booked_seats(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    slow, quick = await api.sign_up(), await api.sign_up()
    held = await hold(api, cinema, slow, slice(2))
    # Another reservation books the seat past Redis, as after a fail-over that lost the hold.
    other = await hold(api, cinema, quick, slice(2, 3))
    await db.execute(
        "update reservations set seat_ids = seat_ids || $2::bigint, row_labels = row_labels || 'A'::text,"
        " seat_numbers = seat_numbers || 2, prices = prices || 10.00 where id = $1",
        other["id"],
        cinema.seat_ids[1],
    )
    assert (await api.confirm(quick, other["id"])).status == 200

    refused = await api.confirm(slow, held["id"])

    assert (refused.status, refused.code) == (409, "seats_unavailable")
    assert refused.json["seats"] == [{"seat_id": cinema.seat_ids[1], "reason": "booked"}]
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[0]] != "booked"


async def test_a_reservation_without_seats_is_never_confirmed(api: Api, db: Connection) -> None:
    """Such as one whose seats are still in another table, as in the middle of a migration."""
    cinema, customer = await api.cinema(), await api.sign_up()
    good, bad = [await hold(api, cinema, customer, slice(start, start + 2)) for start in (0, 2)]
    await db.execute(
        "update reservations set seat_ids = '{}', row_labels = '{}', seat_numbers = '{}', prices = '{}' where id = $1",
        bad["id"],
    )

    confirmed, refused = await asyncio.gather(api.confirm(customer, good["id"]), api.confirm(customer, bad["id"]))

    assert (confirmed.status, refused.status, refused.code) == (200, 503, "overloaded")
    rows = await db.fetch("select id::text, status from reservations order by id")
    assert {row["id"]: row["status"] for row in rows} == {good["id"]: "confirmed", bad["id"]: "held"}
    assert await db.fetchval("select count(*) from booked_seats") == 2


async def test_pages_list_all_reservations_newest_first(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    made = [(await hold(api, cinema, customer, slice(index, index + 1)))["id"] for index in range(7)]

    found, path = [], "/reservations?limit=3"
    while path:
        answer = await api.call("GET", path, who=customer)
        assert answer.status == 200, answer.text
        assert len(answer.json["items"]) <= 3
        found += [item["id"] for item in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        path = f"/reservations?limit=3&cursor={cursor}" if cursor else ""
    assert found == made[::-1]


async def test_a_status_filters_the_list(start_api: StartApi, db: Connection) -> None:
    api = await start_api()
    cinema = await api.cinema()
    customer = await api.sign_up()
    expired = await hold(api, cinema, customer, slice(1))
    held = await hold(api, cinema, customer, slice(1, 2))
    cancelled = await hold(api, cinema, customer, slice(2, 3))
    await api.cancel(customer, cancelled["id"])
    confirmed = await booked(api, cinema, customer, slice(3, 4))
    await db.execute(
        "update reservations set created_at = now() - interval '1 hour', expires_at = now() where id = $1",
        expired["id"],
    )
    wanted = {"held": held, "confirmed": confirmed, "cancelled": cancelled, "expired": expired}
    for status, reservation in wanted.items():
        answer = await api.call("GET", f"/reservations?status={status}", who=customer)
        assert [(item["id"], item["status"]) for item in answer.json["items"]] == [(reservation["id"], status)]
    everything = await api.call("GET", "/reservations", who=customer)
    assert len(everything.json["items"]) == 4
    refused = await api.call("GET", "/reservations?status=lost", who=customer)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/status")
