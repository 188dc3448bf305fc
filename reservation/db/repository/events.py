"""The outbox, and the feed of events that the relay makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from ..pool import Connection
from ..statements import sql
from .reservation_rows import reservation_of
from .rows import one


@dataclass(frozen=True, slots=True)
class MovedEvents:
    """How many events were moved from the outbox, their ids, and the highest id of the outbox; None if none was."""

    moved: int
    first_event_id: int | None
    last_event_id: int | None
    last_outbox_id: int | None


@dataclass(frozen=True)
class ChangedFrom:
    """What a reservation was before a change: cancelled_seats, added_seats or exchanged."""

    change: str
    showtime_id: int
    seat_ids: Sequence[int]
    total_price: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, as receivers are told; `position` is its place in the feed, and only of use here."""

    position: int
    event_id: UUID
    type: str
    timestamp: datetime
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Feed:
    """Up to which event the feed is deleted, and the event at a position, None if there is none."""

    deleted_through: int
    event_id: UUID | None


async def has_waiting(conn: Connection, *, after_id: int) -> bool:
    """Whether rows are in the outbox behind `after_id`."""
    waiting: bool = await conn.fetchval(sql("events/has_waiting"), after_id)
    return waiting


async def lock_relay(conn: Connection) -> bool:
    """Lock the relay until the end of the transaction; False if another process has it."""
    locked: bool = await conn.fetchval(sql("events/lock_relay"))
    return locked


async def move_events(conn: Connection, *, after_id: int, row_limit: int) -> MovedEvents:
    """Move rows of the outbox behind `after_id` to the events, under the lock of the relay."""
    return await one(conn, MovedEvents, "events/move_events", after_id, row_limit)


async def list_events(conn: Connection, *, after_id: int, last_id: int, row_limit: int) -> list[Event]:
    """Events behind a position, the oldest first, up to `last_id`."""
    rows = await conn.fetch(sql("events/list_events"), after_id, last_id, row_limit)
    return [Event(row["position"], row["event_id"], row["type"], row["happened_at"], _data(row)) for row in rows]


async def find_feed(conn: Connection, *, position: int) -> Feed:
    """The state of the feed, for a reader who has got to a position."""
    return await one(conn, Feed, "events/find_feed", position)


async def delete_old(conn: Connection, *, kept_days: int, row_limit: int) -> int:
    """Delete the oldest events that have been kept long enough; how many."""
    deleted: int = await conn.fetchval(sql("events/delete_old"), kept_days, row_limit)
    return deleted


def _data(row: asyncpg.Record) -> dict[str, object]:
    if row["data"] is not None:
        told: dict[str, object] = row["data"]
        return told
    if row["id"] is None:  # deleted with the load test that made it
        return {"reservation": None}
    told = {"reservation": reservation_of(row)}
    if row["change"] is not None:
        told["before"] = ChangedFrom(
            row["change"], row["showtime_id_before"], row["seat_ids_before"], row["total_price_before"]
        )
    return told
