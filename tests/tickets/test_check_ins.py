"""The door: a ticket is checked in once; who may, what is refused, what a repetition gets, and what is counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reservation.booking.archive import archive
from reservation.http.app_keys import DATABASE
from tests.api import Api, Connection, Person, slot
from tests.races.test_booking_races import assert_sound
from tests.tickets.sold import check_in, sell, tickets


async def test_a_ticket_is_checked_in_once(api: Api, db: Connection, redis_url: str) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    ticket, _ = await tickets(api, person, reservation_id)

    first = await check_in(api, staff, ticket["code"], showtime_id=cinema.showtime_id)
    second = await check_in(api, staff, ticket["qr_payload"], showtime_id=cinema.showtime_id)

    assert first.status == 200
    assert first.json | {"checked_in_at": ""} == {
        "ticket_id": ticket["id"],
        "code": ticket["code"],
        "reservation_id": reservation_id,
        "seat": ticket["seat"],
        "showtime": (await api.call("GET", f"/reservations/{reservation_id}", who=person)).json["showtime"],
        "checked_in_at": "",
        "count": {"checked_in": 1, "sold": 2},
    }
    assert (second.code, second.json["checked_in_at"]) == ("already_checked_in", first.json["checked_in_at"])
    assert (await tickets(api, person, reservation_id))[0]["checked_in_at"] == first.json["checked_in_at"]
    assert await db.fetchval("select checked_in_by from tickets where checked_in_at is not null") == staff.id
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("written", ["{0}", "{0} ", "{1}-{2}", "{1} {2}", "lower", "misread", "full-width"])
async def test_a_code_is_taken_as_people_type_it(api: Api, db: Connection, written: str) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))
    code = "01ABC5DEFG"
    await db.execute("update tickets set code = $1", code)
    others = {"lower": "o1abc-5defg", "misread": "OlABC5DEFG", "full-width": "０１ＡＢＣ－５ＤＥＦＧ"}

    typed = others.get(written, written).format(code, code[:5], code[5:])

    assert (await check_in(api, staff, typed)).json["code"] == code


@pytest.mark.parametrize(
    ("code", "problem"),
    [("0123456789", "not_found"), ("012345678", "validation_error"), ("U123456789", "validation_error")],
)
async def test_an_unknown_code_is_404_and_no_code_422(api: Api, code: str, problem: str) -> None:
    assert (await check_in(api, await api.staff(), code)).code == problem


async def test_a_ticket_of_another_showtime_is_refused_and_stays_good(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    [ticket] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))

    refused = await check_in(api, staff, ticket["code"], showtime_id=later)

    assert (refused.code, refused.json["showtime_id"]) == ("wrong_showtime", cinema.showtime_id)
    assert (await check_in(api, staff, ticket["code"])).status == 200  # without a showtime, any


async def test_a_seat_that_is_checked_in_is_neither_cancelled_nor_exchanged(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    ticket, other = await tickets(api, person, reservation_id)
    at = (await check_in(api, staff, ticket["code"])).json["checked_in_at"]
    path = f"/reservations/{reservation_id}"

    for where, body, who in (
        (f"{path}/cancel", None, person),
        (f"{path}/cancel", {"seat_ids": cinema.seat_ids[:1]}, person),
        (f"{path}/exchange", {"seat_ids": cinema.seat_ids[2:4]}, person),
        (f"/admin{path}/cancel", {"reason": "Ill"}, staff),
    ):
        refused = await api.call("POST", where, body, who=who)
        assert (refused.code, refused.json["checked_in_at"]) == ("already_checked_in", at)
    assert len(await tickets(api, person, reservation_id)) == 2

    body = {"seat_ids": cinema.seat_ids[1:2]}
    assert (await api.call("POST", f"{path}/cancel", body, who=person)).status == 200
    assert (await check_in(api, staff, other["code"])).code == "ticket_cancelled"
    await assert_sound(db, redis_url)


async def test_a_repetition_with_its_key_gets_the_first_answer_and_another_scan_a_409(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    first, second = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2]))

    once = await check_in(api, staff, first["code"], "key-1")
    await check_in(api, staff, second["code"])
    again = await check_in(api, staff, first["code"], "key-1")

    assert (once.status, again.status, again.headers["Idempotent-Replayed"]) == (200, 200, "true")
    assert again.json == once.json | {"count": {"checked_in": 2, "sold": 2}}
    assert (await check_in(api, staff, first["code"], "key-2")).code == "already_checked_in"
    assert (await check_in(api, staff, second["code"], "key-1")).code == "idempotency_key_reused"


async def test_what_a_scanner_let_in_offline_is_checked_in_at_that_time(api: Api, db: Connection) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:3]))
    await db.execute("update tickets set created_at = now() - interval '1 hour'")
    now = datetime.now(UTC)
    before, early, ahead = now - timedelta(minutes=10), now - timedelta(days=300), now + timedelta(hours=5)

    times = []
    for ticket, at in zip(made, (before, early, ahead), strict=True):
        answer = await check_in(api, staff, ticket["qr_payload"], ticket["code"], checked_in_at=at.isoformat())
        times.append(datetime.fromisoformat(answer.json["checked_in_at"]))

    assert times[0] == before
    assert times[1] == await db.fetchval("select min(created_at) from tickets")  # not before the ticket
    assert now - timedelta(minutes=1) < times[2] < now + timedelta(minutes=1)  # a clock ahead: now


async def test_a_check_in_is_told_once(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    [ticket] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))
    done = await check_in(api, staff, ticket["code"])
    await check_in(api, staff, ticket["code"])

    await api.work()

    events = (await api.call("GET", "/changes", who=await api.admin())).json["items"]
    assert [event["data"] for event in events if event["type"] == "ticket.checked_in"] == [
        {
            "ticket": {
                "id": ticket["id"],
                "reservation_id": done.json["reservation_id"],
                "showtime_id": cinema.showtime_id,
                "seat": {"seat_id": cinema.seat_ids[0], "row_label": "A", "seat_number": 1},
                "checked_in_at": done.json["checked_in_at"],
            }
        }
    ]


async def test_only_staff_and_scanners_check_in(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2]))

    async def key(user_id: int, *scopes: str) -> Person:
        body = {"name": "Scanner", "user_id": user_id, "scopes": [*scopes]}
        return Person(user_id, "", (await api.make("/admin/api-keys", body))["key"], "")

    assert (await check_in(api, person, made[0]["code"])).code == "forbidden"
    assert (await check_in(api, await key(person.id, "check_in"), made[0]["code"])).code == "forbidden"
    assert (await check_in(api, await key(staff.id, "booking"), made[0]["code"])).code == "insufficient_scope"
    scanner = await key(staff.id, "check_in")
    assert (await check_in(api, scanner, made[0]["code"])).status == 200
    assert (await check_in(api, await api.admin(), made[1]["code"])).status == 200
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/check-ins", who=scanner)).status == 200
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[5:6])).json["id"]
    assert (await api.cancel(scanner, held)).code == "insufficient_scope"


async def test_the_check_ins_of_a_showtime_are_listed_and_counted(api: Api, db: Connection) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:4]))
    for ticket in made[:3]:
        await check_in(api, staff, ticket["code"])
    path = f"/showtimes/{cinema.showtime_id}/check-ins"

    first = (await api.call("GET", f"{path}?limit=2", who=staff)).json
    rest = (await api.call("GET", path, params={"cursor": first["next_cursor"]}, who=staff)).json

    assert first["count"] == rest["count"] == {"checked_in": 3, "sold": 4}
    listed: list[dict[str, Any]] = first["items"] + rest["items"]
    assert [item["code"] for item in listed] == [ticket["code"] for ticket in reversed(made[:3])]
    assert (listed[0]["row_label"], listed[0]["seat_number"], listed[0]["checked_in_by"]) == ("A", 3, staff.id)
    assert rest["next_cursor"] is None
    assert (await api.call("GET", "/showtimes/999999/check-ins", who=staff)).code == "not_found"
    assert (await api.call("GET", path, who=person)).code == "forbidden"


async def test_tickets_and_check_ins_of_archived_reservations_stay(api: Api, db: Connection) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    made = await tickets(api, person, reservation_id)
    await check_in(api, staff, made[0]["code"])
    await db.execute("update reservations set created_at = created_at - interval '30 days'")
    await db.execute(
        "update showtimes set starts_at = starts_at - interval '30 days', ends_at = ends_at - interval '30 days',"
        " free_at = free_at - interval '30 days'"
    )
    server: Any = api.client.server
    done = await archive(server.app[DATABASE], before=datetime.now(UTC) - timedelta(days=7), advance=lambda _: None)
    assert done.reservations == 1

    kept = await tickets(api, person, reservation_id)
    counted = (await api.call("GET", f"/showtimes/{cinema.showtime_id}/check-ins", who=staff)).json["count"]

    assert [ticket["code"] for ticket in kept] == [ticket["code"] for ticket in made]
    assert counted == {"checked_in": 1, "sold": 2}
    assert (await check_in(api, staff, made[1]["code"])).code == "ticket_cancelled"
