"""Live holds of others in PostgreSQL on the seats of a hold that was not answered.

Redis decides which of two customers gets a hold. If it loses its data while a hold is on its way to PostgreSQL, both
holds of a seat may get there, and Redis is then loaded with one of them. The hold whose take was lost knows it before
its answer (redis_lease.py): it looks here for the other one, which may be answered, and gives way to it. What Redis has
for the hold that gives way belongs to the other one from then on.
"""

from collections.abc import Sequence
from contextlib import suppress

from ..db.repository import reservations
from ..db.repository.reservations import OtherHold
from ..errors import SeatsUnavailable, Unavailable
from ..holds.release_calls import HoldRelease
from .context import BookingContext


async def find_other_holds(context: BookingContext, seats: HoldRelease) -> list[OtherHold]:
    """The live holds of other reservations on these seats."""
    async with context.database.connection() as conn:
        return await reservations.find_other_holds(
            conn, showtime_id=seats.showtime_id, seat_ids=seats.seat_ids, reservation_id=seats.reservation_id
        )


async def hand_over(context: BookingContext, seats: HoldRelease, *, margin_ms: int) -> None:
    """Give what Redis has for a hold that was undone to the live holds on these seats, each for its time and a margin.

    Raises Unavailable.
    """
    for other in await find_other_holds(context, seats):
        await context.holds.hand_over(
            showtime_id=seats.showtime_id,
            reservation_id=seats.reservation_id,
            to=other.reservation_id,
            seat_ids=other.seat_ids,
            ttl_ms=other.left_ms + margin_ms,
        )


async def hand_over_or_release(context: BookingContext, seats: HoldRelease, *, margin_ms: int) -> None:
    """Hand over as `hand_over` does, then release the seats that no other hold has.

    If a store does not answer, Redis keeps all of them until the end of the hold, or until release_orphans finds them
    once PostgreSQL has cancelled it. Released, another customer could get a seat that a live hold has.
    """
    with suppress(Unavailable):
        await hand_over(context, seats, margin_ms=margin_ms)
        await context.pending_updates.release([seats])


def held_by(others: Sequence[OtherHold]) -> SeatsUnavailable:
    """The error for a hold whose seats other holds have."""
    return SeatsUnavailable(held=frozenset[int]().union(*(other.seat_ids for other in others)))
