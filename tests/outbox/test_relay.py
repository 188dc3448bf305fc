"""The relay of events."""

import asyncio

import pytest

from reservation.db.pool import Connection as PooledConnection
from reservation.errors import Unavailable
from reservation.http.app_keys import DATABASE
from reservation.outbox import relay as relays
from reservation.outbox.relay import MOVED_AT_ONCE, Relay
from tests.api import Api, Connection

PATIENCE_S = 60
EVENTS = MOVED_AT_ONCE + 100


async def test_events_whose_deliveries_take_too_long_are_moved_in_smaller_batches(api: Api, db: Connection) -> None:
    """Each event takes 2 ms, and a statement may take 200 ms: 100 events at once are too many."""
    await db.execute(
        "insert into outbox (type, data) select 'showtime.changed', '{}' from generate_series(1, $1::integer)", EVENTS
    )
    asked: list[int] = []

    async def add(conn: PooledConnection, *, first_event_id: int, last_event_id: int) -> None:
        asked.append(last_event_id - first_event_id + 1)
        await conn.execute("set local statement_timeout = '200ms'")
        await conn.execute("select pg_sleep(0.002 * $1::integer)", asked[-1])

    relay, moved = Relay(api.client.app[DATABASE], (add,)), 0
    with pytest.raises(Unavailable):
        await relay.move()
    while moved < EVENTS:
        try:
            moved += await relay.move()
        except Unavailable:
            moved = await db.fetchval("select count(*) from events")
    assert asked[:3] == [500, 250, 125]
    assert await db.fetchval("select count(*) from events") == EVENTS
    assert await db.fetchval("select count(*) from outbox") == 0


async def test_a_second_relay_moves_nothing_while_the_first_one_moves(api: Api, db: Connection) -> None:
    await db.execute("insert into outbox (type, data) select 'showtime.changed', '{}' from generate_series(1, 3)")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(conn: PooledConnection, *, first_event_id: int, last_event_id: int) -> None:
        reached.set()
        await go_on.wait()

    first = asyncio.create_task(Relay(api.client.app[DATABASE], (wait,)).move())
    async with asyncio.timeout(PATIENCE_S):
        await reached.wait()
        await db.execute("insert into outbox (type, data) values ('showtime.changed', '{}')")
        assert await Relay(api.client.app[DATABASE], ()).move() == 0
        go_on.set()
        assert await first == 3
    assert await Relay(api.client.app[DATABASE], ()).move() == 1
    assert await db.fetchval("select count(*) from events") == 4


async def test_an_event_committed_late_with_a_low_id_is_found_by_the_next_look_at_all(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = "insert into outbox (id, type, data) overriding system value values ($1, 'showtime.changed', '{}')"
    relay = Relay(api.client.app[DATABASE], ())
    monkeypatch.setattr(relays, "FULL_LOOK_EVERY_S", 0.0)
    await db.execute(insert, 100)
    assert [await relay.move() for _ in range(3)] == [1, 0, 0]
    monkeypatch.setattr(relays, "FULL_LOOK_EVERY_S", 3600.0)
    await db.execute(insert, 99)
    assert await relay.move() == 0
    await db.execute(insert, 101)
    assert await relay.move() == 1
    monkeypatch.setattr(relays, "FULL_LOOK_EVERY_S", 0.0)
    assert await relay.move() == 1
