"""Releases, after a run, the holds that its customers have left: they would keep seats from the next run."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from . import LoadError
from .client import Client
from .customers import list_all
from .limits import HoldLimits
from .tracked_reservations import ReservationTracker

AT_ONCE = 16


async def release_holds(client: Client, tracker: ReservationTracker, tokens: Sequence[str], limits: HoldLimits) -> None:
    """Cancel what the customers still hold, also where the answer to the hold was lost."""
    await client.idle()
    held = {
        item.id: (item.user, item.showtime_id, len(item.seats))
        for item in tracker.reservations.values()
        if item.state == "held"
    }
    with suppress(LoadError):  # the service does not answer: its holds expire
        for user in tracker.lost_holds:
            async for found in list_all(client, tokens[user], "/reservations?status=held"):
                held[str(found["id"])] = (user, found["showtime_id"], len(found["seats"]))
    left = iter(held.items())

    async def cancel() -> None:
        for reservation_id, (user, showtime_id, seats) in left:
            answer = await client.call("POST", f"/reservations/{reservation_id}/cancel", token=tokens[user])
            if not answer.status:
                return
            if answer.status in (200, 410):
                limits.end(user, showtime_id, seats)
                reservation = tracker.reservations.get(reservation_id)
                if reservation is not None:
                    tracker.record_cancel_sent(reservation)
                    tracker.record_cancel(reservation, counted_as="released")

    await asyncio.gather(*(cancel() for _ in range(AT_ONCE)))
    tracker.lost_holds.clear()
