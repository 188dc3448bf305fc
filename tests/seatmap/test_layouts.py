"""The layouts that a worker keeps: small entries that share their rooms, bounded in number and in seats."""

import asyncio
import gc
from decimal import Decimal
from typing import Any
from weakref import ref

import pytest

from reservation.db.repository import auditoriums
from reservation.db.repository.auditoriums import RoomPlan
from reservation.errors import DatabaseUnavailable
from reservation.http.app_keys import BOOKING_CONTEXT
from reservation.seatmap import layouts as module
from reservation.seatmap.layouts import Layout, Layouts
from reservation.seatmap.rooms import Plan, plan_of, room_of
from tests.api import Api, Cinema, Connection, slot
from tests.seatmap.room_seats import seats_of


def layouts_of(api: Api) -> Layouts:
    server: Any = api.client.server
    layouts: Layouts = server.app[BOOKING_CONTEXT].layouts
    return layouts


async def read(api: Api, *showtime_ids: int) -> dict[int, Layout]:
    server: Any = api.client.server
    async with server.app[BOOKING_CONTEXT].database.connection() as conn:
        found = await layouts_of(api).read(conn, showtime_ids, with_booked=False)
    return {showtime_id: layout for showtime_id, (layout, _) in found.items()}


async def more_showtimes(api: Api, cinema: Cinema, count: int, **fields: Any) -> list[int]:
    return [
        await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * (days + 2)), **fields)
        for days in range(count)
    ]


def kept_of(layouts: Layouts, showtime_ids: list[int]) -> list[bool]:
    """Which are kept, without using them."""
    return [each in layouts._recent.layouts or each in layouts._older.layouts for each in showtime_ids]


async def test_showtimes_in_a_room_at_one_price_share_a_room_and_prices_share_its_plan(api: Api) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=2, base_price="10.00")
    [same] = await more_showtimes(api, cinema, 1, base_price="10.00")
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(240), base_price="7.77")
    found = await read(api, cinema.showtime_id, same, other, 4711)
    assert [*found] == [cinema.showtime_id, same, other]
    rooms = [layout.room for layout in found.values()]
    assert rooms[0] is rooms[1]
    assert rooms[0] is not rooms[2]
    assert rooms[0].plan is rooms[2].plan
    assert {seat.price for seat in seats_of(rooms[0])} == {"10.00"}
    assert {seat.price for seat in seats_of(rooms[2])} == {"7.77"}
    assert (await read(api, same))[same].room is rooms[0]


async def test_prices_are_rounded_as_postgresql_rounds_them(db: Connection) -> None:
    base_prices = [Decimal(cents) / 100 for cents in (*range(0, 300, 7), 1005, 1050, 99_999_999)]
    modifiers = [Decimal(hundredths) / 100 for hundredths in (0, 1, 5, 33, 50, 99, 100, 105, 125, 150, 9999)]
    count = len(modifiers)
    nowhere = [None] * count
    columns = (["A"] * count, range(count), ["regular"] * count, [*map(str, modifiers)], nowhere, nowhere)
    plan = plan_of(RoomPlan(1, 1, range(count), *columns))
    for base_price in base_prices:
        rounded = await db.fetchval(
            "select array_agg(round($1::numeric(10,2) * m, 2)::text order by place)"
            " from unnest($2::numeric(4,2)[]) with ordinality as given (m, place)",
            base_price, modifiers,
        )  # fmt: skip
        assert [seat.price for seat in seats_of(room_of(plan, base_price))] == rounded


async def test_showtimes_beyond_the_bound_are_dropped_and_used_ones_stay(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SHOWTIMES", 2)
    cinema, customer = await api.cinema(), await api.sign_up()
    others = await more_showtimes(api, cinema, 5)
    layouts = layouts_of(api)
    used = await layouts.load(cinema.showtime_id)
    for place, other in enumerate(others):
        assert (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[place]])).status == 201
        await api.statuses(other)
    assert layouts.known(cinema.showtime_id) is used
    kept = kept_of(layouts, others)
    assert kept == sorted(kept)  # those that were used last
    assert 1 <= sum(kept) <= 3


async def test_rooms_beyond_the_bound_of_seats_are_freed_with_their_showtimes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SEATS", 12)
    cinema = await api.cinema(rows=2, seats_per_row=5)
    shows = [cinema.showtime_id]
    for _ in range(5):
        room, _ = await api.auditorium(2, 5)
        shows.append(await api.showtime(cinema.movie_id, room))
    layouts, plans = layouts_of(api), []
    for showtime_id in shows:
        layout = await layouts.load(showtime_id)
        assert layout is not None
        plans.append(ref(layout.room.plan))
        del layout
    gc.collect()
    kept = kept_of(layouts, shows)
    assert kept == [plan() is not None for plan in plans]
    assert kept == sorted(kept)
    assert 2 <= sum(kept) <= 4
    assert layouts._recent.seats + layouts._older.seats == (10 + 1) * sum(kept)  # and one price


async def test_a_plan_at_several_prices_counts_once_towards_the_bound_of_seats(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SEATS", 20)
    cinema = await api.cinema(rows=2, seats_per_row=5, base_price="10.00")
    room = cinema.movie_id, cinema.auditorium_id
    days = range(2, 7)
    shows = [cinema.showtime_id]
    shows += [await api.showtime(*room, **slot(24 * day), base_price=f"{day}.50") for day in days]
    await asyncio.gather(*map(layouts_of(api).load, shows))
    assert all(kept_of(layouts_of(api), shows))
    assert layouts_of(api)._recent.seats == 10 + len(shows)


async def test_showtimes_at_one_time_share_their_times_and_those_of_a_film_or_room_its_json(api: Api) -> None:
    cinema = await api.cinema()
    other_room, _ = await api.auditorium(1, 1)
    times = slot(48)
    next_day, same_time = [
        await api.showtime(cinema.movie_id, room, **times) for room in (cinema.auditorium_id, other_room)
    ]
    found = await read(api, cinema.showtime_id, next_day, same_time)
    first, second, third = (found[each] for each in (cinema.showtime_id, next_day, same_time))
    assert first.venue is second.venue
    assert first.movie_json is second.movie_json is third.movie_json
    assert second.sale is third.sale
    assert first.sale.times_json != second.sale.times_json
    assert second.venue.json != third.venue.json


async def test_rooms_whose_seats_have_the_same_names_types_and_modifiers_share_their_shape(api: Api) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=2)
    rooms = [await api.auditorium(rows, 2) for rows in (2, 3)]
    showtimes = [await api.showtime(cinema.movie_id, room, **slot(48)) for room, _ in rooms]
    found = await read(api, cinema.showtime_id, *showtimes)
    first, same, larger = (found[each].room.plan for each in (cinema.showtime_id, *showtimes))
    assert first.shape is same.shape
    assert first.seat_ids != same.seat_ids
    assert first.shape is not larger.shape


@pytest.mark.parametrize("change", ["plan", "price"])
async def test_a_change_makes_another_room_and_leaves_that_of_other_showtimes(api: Api, change: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    [other] = await more_showtimes(api, cinema, 1)
    before = await read(api, cinema.showtime_id, other)
    if change == "plan":
        gone = await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[1]}", who=await api.admin())
        assert gone.status == 204
    else:
        fields = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "12.00"}
        path = f"/admin/showtimes/{cinema.showtime_id}"
        assert (await api.call("PUT", path, fields | slot(24), who=await api.admin())).status == 200
    after = await read(api, cinema.showtime_id, other)
    assert after[cinema.showtime_id].layout_version > before[cinema.showtime_id].layout_version
    assert after[cinema.showtime_id].room is not before[cinema.showtime_id].room
    assert (after[other].room is before[other].room) is (change == "price")
    seats = seats_of(after[cinema.showtime_id].room)
    places = (0, 2) if change == "plan" else (0, 1, 2)
    assert [seat.seat_id for seat in seats] == [cinema.seat_ids[place] for place in places]
    assert {seat.price for seat in seats} == {"10.00" if change == "plan" else "12.00"}


async def test_a_plan_that_changes_during_a_reading_is_read_again(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    plans, changes = auditoriums.plans, iter(cinema.seat_ids[:1])

    async def change_first(conn: Connection, **asked: Any) -> Any:
        for seat_id in changes:
            await db.execute("update seats set retired_at = now() where id = $1", seat_id)
            break
        return await plans(conn, **asked)

    monkeypatch.setattr(auditoriums, "plans", change_first)
    layout = (await read(api, cinema.showtime_id))[cinema.showtime_id]
    assert [seat.seat_id for seat in seats_of(layout.room)] == cinema.seat_ids[1:]
    version = await db.fetchval("select plan_version from auditoriums where id = $1", cinema.auditorium_id)
    assert layout.room.plan.version == version

    layouts_of(api).forget()
    changes = iter(cinema.seat_ids[1:])

    async def change_each(conn: Connection, **asked: Any) -> Any:
        await db.execute("update seats set price_modifier = 2 where auditorium_id = $1", cinema.auditorium_id)
        return await plans(conn, **asked)

    monkeypatch.setattr(auditoriums, "plans", change_each)
    with pytest.raises(DatabaseUnavailable):
        await read(api, cinema.showtime_id)


async def test_a_showtime_that_is_gone_is_not_kept(api: Api, db: Connection) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=1)
    layouts = layouts_of(api)
    assert await layouts.load(cinema.showtime_id) is not None
    await db.execute("delete from showtimes where id = $1", cinema.showtime_id)
    assert layouts.known(cinema.showtime_id) is not None
    assert await layouts.load(cinema.showtime_id) is None
    assert layouts.known(cinema.showtime_id) is None


async def test_concurrent_loads_read_a_plan_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    cinema = await api.cinema(rows=2, seats_per_row=2)
    shows = [cinema.showtime_id, *await more_showtimes(api, cinema, 3)]
    layouts_of(api).forget()
    made: list[Plan] = []

    def counted(row: RoomPlan) -> Plan:
        made.append(plan_of(row))
        return made[-1]

    monkeypatch.setattr(module, "plan_of", counted)
    found = await asyncio.gather(*(layouts_of(api).load(showtime_id) for showtime_id in shows * 3))
    assert {None if layout is None else layout.room.plan for layout in found} == {made[0]}
    assert len(made) == 1
