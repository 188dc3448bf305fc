"""Extend a hold, and take its seats again for a repeated request."""

from time import monotonic
from uuid import UUID

from ..db.repository import reservations
from ..db.repository.reservations import FoundHold, Reservation
from ..errors import HoldExpired, ReservationCancelled, ReservationConfirmed, SeatsUnavailable
from ..holds.store import HoldRelease
from .batches import NO_SEATS
from .context import BookingContext
from .lookup import find, find_archived


async def extend(context: BookingContext, *, user_id: int, reservation_id: UUID) -> Reservation:
    """Let a hold run for its whole time from now, but not past the longest life of one; it never gets shorter.

    Raises NotFound, HoldExpired, ReservationConfirmed, ReservationCancelled, and SeatsUnavailable when others have
    taken the seats meanwhile.
    """
    found = await _find_hold(context, user_id, reservation_id)
    ttl_ms = min(context.hold_ttl_s * 1000, found.most_ms)
    if ttl_ms <= found.left_ms:
        return await find(context, user_id=user_id, reservation_id=reservation_id)
    # Redis first: should PostgreSQL not follow, the seats are kept from others for a while longer than need be, and the
    # sweep lets go of them; the other way round somebody else could hold what this customer was promised.
    ends = monotonic() + ttl_ms / 1000
    held = await context.holds.extend(
        showtime_id=found.showtime_id, reservation_id=reservation_id, seat_ids=found.seat_ids, ttl_ms=ttl_ms
    )
    if held:
        raise SeatsUnavailable(held=held, booked=await context.batches.find_booked(found.showtime_id, found.seat_ids))
    async with context.database.connection() as conn:
        left_ms = max(1, round((ends - monotonic()) * 1000))  # only now: the wait for a connection is over
        extended = await reservations.extend(
            conn, reservation_id=reservation_id, user_id=user_id, ttl_ms=left_ms, most_s=context.hold_max_s
        )
    if not extended:  # it ended meanwhile, or Redis had lost it and others own its seats: look again, and say which
        await context.pending_updates.release([HoldRelease(found.showtime_id, reservation_id, found.seat_ids)])
        await _find_hold(context, user_id, reservation_id)
        booked = await context.batches.find_booked(found.showtime_id, found.seat_ids)
        raise SeatsUnavailable(held=NO_SEATS, booked=booked) if booked else HoldExpired
    return await find(context, user_id=user_id, reservation_id=reservation_id)


async def hold_again(context: BookingContext, *, user_id: int, reservation_id: UUID) -> None:
    """Keep a hold from others whose first answer was lost, since its seats were given back then.

    Raises SeatsUnavailable when others have taken them meanwhile.
    """
    try:
        found = await _find_hold(context, user_id, reservation_id)
    except (HoldExpired, ReservationConfirmed, ReservationCancelled):
        return  # it has ended just now, one way or another
    held = await context.holds.extend(
        showtime_id=found.showtime_id, reservation_id=reservation_id, seat_ids=found.seat_ids, ttl_ms=found.left_ms
    )
    if held:
        raise SeatsUnavailable(held=held, booked=await context.batches.find_booked(found.showtime_id, found.seat_ids))


async def _find_hold(context: BookingContext, user_id: int, reservation_id: UUID) -> FoundHold:
    """A hold that is alive; raises what it is otherwise."""
    async with context.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=reservation_id, user_id=user_id, most_s=context.hold_max_s
        )
    status = (await find_archived(context.database, user_id, reservation_id)).status if found is None else found.status
    if status == "expired":
        raise HoldExpired
    if status == "confirmed":
        raise ReservationConfirmed
    if found is None or status == "cancelled":
        raise ReservationCancelled
    return found
