"""Scans, cancels, exchanges and first reads of tickets at once: a ticket is checked in once, or its seat is free."""

import asyncio

import pytest

from tests.api import Answer, Api, Connection, Person, slot
from tests.races.test_booking_races import assert_sound, owners
from tests.tickets.sold import check_in, sell, tickets


async def test_of_many_scans_of_a_ticket_at_once_one_lets_in(api: Api, db: Connection, redis_url: str) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), [await api.staff(), await api.staff()]
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:5]))
    for ticket in made:
        answers = await asyncio.gather(*(check_in(api, staff[number % 2], ticket["qr_payload"]) for number in range(8)))
        [first] = [answer for answer in answers if answer.status == 200]
        others = {(answer.code, answer.json["checked_in_at"]) for answer in answers if answer is not first}
        assert others == {("already_checked_in", first.json["checked_in_at"])}
    counted = await api.call("GET", f"/showtimes/{cinema.showtime_id}/check-ins", who=staff[0])
    assert counted.json["count"] == {"checked_in": 5, "sold": 5}
    await assert_sound(db, redis_url)


async def test_of_repetitions_with_one_key_at_once_all_get_the_answer(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:5]))
    for ticket in made:
        answers = await asyncio.gather(*(check_in(api, staff, ticket["code"], ticket["code"]) for _ in range(6)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json["checked_in_at"] for answer in answers}) == 1
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5


async def free(api: Api, who: Person, reservation_id: str, seat_id: int, way: str) -> Answer:
    """Free the seat: by a cancel of the reservation or of the seat, by an exchange, or by staff."""
    path = f"/reservations/{reservation_id}"
    if way == "staff":
        body = {"reason": "Ill"}
        return await api.call("POST", f"/admin{path}/cancel", body, who=await api.admin())
    if way == "exchange":
        return await api.call("POST", f"{path}/exchange", {"seat_ids": [seat_id + 1]}, who=who)
    return await api.call("POST", f"{path}/cancel", {"seat_ids": [seat_id]} if way == "seat" else None, who=who)


@pytest.mark.parametrize("way", ["all", "seat", "exchange", "staff"])
async def test_a_check_in_and_a_cancel_at_once_end_in_exactly_one_of_both(
    api: Api, db: Connection, redis_url: str, way: str
) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    await api.admin()
    for number, seat in enumerate(cinema.seat_ids[:20:2]):
        reservation_id = await sell(api, person, cinema.showtime_id, [seat])
        [ticket] = await tickets(api, person, reservation_id)
        first = [check_in(api, staff, ticket["code"])] if number % 2 else []
        last = [] if first else [check_in(api, staff, ticket["code"])]

        answers = await asyncio.gather(*first, free(api, person, reservation_id, seat, way), *last)

        checked, freed = answers if first else reversed(answers)
        assert (checked.status, freed.status) in {(200, 409), (409, 200)}, (checked.text, freed.text)
        owned = await owners(db, cinema.showtime_id)
        if checked.status == 200:
            assert freed.code == "already_checked_in"
            assert seat in owned
        else:
            assert checked.code == "ticket_cancelled"
            assert seat not in owned
    await assert_sound(db, redis_url)


async def test_first_reads_at_once_make_one_ticket_a_seat(api: Api, db: Connection, redis_url: str) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    for place in range(0, 20, 4):
        reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[place : place + 4])

        read = await asyncio.gather(*(tickets(api, who, reservation_id) for who in (person, staff, person, staff) * 2))

        assert all(each == read[0] for each in read)
        assert len({ticket["code"] for ticket in read[0]}) == 4
    assert await db.fetchval("select count(*) from tickets") == 20
    await assert_sound(db, redis_url)


async def test_a_first_read_and_a_cancel_at_once_leave_no_good_ticket(api: Api, db: Connection, redis_url: str) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    for number, seat in enumerate(cinema.seat_ids[:10]):
        reservation_id = await sell(api, person, cinema.showtime_id, [seat])
        path = f"/reservations/{reservation_id}/tickets"
        calls = [api.call("GET", path, who=person), api.cancel(person, reservation_id)]

        answers = await asyncio.gather(*(calls if number % 2 else reversed(calls)))

        read, cancelled = answers if number % 2 else reversed(answers)
        assert cancelled.status == 200
        assert read.status == 200 or read.code in {"reservation_cancelled", "row_locked"}
    assert await db.fetchval("select count(*) from tickets where cancelled_at is null") == 0
    await assert_sound(db, redis_url)


async def test_check_ins_while_the_showtime_is_called_off_leave_no_good_ticket(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, person, staff, admin = await api.cinema(), await api.sign_up(), await api.staff(), await api.admin()
    for hours in (48, 72, 96):
        showtime_id = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(hours))
        made = await tickets(api, person, await sell(api, person, showtime_id, cinema.seat_ids[:6]))
        path = f"/admin/showtimes/{showtime_id}/cancel"
        scans = [check_in(api, staff, ticket["code"]) for ticket in made]

        *checked, called_off = await asyncio.gather(*scans, api.call("POST", path, {"reason": "Flooded"}, who=admin))

        assert called_off.status == 200
        assert all(answer.status == 200 or answer.code == "ticket_cancelled" for answer in checked)
    assert await db.fetchval("select count(*) from tickets where cancelled_at is null") == 0
    await assert_sound(db, redis_url)
