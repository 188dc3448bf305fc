"""What the first touch of a showtime costs: exchanges with Redis, and statements in PostgreSQL."""

from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.statements import sql
from reservation.errors import Overloaded
from reservation.holds.connection import RedisConnection
from reservation.seatmap.layouts import FirstReading, Layouts
from tests.api import Answer, Api, Cinema, Connection, slot
from tests.conftest import StartApi

STATEMENTS = (
    "showtimes/layouts", "showtimes/prime", "showtimes/check_seats", "auditoriums/plans", "reservations/insert_held",
)  # fmt: skip


class Exchanges:
    """Counts since its construction."""

    def __init__(self, db: Connection, writes: list[int]) -> None:
        self._db, self._writes = db, writes
        self._before, self._writes_before = Counter[str](), 0

    async def start(self) -> None:
        self._before, self._writes_before = await self._statements(), len(self._writes)

    async def made(self) -> tuple[int, dict[str, int]]:
        """Writes to Redis, and statements by name."""
        return len(self._writes) - self._writes_before, dict(await self._statements() - self._before)

    async def _statements(self) -> Counter[str]:
        found = Counter[str]()
        for name in STATEMENTS:
            found[name.rpartition("/")[2]] = await self._db.fetchval(
                "select coalesce(sum(calls), 0)::int from pg_stat_statements as s"
                " inner join pg_database as d on s.dbid = d.oid"
                " where d.datname = current_database() and position($1 in s.query) > 0",
                sql(name).partition("*/")[2].strip()[:60],
            )
        return found


@pytest.fixture
async def exchanges(db: Connection, monkeypatch: pytest.MonkeyPatch) -> Exchanges:
    await db.execute("create extension if not exists pg_stat_statements")
    writes, send = list[int](), RedisConnection._send

    def counted(connection: RedisConnection) -> None:
        writes.append(1)
        send(connection)

    monkeypatch.setattr(RedisConnection, "_send", counted)
    return Exchanges(db, writes)


async def unread_showtime(here: Api, there: Api, cinema: Cinema, *, redis_knows: bool) -> int:
    """A showtime that `here` has never read, in a room that it knows."""
    await here.statuses(cinema.showtime_id)
    showtime_id = await there.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    if redis_knows:
        await there.statuses(showtime_id)
    return showtime_id


@pytest.mark.parametrize("redis_knows", [True, False])
async def test_a_hold_asks_each_store_once_before_it_is_inserted(
    start_api: StartApi, exchanges: Exchanges, redis_knows: bool
) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(), await here.sign_up()
    showtime_id = await unread_showtime(here, there, cinema, redis_knows=redis_knows)
    if redis_knows:
        taken = await there.hold(customer, showtime_id, cinema.seat_ids[:1])
        assert taken.status == 201
    await here.call("GET", "/auth/me", who=customer)
    await exchanges.start()

    held = await here.hold(customer, showtime_id, cinema.seat_ids[1:3])

    assert await exchanges.made() == (1, {"layouts": 1, "insert_held": 1})
    assert held.status == 201
    assert [*(await there.statuses(showtime_id)).values()][:4] == [
        "held" if redis_knows else "available", "held", "held", "available",
    ]  # fmt: skip


async def test_a_hold_sees_what_another_worker_has_taken_and_redis_has_forgotten(
    start_api: StartApi, exchanges: Exchanges, redis_url: str
) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(), await here.sign_up()
    showtime_id = await unread_showtime(here, there, cinema, redis_knows=False)
    assert (await there.hold(customer, showtime_id, cinema.seat_ids[:1])).status == 201
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[key async for key in redis.scan_iter(f"{{{showtime_id}}}:*")])
    await here.call("GET", "/auth/me", who=customer)
    await exchanges.start()

    refused = await here.hold(customer, showtime_id, cinema.seat_ids[:2])

    assert (refused.status, await exchanges.made()) == (409, (1, {"layouts": 1}))


@pytest.mark.parametrize(("redis_knows", "writes"), [(True, 1), (False, 3)])
async def test_a_map_asks_postgresql_once(
    start_api: StartApi, exchanges: Exchanges, redis_knows: bool, writes: int
) -> None:
    """The second write is the priming, whose reply is not waited for."""
    here, there = await start_api(), await start_api()
    cinema = await here.cinema()
    showtime_id = await unread_showtime(here, there, cinema, redis_knows=redis_knows)
    await exchanges.start()
    await here.statuses(showtime_id)
    assert await exchanges.made() == (writes, {"layouts": 1})


async def test_a_confirm_that_is_done_and_cannot_be_shown_is_not_refused_as_overload(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`overloaded` says that nothing was done; here no connection is free for the showtime that is to be shown."""
    there, here = await start_api(), await start_api()
    cinema, customer = await there.cinema(), await there.sign_up()
    made = await there.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])

    async def refuse(_: Layouts, showtime_id: int) -> None:
        raise Overloaded(f"the layout of {showtime_id} is read")

    with monkeypatch.context() as patch:
        patch.setattr(Layouts, "load", refuse)
        answer = await here.confirm(customer, made.json["id"])
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert "may have been done" in answer.json["detail"]
    assert (await there.statuses(cinema.showtime_id))[cinema.seat_ids[0]] == "booked"
    again = await here.confirm(customer, made.json["id"])
    assert (again.status, again.json["status"]) == (200, "confirmed")


@pytest.mark.parametrize(
    ("change", "expected"),
    [("confirm", ("booked", "10.00")), ("cancel", ("available", "10.00")), ("base_price", ("held", "99.00"))],
)
async def test_a_first_map_shows_what_was_changed_after_postgresql_was_read(
    start_api: StartApi, redis_url: str, monkeypatch: pytest.MonkeyPatch, change: str, expected: tuple[str, str]
) -> None:
    """The change is announced before there is a map whose version could count it."""
    here, there = await start_api(), await start_api()
    cinema, customer, admin = await there.cinema(), await there.sign_up(), await there.admin()
    made = await there.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[key async for key in redis.scan_iter(f"{{{cinema.showtime_id}}}:*")])
    load_first, changed = Layouts.load_first, list[Answer]()

    async def make_change() -> Answer:
        if change == "confirm":
            return await there.confirm(customer, made.json["id"])
        if change == "cancel":
            return await there.cancel(customer, made.json["id"])
        showtime = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "99.00"}
        return await there.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", showtime | slot(24), who=admin)

    async def load_and_change(layouts: Layouts, showtime_id: int, **options: Any) -> FirstReading | None:
        reading = await load_first(layouts, showtime_id, **options)
        if not changed:
            changed.append(await make_change())
        return reading

    monkeypatch.setattr(Layouts, "load_first", load_and_change)
    shown = await here.call("GET", f"/showtimes/{cinema.showtime_id}/seats")

    assert [answer.status for answer in changed] == [200]
    [seat] = [seat for seat in shown.json["seats"] if seat["id"] == cinema.seat_ids[0]]
    assert (seat["status"], seat["price"]) == expected


@pytest.mark.parametrize("redis_knows", [True, False])
async def test_best_available_seats_cost_a_map_and_a_hold(
    start_api: StartApi, exchanges: Exchanges, redis_knows: bool
) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(), await here.sign_up()
    showtime_id = await unread_showtime(here, there, cinema, redis_knows=redis_knows)
    await here.call("GET", "/auth/me", who=customer)
    await exchanges.start()
    body = {"quantity": 2}
    held = await here.call("POST", f"/showtimes/{showtime_id}/holds", body, who=customer)
    writes, statements = await exchanges.made()
    assert held.status == 201
    assert (writes, statements) == (2 if redis_knows else 4, {"layouts": 1, "insert_held": 1})
