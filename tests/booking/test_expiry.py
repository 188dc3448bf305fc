"""A hold expires by the database's clock, whether or not a clean-up has run."""

import asyncio
from typing import Any

import pytest

from tests.api import Api, Cinema, Connection, Person
from tests.conftest import StartApi

# Long enough for a slow machine to do what a test does before the hold expires.
ENOUGH_S = "5"


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    return await start_api(HOLD_TTL_SECONDS="1")


async def held(api: Api, seats: int = 2) -> tuple[Cinema, Person, Any]:
    cinema = await api.cinema()
    customer = await api.sign_up()
    answer = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:seats])
    assert answer.status == 201, answer.text
    return cinema, customer, answer.json


async def runs_out(api: Api, who: Person, reservation_id: str) -> Any:
    """Until the reservation reads expired and its seats are released, which is up to 0.2 s later."""
    async with asyncio.timeout(30):
        while (answer := await api.call("GET", f"/reservations/{reservation_id}", who=who)).json["status"] == "held":
            await asyncio.sleep(0.05)
        seat_ids = [seat["seat_id"] for seat in answer.json["seats"]]
        while "held" in [(await api.statuses(answer.json["showtime_id"]))[seat_id] for seat_id in seat_ids]:
            await asyncio.sleep(0.05)
    return answer.json


async def test_a_hold_past_its_time_reads_expired(api: Api) -> None:
    _, customer, hold = await held(api)
    assert await runs_out(api, customer, hold["id"]) == hold | {"status": "expired"}
    listed = await api.call("GET", "/reservations?status=expired", who=customer)
    assert [item["id"] for item in listed.json["items"]] == [hold["id"]]
    assert (await api.call("GET", "/reservations?status=held", who=customer)).json["items"] == []


async def test_a_cancel_or_extend_after_the_hold_expired_is_410(api: Api) -> None:
    cinema, customer, hold = await held(api)
    await runs_out(api, customer, hold["id"])
    for answer in (await api.cancel(customer, hold["id"]), await api.extend(customer, hold["id"])):
        assert (answer.status, answer.code) == (410, "hold_expired")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_confirmed_reservation_does_not_expire(start_api: StartApi) -> None:
    api = await start_api(HOLD_TTL_SECONDS=ENOUGH_S)
    cinema, customer, hold = await held(api)
    assert (await api.confirm(customer, hold["id"])).status == 200
    later = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:3])
    await runs_out(api, customer, later.json["id"])
    assert (await api.call("GET", f"/reservations/{hold['id']}", who=customer)).json["status"] == "confirmed"
    assert list((await api.statuses(cinema.showtime_id)).values())[:3] == ["booked", "booked", "available"]


async def test_the_seats_of_an_expired_hold_can_be_held_by_another_user(api: Api) -> None:
    other = await api.sign_up()
    cinema, customer, hold = await held(api)
    await runs_out(api, customer, hold["id"])

    again = await api.hold(other, cinema.showtime_id, cinema.seat_ids[:2])

    assert again.status == 201, again.text
    assert (await api.confirm(other, again.json["id"])).status == 200
    assert (await api.confirm(customer, hold["id"])).status == 410
    assert list((await api.statuses(cinema.showtime_id)).values())[:2] == ["booked", "booked"]


async def test_a_late_confirm_does_not_release_the_next_hold(api: Api) -> None:
    cinema, customer, hold = await held(api)
    other = await api.sign_up()
    await runs_out(api, customer, hold["id"])
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:2])).status == 201
    assert (await api.cancel(customer, hold["id"])).status == 410
    assert list((await api.statuses(cinema.showtime_id)).values())[:2] == ["held", "held"]


async def test_the_seat_map_changes_when_a_hold_expires(start_api: StartApi) -> None:
    api = await start_api(HOLD_TTL_SECONDS=ENOUGH_S)
    cinema, _, _ = await held(api)
    path = f"/showtimes/{cinema.showtime_id}/seats"
    before = await api.call("GET", path)
    known = {"If-None-Match": before.headers["ETag"]}
    assert [seat["status"] for seat in before.json["seats"]].count("held") == 2
    assert (await api.call("GET", path, headers=known)).status == 304

    async with asyncio.timeout(30):
        while (after := await api.call("GET", path, headers=known)).status == 304:
            await asyncio.sleep(0.05)

    assert after.status == 200
    assert {seat["status"] for seat in after.json["seats"]} == {"available"}
    assert after.json["version"] > before.json["version"]
    assert after.headers["ETag"] != before.headers["ETag"]
    assert (await api.call("GET", path, headers={"If-None-Match": after.headers["ETag"]})).status == 304


async def test_the_first_seat_map_after_a_hold_expired_shows_its_seats_available(api: Api) -> None:
    cinema, _, _ = await held(api)
    await asyncio.sleep(1.2)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_hold_that_expires_while_its_confirm_waits_is_confirmed_late(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json

    async with db.transaction():
        await db.execute("select id from reservations where id = $1 for update", held["id"])
        confirm = asyncio.create_task(api.confirm(customer, held["id"]))
        async with asyncio.timeout(30):
            while not await db.fetchval("select count(*) from pg_locks where not granted"):
                await asyncio.sleep(0.01)
        await db.execute("update reservations set expires_at = clock_timestamp() where id = $1", held["id"])

    answer = await confirm
    if answer.code == "row_locked":  # a slow machine: the wait of 300 ms was over before
        answer = await api.confirm(customer, held["id"])
    assert (answer.status, answer.json["late"]) == (200, True)
    assert await db.fetchval("select count(*) from booked_seats") == 1
