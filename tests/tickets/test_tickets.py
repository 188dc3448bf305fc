"""Tickets of a reservation: one a seat, made once, dead with their seat; their QR codes and the published keys."""

import base64
import re
from datetime import datetime

import jwt
import pytest

from tests.api import Api, Connection, slot
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound
from tests.tickets.sold import check_in, sell, tickets

OLD, NEW = "0123456789" * 3 + "old", "0123456789" * 3 + "new"


async def test_a_confirmed_reservation_has_one_ticket_a_seat(api: Api, db: Connection, redis_url: str) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:3])
    assert await db.fetchval("select count(*) from tickets") == 0  # a confirm writes none

    made = await tickets(api, person, reservation_id)

    assert [ticket["seat"]["seat_id"] for ticket in made] == cinema.seat_ids[:3]
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{10}", ticket["code"]) for ticket in made)
    assert made[0]["seat"] == {
        "seat_id": cinema.seat_ids[0],
        "row_label": "A",
        "seat_number": 1,
        "price": "10.00",
        "ticket_type": {"id": 1, "name": "standard"},
    }
    assert made[0]["checked_in_at"] is None
    assert await tickets(api, person, reservation_id) == made  # read again: the same ones
    await assert_sound(db, redis_url)


async def test_whoever_does_not_own_the_reservation_finds_no_tickets_and_staff_do(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    path = f"/reservations/{reservation_id}/tickets"

    assert (await api.call("GET", path, who=await api.sign_up())).code == "not_found"
    assert (await api.call("GET", path)).code == "not_authenticated"
    staff = await api.call("GET", path, who=await api.staff())

    assert staff.json["tickets"] == await tickets(api, person, reservation_id)
    assert staff.headers["Cache-Control"] == "private, no-store"


async def test_only_a_confirmed_reservation_has_tickets(api: Api, db: Connection) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    path = f"/reservations/{held}/tickets"

    assert (await api.call("GET", path, who=person)).code == "not_confirmed"
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")
    assert (await api.call("GET", path, who=person)).code == "hold_expired"
    other = await sell(api, person, cinema.showtime_id, cinema.seat_ids[1:2])
    await api.cancel(person, other)
    assert (await api.call("GET", f"/reservations/{other}/tickets", who=person)).code == "reservation_cancelled"
    assert await db.fetchval("select count(*) from tickets") == 0


async def test_the_ticket_of_a_cancelled_seat_is_dead_and_the_others_stay(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    first, second = await tickets(api, person, reservation_id)

    body = {"seat_ids": cinema.seat_ids[:1]}
    assert (await api.call("POST", f"/reservations/{reservation_id}/cancel", body, who=person)).status == 200

    assert (await check_in(api, staff, first["code"])).code == "ticket_cancelled"
    assert await tickets(api, person, reservation_id) == [second]
    assert (await check_in(api, staff, second["code"])).status == 200
    await assert_sound(db, redis_url)


async def test_the_tickets_of_a_cancelled_reservation_are_dead_and_the_next_owner_has_a_new_one(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    [old] = await tickets(api, person, reservation_id)
    assert (await api.cancel(person, reservation_id)).status == 200

    [new] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))

    assert old["code"] != new["code"]
    assert (await check_in(api, staff, old["code"])).code == "ticket_cancelled"
    assert (await check_in(api, staff, new["code"])).status == 200
    await assert_sound(db, redis_url)


async def test_an_exchange_kills_the_tickets_of_seats_that_are_given_up(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    kept, given_up = await tickets(api, person, reservation_id)
    path = f"/reservations/{reservation_id}/exchange"

    assert (await api.call("POST", path, {"seat_ids": cinema.seat_ids[:1]}, who=person)).status == 200
    assert await tickets(api, person, reservation_id) == [kept]
    assert (await check_in(api, staff, given_up["code"])).code == "ticket_cancelled"

    body = {"showtime_id": later, "seat_ids": cinema.seat_ids[:1]}
    assert (await api.call("POST", path, body, who=person)).status == 200
    assert (await check_in(api, staff, kept["code"])).code == "ticket_cancelled"
    [new] = await tickets(api, person, reservation_id)
    assert (await check_in(api, staff, new["code"], showtime_id=later)).status == 200
    await assert_sound(db, redis_url)


async def test_calling_a_showtime_off_kills_its_tickets_also_those_that_are_checked_in(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    one, other = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2]))
    assert (await check_in(api, staff, one["code"])).status == 200

    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    assert (await api.call("POST", path, {"reason": "Fire alarm"}, who=await api.admin())).status == 200

    for ticket in (one, other):
        assert (await check_in(api, staff, ticket["code"])).code == "ticket_cancelled"
    await assert_sound(db, redis_url)


async def test_tickets_stay_good_when_their_showtime_moves_to_another_room(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    before = await tickets(api, person, reservation_id)
    room, seats = await api.auditorium()
    shown = (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json
    body = {"movie_id": cinema.movie_id, "auditorium_id": room, "base_price": "10.00"}
    body |= {name: shown[name] for name in ("starts_at", "ends_at")}

    path = f"/admin/showtimes/{cinema.showtime_id}?force=true"
    assert (await api.call("PUT", path, body, who=await api.admin())).status == 200

    after = await tickets(api, person, reservation_id)
    assert [ticket["code"] for ticket in after] == [ticket["code"] for ticket in before]
    assert [ticket["seat"]["seat_id"] for ticket in after] == seats[:2]
    checked = await check_in(api, staff, before[0]["qr_payload"], showtime_id=cinema.showtime_id)
    assert checked.json["showtime"]["auditorium"]["id"] == room
    await assert_sound(db, redis_url)


async def test_a_seat_freed_by_a_version_without_tickets_gets_a_new_one(api: Api, db: Connection) -> None:
    """During an update, the version before cancels reservations and leaves their tickets as they are."""
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    [old] = await tickets(api, person, reservation_id)
    await db.execute("delete from booked_seats where reservation_id = $1::uuid", reservation_id)
    await db.execute(
        "update reservations set status = 'cancelled', cancelled_at = now() where id = $1::uuid", reservation_id
    )
    assert (await check_in(api, staff, old["code"])).code == "ticket_cancelled"

    [new] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))

    assert (await check_in(api, staff, new["code"])).status == 200
    assert (await check_in(api, staff, old["code"])).code == "ticket_cancelled"


async def test_a_qr_code_is_verified_with_the_published_keys_alone(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[6:7])
    [ticket] = await tickets(api, person, reservation_id)
    starts_at = (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json["starts_at"]

    published = await api.call("GET", "/.well-known/ticket-keys.json")

    assert published.headers["Cache-Control"] == "public, max-age=3600"
    [key] = jwt.PyJWKSet.from_dict(published.json).keys
    assert jwt.get_unverified_header(ticket["qr_payload"]) == {"alg": "EdDSA", "kid": key.key_id}
    assert jwt.decode(ticket["qr_payload"], key, ["EdDSA"]) == {
        "code": ticket["code"],
        "showtime": cinema.showtime_id,
        "seat": "A7",
        "starts": int(datetime.fromisoformat(starts_at).timestamp()),
    }
    assert len(ticket["qr_payload"]) < 230  # 61 modules a side at most


async def test_the_qr_code_of_a_ticket_is_an_image(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    [ticket] = await tickets(api, person, reservation_id)

    image = await api.call("GET", f"/reservations/{reservation_id}/tickets/{ticket['id']}/qr.svg", who=person)

    assert (image.status, image.headers["Content-Type"]) == (200, "image/svg+xml")
    assert image.text.startswith("<svg ")
    assert "viewBox" in image.text
    other = f"/reservations/{reservation_id}/tickets/{reservation_id}/qr.svg"
    assert (await api.call("GET", other, who=person)).code == "not_found"


async def test_after_a_new_key_old_tickets_are_good_and_new_ones_are_signed_with_it(start_api: StartApi) -> None:
    before = await start_api(TICKET_SIGNING_KEYS=OLD)
    cinema, person, staff = await before.cinema(), await before.sign_up(), await before.staff()
    reservation_id = await sell(before, person, cinema.showtime_id, cinema.seat_ids[:2])
    first, second = await tickets(before, person, reservation_id)

    after = await start_api(TICKET_SIGNING_KEYS=f"{NEW},{OLD}")
    published = jwt.PyJWKSet.from_dict((await after.call("GET", "/.well-known/ticket-keys.json")).json).keys
    [again, _] = await tickets(after, person, reservation_id)

    assert again["code"] == first["code"]
    kid = jwt.get_unverified_header(again["qr_payload"])["kid"]
    assert [key.key_id for key in published] == [kid, jwt.get_unverified_header(first["qr_payload"])["kid"]]
    assert (await check_in(after, staff, first["qr_payload"])).status == 200
    without = await start_api(TICKET_SIGNING_KEYS=NEW)
    assert (await check_in(without, staff, second["qr_payload"])).code == "validation_error"
    assert (await check_in(without, staff, second["code"])).status == 200  # a typed code has no signature


def forged(payload: str) -> list[str]:
    head, claims, signature = payload.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    other = jwt.decode(payload, options={"verify_signature": False}) | {"seat": "A2"}
    changed = jwt.encode(other, "", "none").split(".")[1]
    return [
        f"{head}.{changed}.{signature}",
        f"{none}.{claims}.",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        jwt.encode(other, "x" * 32, "HS256", headers={"kid": jwt.get_unverified_header(payload)["kid"]}),
        "a.b.c",
        "..",
    ]


@pytest.mark.parametrize("number", range(6))
async def test_a_forged_qr_code_checks_nothing_in(api: Api, db: Connection, number: int) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    [ticket] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1]))

    answer = await check_in(api, staff, forged(ticket["qr_payload"])[number])

    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/code")
    assert await db.fetchval("select count(*) from tickets where checked_in_at is not null") == 0
