"""Releases, after a run, the holds that its customers have left: they would keep seats from the next run."""

import asyncio
from collections.abc import Sequence

from .client import Client
from .tracked_reservations import ReservationTracker

AT_ONCE = 16


async def release_holds(client: Client, tracker: ReservationTracker, tokens: Sequence[str]) -> None:
    """Cancel what the customers still hold, also where the answer to the hold was lost."""
    held = [(item.user, item.id) for item in tracker.reservations.values() if item.state == "held"]
    for user in tracker.lost_holds:
        answer = await client.call("GET", "/reservations?status=held&limit=200", token=tokens[user])
        if answer.status == 200:
            held += [(user, str(found["id"])) for found in answer.json()["items"]]
    left = iter(set(held))

    async def cancel() -> None:
        for user, reservation_id in left:
            answer = await client.call("POST", f"/reservations/{reservation_id}/cancel", token=tokens[user])
            if not answer.status:
                return  # the service has stopped: its holds expire
            reservation = tracker.reservations.get(reservation_id)
            if reservation is not None and answer.status in (200, 410):
                tracker.record_cancel_sent(reservation)
                tracker.record_cancel(reservation, counted_as="released")

    await asyncio.gather(*(cancel() for _ in range(AT_ONCE)))
    tracker.lost_holds.clear()
