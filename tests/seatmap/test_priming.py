"""Showtimes that Redis does not know are read from PostgreSQL together, each with its own live holds."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.repository import showtimes
from reservation.errors import NotFound
from reservation.holds.keys import map_keys
from reservation.holds.map_versions import MapVersions
from reservation.http.app_keys import DATABASE
from reservation.seatmap.priming import Primer
from tests.api import Api, Connection, slot


async def test_concurrent_primings_are_read_together(api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=10), await api.sign_up()
    shows = [cinema.showtime_id]
    for days in range(2, 7):
        shows += [await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * days))]
    held: dict[int, set[tuple[int, str]]] = {}
    for place, showtime_id in enumerate(shows[:-1]):
        seats = cinema.seat_ids[place : place + 2]
        made = await api.hold(customer, showtime_id, seats)
        held[showtime_id] = {(seat_id, made.json["id"]) for seat_id in seats}
    released = await api.hold(customer, shows[0], cinema.seat_ids[8:])
    assert (await api.cancel(customer, released.json["id"])).status == 200
    sold = await api.hold(customer, shows[0], cinema.seat_ids[7:8])
    assert (await api.confirm(customer, sold.json["id"])).status == 200

    readings: list[int] = []
    prime = showtimes.prime

    async def counted(conn: Connection, **asked: Any) -> Any:
        readings.append(len(asked["showtime_ids"]))
        return await prime(conn, **asked)

    monkeypatch.setattr(showtimes, "prime", counted)
    server: Any = api.client.server
    primer = Primer(server.app[DATABASE], MapVersions())
    asked = [*shows, 4711, *shows]
    found = await asyncio.gather(*map(primer, asked), return_exceptions=True)

    assert readings == [len(asked)]
    now_us = await db.fetchval("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
    for showtime_id, primed in zip(asked, found, strict=True):
        if showtime_id == 4711:
            assert isinstance(primed, NotFound)
            continue
        assert not isinstance(primed, BaseException)
        assert now_us - 60_000_000 < primed.version <= now_us
        assert {(hold.seat_id, str(hold.reservation_id)) for hold in primed.holds} == held.get(showtime_id, set())
        assert all(0 < hold.ttl_ms <= 600_000 for hold in primed.holds)


async def test_of_two_rows_that_hold_a_seat_the_later_end_is_loaded(api: Api, db: Connection) -> None:
    """A hold whose request failed may be left in PostgreSQL, beside the one that was answered later."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=1), await api.sign_up()
    first = await api.hold(customer, cinema.showtime_id, cinema.seat_ids)
    for minutes, last in ((-1, "1"), (1, "2"), (0, "3")):
        await db.execute(
            "insert into reservations (id, user_id, showtime_id, total_price, expires_at, seat_ids, row_labels,"
            " seat_numbers, prices) select ('00000000-0000-7000-8000-00000000000' || $2)::uuid, user_id, showtime_id,"
            " total_price, expires_at + $3 * interval '1 minute', seat_ids, row_labels, seat_numbers, prices"
            " from reservations where id = $1",
            first.json["id"],
            last,
            minutes,
        )
    [found] = await showtimes.prime(db, showtime_ids=[cinema.showtime_id])
    assert str(found.reservation_ids[0]).endswith("2")


async def test_a_map_gets_a_higher_version_after_postgresql_s_clock_was_set_back(api: Api, redis_url: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=1)
    path = f"/showtimes/{cinema.showtime_id}/seats"
    ahead = (await api.call("GET", path)).json["version"] + 60_000_000
    async with Redis.from_url(redis_url) as redis:
        # As if the map had been primed while the clock was a minute ahead.
        await redis.hset(map_keys(cinema.showtime_id)[0], "version", ahead)
        assert (await api.call("GET", path)).json["version"] == ahead
        await redis.flushall()
    assert (await api.call("GET", path)).json["version"] > ahead
