"""Showtimes show how many seats are left, and the lowest price, from counters that background jobs keep."""

import asyncio
from typing import Any

import pytest

from reservation.booking.context import BookingContext
from reservation.booking.jobs.availability import OpenShowtimesRound, count_changed, count_expired
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

LEFT = ("capacity", "seats_left", "price_from")


def context_of(api: Api) -> BookingContext:
    context: BookingContext = api.client.server.app[BOOKING_CONTEXT]  # type: ignore[attr-defined]
    return context


async def left(api: Api, showtime_id: int) -> tuple[Any, ...]:
    """What one showtime shows; lists show the same."""
    shown = (await api.call("GET", f"/showtimes/{showtime_id}")).json
    listed = {each["id"]: each for each in (await api.call("GET", "/showtimes")).json["items"]}
    assert listed[showtime_id] == shown
    return tuple(shown[name] for name in LEFT)


async def count(api: Api) -> None:
    """Count now what this worker has changed."""
    context = context_of(api)
    await count_changed(context.database, context.pending_updates.changed_showtimes)


async def test_a_hold_takes_seats_and_its_end_gives_them_back(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    assert await left(api, cinema.showtime_id) == (50, 50, "10.00")
    assert await db.fetchval("select count(*) from showtime_availability where taken > 0") == 0

    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).json
    await count(api)
    assert await left(api, cinema.showtime_id) == (50, 47, "10.00")
    await api.confirm(customer, held["id"])
    await count(api)
    assert await left(api, cinema.showtime_id) == (50, 47, "10.00")
    await api.cancel(customer, held["id"])
    await count(api)
    assert await left(api, cinema.showtime_id) == (50, 50, "10.00")


async def test_blocked_seats_and_those_of_a_called_off_showtime_are_counted(api: Api) -> None:
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    path = f"/admin/showtimes/{cinema.showtime_id}"
    await api.call("POST", f"{path}/blocks", {"seat_ids": cinema.seat_ids[:2], "reason": "House seats"}, who=admin)
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:5])
    await count(api)
    assert (await left(api, cinema.showtime_id))[1] == 45
    called_off = await api.call("POST", f"{path}/cancel", {"reason": "Flooded."}, who=admin)
    assert called_off.status == 200
    await count(api)
    assert (await api.call("GET", path, who=admin)).json["seats_left"] == 48


async def test_holds_that_expire_are_counted_when_they_have(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).json
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[3:4])
    await count(api)
    recount_at = await db.fetchval("select recount_at from showtime_availability")
    assert recount_at.isoformat().replace("+00:00", "Z") == held["expires_at"]
    await count_expired(context_of(api).database)
    assert (await left(api, cinema.showtime_id))[1] == 46

    await db.execute("update reservations set expires_at = now() where id = $1", held["id"])
    await db.execute("update showtime_availability set recount_at = now()")
    await count_expired(context_of(api).database)

    assert (await left(api, cinema.showtime_id))[1] == 49


async def test_what_a_killed_worker_did_not_count_is_found(api: Api, db: Connection) -> None:
    cinemas, customer = [await api.cinema(**slot(24 + number)) for number in range(3)], await api.sign_up()
    for cinema in cinemas:
        assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).status == 201
    context_of(api).pending_updates.changed_showtimes.clear()
    await db.execute("delete from showtime_availability")

    await OpenShowtimesRound(context_of(api).database).count_next()

    assert [(await left(api, cinema.showtime_id))[1] for cinema in cinemas] == [47] * 3


@pytest.mark.usefixtures("jobs_run")
async def test_the_jobs_of_a_worker_count_without_being_asked(start_api: StartApi, db: Connection) -> None:
    api = await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])
    while await db.fetchval("select max(taken) from showtime_availability") is None:
        await asyncio.sleep(0.05)
    assert (await left(api, cinema.showtime_id))[1] == 47


async def test_a_count_that_began_earlier_does_not_replace_a_later_one(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])
    await db.execute(
        "insert into showtime_availability (showtime_id, taken, counted_at) values ($1, 4, now() + interval '1 minute')"
        " on conflict (showtime_id) do update set taken = excluded.taken, counted_at = excluded.counted_at",
        cinema.showtime_id,
    )
    await count(api)
    assert (await left(api, cinema.showtime_id))[1] == 46


async def seats(api: Api, who: Person, cinema: Cinema, method: str, path: str, body: Any = None) -> None:
    answer = await api.call(method, path, body, who=who)
    assert answer.status < 300, answer.text


async def test_the_lowest_price_and_the_capacity_follow_seats_and_prices(api: Api) -> None:
    cinema, admin = await api.cinema(1, 2), await api.admin()
    first, second = cinema.seat_ids
    place = {"row_label": "A", "seat_number": 1}

    await seats(api, admin, cinema, "PUT", f"/admin/seats/{first}", place | {"price_modifier": "0.85"})
    assert await left(api, cinema.showtime_id) == (2, 2, "8.50")
    path = f"/admin/showtimes/{cinema.showtime_id}"
    shown = (await api.call("GET", path, who=admin)).json
    body = {name: shown[name] for name in ("movie_id", "auditorium_id", "starts_at", "ends_at")}
    await seats(api, admin, cinema, "PUT", path, body | {"base_price": "9.99"})
    assert await left(api, cinema.showtime_id) == (2, 2, "8.49")  # 8.4915
    await seats(api, admin, cinema, "DELETE", f"/admin/seats/{first}")
    assert await left(api, cinema.showtime_id) == (1, 1, "9.99")
    await seats(api, admin, cinema, "DELETE", f"/admin/seats/{second}")
    assert await left(api, cinema.showtime_id) == (0, 0, None)


async def test_the_lowest_price_is_rounded_half_up_and_is_that_of_another_auditorium_after_a_move(api: Api) -> None:
    cinema, admin = await api.cinema(1, 1, base_price="0.30"), await api.admin()
    [seat] = cinema.seat_ids
    body = {"row_label": "A", "seat_number": 1, "price_modifier": "0.85"}
    await seats(api, admin, cinema, "PUT", f"/admin/seats/{seat}", body)
    assert (await left(api, cinema.showtime_id))[2] == "0.26"  # 0.255
    other, _ = await api.auditorium(2, 2)
    path = f"/admin/showtimes/{cinema.showtime_id}"
    shown = (await api.call("GET", path, who=admin)).json
    body = {name: shown[name] for name in ("movie_id", "starts_at", "ends_at", "base_price")}
    await seats(api, admin, cinema, "PUT", path, body | {"auditorium_id": other})
    assert await left(api, cinema.showtime_id) == (4, 4, "0.30")


async def test_the_tag_of_a_showtime_does_not_change_with_sales(api: Api) -> None:
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    paths = (f"/admin/showtimes/{cinema.showtime_id}", f"/showtimes/{cinema.showtime_id}")
    before = [(await api.call("GET", path, who=admin)).headers["ETag"] for path in paths]
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])
    await count(api)
    after = [(await api.call("GET", path, who=admin)).headers["ETag"] for path in paths]
    assert after == before
    assert (await left(api, cinema.showtime_id))[1] == 47


@pytest.mark.parametrize("state", ["held", "confirmed"])
async def test_the_counters_equal_the_seat_map(api: Api, state: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for seat in cinema.seat_ids[:7]:
        held = (await api.hold(customer, cinema.showtime_id, [seat])).json
        if state == "confirmed":
            await api.confirm(customer, held["id"])
    await count(api)
    free = list((await api.statuses(cinema.showtime_id)).values()).count("available")
    assert (await left(api, cinema.showtime_id))[1] == free == 43


async def listed(api: Api, query: str) -> list[int]:
    """The ids of all pages of a list, two items each."""
    found: list[int] = []
    cursor = ""
    while True:
        answer = await api.call("GET", f"/showtimes?limit=2&{query}{cursor}")
        assert answer.status == 200, answer.text
        found += [each["id"] for each in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer.json['next_cursor']}"


async def test_lists_by_price_begin_with_the_lowest_and_leave_out_showtimes_without_seats(api: Api) -> None:
    prices = ("12.00", "7.50", "9.00", "7.50", "10.00")
    cinemas = [await api.cinema(base_price=price, **slot(24 + n)) for n, price in enumerate(prices)]
    ids = [cinema.showtime_id for cinema in cinemas]
    empty = (await api.make("/admin/auditoriums", {"name": "Empty", "capacity": 1}))["id"]
    await api.showtime(cinemas[0].movie_id, empty)
    await api.showtime(cinemas[0].movie_id, cinemas[0].auditorium_id, base_price="1.00", **slot(-24))
    by_price = [ids[1], ids[3], ids[2], ids[4], ids[0]]
    assert await listed(api, "sort=price_from") == by_price
    assert await listed(api, f"sort=price_from&movie_id={cinemas[2].movie_id}") == [ids[2]]
    assert await listed(api, f"sort=price_from&auditorium_id={cinemas[4].auditorium_id}") == [ids[4]]
    assert await listed(api, "sort=price_from&cinema_id=1") == by_price
    assert await listed(api, "sort=price_from&genre=Western") == []
    day = slot(24)["starts_at"][:10]
    starts = {n: slot(24 + n)["starts_at"][:10] for n in range(5)}
    assert set(await listed(api, f"sort=price_from&date={day}")) == {ids[n] for n in range(5) if starts[n] == day}


@pytest.mark.parametrize("sort", ["starts_at", "-starts_at", "price_from"])
async def test_lists_take_showtimes_with_enough_seats_left(api: Api, sort: str) -> None:
    cinemas, customer = [await api.cinema(1, 10, **slot(24 + n)) for n in range(3)], await api.sign_up()
    for n, cinema in enumerate(cinemas):
        assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[: 2 * n + 1])).status == 201
    await count(api)
    first, second, third = (cinema.showtime_id for cinema in cinemas)
    for seats_left, expected in ((5, {first, second, third}), (6, {first, second}), (9, {first}), (10, set())):
        wanted = f"sort={sort}&min_seats_left={seats_left}"
        assert set(await listed(api, wanted)) == expected
        assert set(await listed(api, f"{wanted}&cinema_id=1")) == expected
        assert set(await listed(api, f"{wanted}&movie_id={cinemas[0].movie_id}")) == expected & {first}


async def test_a_cursor_of_another_order_is_422(api: Api) -> None:
    await asyncio.gather(*(api.cinema() for _ in range(2)))
    pages = {
        sort: (await api.call("GET", f"/showtimes?limit=1&sort={sort}")).json for sort in ("starts_at", "price_from")
    }
    for sort, other in (("starts_at", "price_from"), ("price_from", "-starts_at")):
        refused = await api.call("GET", f"/showtimes?sort={other}&cursor={pages[sort]['next_cursor']}")
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/cursor")
