"""Moves events from the outbox into the feed, and adds the deliveries that they cause, in one transaction.

One relay at a time: that is what makes the feed's ids become visible in their order, so that a reader who remembers the
last id that it has seen misses nothing.
"""

from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Protocol

from ..db.pool import Connection, Database
from ..db.repository import events
from ..db.repository.events import MovedEvents
from ..errors import Unavailable
from ..runtime.work_spans import work_span
from . import metrics
from .relayed import RelayedEvents

MOVED_AT_ONCE = 500
FULL_LOOK_EVERY_S = 60.0


class AddDeliveries(Protocol):
    """Adds the deliveries for the events with ids from the first to the last one, in the relay's transaction."""

    def __call__(self, conn: Connection, *, first_event_id: int, last_event_id: int) -> Awaitable[None]:
        """Add them."""


class Relay:
    """The relay of one process.

    Rows that were moved stay in the index of the outbox until they are vacuumed, which a long transaction delays. So
    most runs begin behind what was moved a minute ago or earlier. A transaction may commit an id below that, if it is
    so long; therefore one run a minute looks at all.
    """

    def __init__(
        self, database: Database, add_deliveries: Sequence[AddDeliveries], relayed: RelayedEvents | None = None
    ) -> None:
        self._database = database
        self._add_deliveries = add_deliveries
        self._relayed = relayed or RelayedEvents()
        self._at_once = MOVED_AT_ONCE
        self._full_look_at = monotonic()
        self._after_id = self._highest_at_full_look = self._highest = 0

    async def move(self) -> int:
        """Move all events that are there, unless another process does, and return how many; raises Unavailable."""
        with work_span("relay", in_statements=False) as work:  # most runs find nothing, and would prepare it each time
            total = await self._move_all(work.traceparent)
            work.attributes["reservation.events"] = total
            work.is_worth_a_span = total > 0
        return total

    async def _move_all(self, traceparent: str | None) -> int:
        now, total = monotonic(), 0
        is_full_look = now - self._full_look_at >= FULL_LOOK_EVERY_S
        after_id = 0 if is_full_look else self._after_id
        async with self._database.connection() as conn:
            is_any_waiting = await events.has_waiting(conn, after_id=after_id)
        if is_full_look:
            self._full_look_at = now
            self._after_id, self._highest_at_full_look = self._highest_at_full_look, self._highest
        if not is_any_waiting:
            return total
        while True:
            wanted = self._at_once
            try:
                moved = await self._move_some(after_id, wanted, traceparent)
            except Unavailable:
                # Events may cause so many deliveries that the statement takes too long: fewer at once do not.
                self._at_once = max(1, wanted // 2)
                raise
            self._at_once = min(MOVED_AT_ONCE, wanted * 2)
            total += moved.moved
            if moved.moved < wanted:
                return total

    async def _move_some(self, after_id: int, row_limit: int, traceparent: str | None) -> MovedEvents:
        async with self._database.transaction() as conn:
            if not await events.lock_relay(conn):
                return MovedEvents(0, None, None, None)
            moved = await events.move_events(conn, after_id=after_id, row_limit=row_limit)
            if moved.first_event_id is not None and moved.last_event_id is not None:
                if traceparent is not None:
                    self._relayed.add(moved.first_event_id, moved.last_event_id, traceparent)
                for add in self._add_deliveries:
                    await add(conn, first_event_id=moved.first_event_id, last_event_id=moved.last_event_id)
        metrics.EVENTS_MOVED.value += moved.moved
        self._highest = max(self._highest, moved.last_outbox_id or 0)
        return moved
