"""What the first touch of a showtime costs: exchanges with Redis, and statements in PostgreSQL."""

from collections import Counter

import pytest
from redis.asyncio import Redis

from reservation.db.statements import sql
from reservation.holds.connection import RedisConnection
from tests.api import Api, Cinema, Connection, slot
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


@pytest.mark.parametrize(
    ("redis_knows", "made"), [(True, (1, {"layouts": 1})), (False, (3, {"layouts": 1, "prime": 1}))]
)
async def test_a_map_asks_each_store_once_if_redis_knows_the_showtime(
    start_api: StartApi, exchanges: Exchanges, redis_knows: bool, made: tuple[int, dict[str, int]]
) -> None:
    """Else twice: what is sold has to be read after the map's version, which is not there before.

    The third write is the priming, whose reply is not waited for.
    """
    here, there = await start_api(), await start_api()
    cinema = await here.cinema()
    showtime_id = await unread_showtime(here, there, cinema, redis_knows=redis_knows)
    await exchanges.start()
    await here.statuses(showtime_id)
    assert await exchanges.made() == made


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
    primed = {} if redis_knows else {"prime": 1}
    assert (writes, statements) == (2 + 2 * len(primed), {"layouts": 1, "insert_held": 1} | primed)
