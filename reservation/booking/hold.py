"""Hold seats: Redis first, then PostgreSQL; what fails gives the seats back.

PostgreSQL decides who owns a seat. Redis makes holds fast and lets them expire; whatever Redis loses, the unique
constraint of booked_seats stands between a seat and its second sale.
"""

from collections.abc import Sequence
from time import monotonic

from uuid_utils.compat import uuid7

from ..db.repository import showtimes
from ..db.repository.idempotency import Claim
from ..db.repository.reservations import Reservation
from ..errors import HoldsUnavailable, IdempotencyInFlight, Invalid, NotFound, SeatsUnavailable, ShowtimeStarted
from ..holds.store import HoldRelease
from .batches import NO_SEATS, HoldToInsert
from .context import BookingContext
from .idempotency import id_of_hold, is_on_its_way


async def hold(
    context: BookingContext, *, user_id: int, showtime_id: int, seat_ids: Sequence[int], claim: Claim | None = None
) -> Reservation:
    """Hold all these seats or none.

    Raises NotFound (the showtime), ShowtimeStarted, Invalid (a seat of another room) and SeatsUnavailable, which names
    every seat that stands against it; under a claim KeyClaimed, and IdempotencyInFlight while a twin is on its way.
    """
    await _look_first(context, showtime_id, seat_ids)
    granted = await _grant(context, user_id, showtime_id, seat_ids, claim)
    if granted is None:  # something about the showtime changed since it was looked at: look again, and say what
        await check_seats(context, showtime_id, seat_ids)
        raise HoldsUnavailable
    return granted


async def check_seats(context: BookingContext, showtime_id: int, seat_ids: Sequence[int]) -> None:
    """Refuse what cannot be held, by PostgreSQL; raises NotFound (the showtime), ShowtimeStarted and Invalid."""
    async with context.database.connection() as conn:
        check = await showtimes.check_seats(conn, showtime_id=showtime_id, seat_ids=seat_ids)
    if check is None:
        raise NotFound("There is no such showtime.")
    if check.started:
        raise ShowtimeStarted
    known = frozenset(check.seat_ids)
    for index, seat_id in enumerate(seat_ids):
        if seat_id not in known:
            raise Invalid(f"/seat_ids/{index}", "There is no such seat in this showtime's auditorium.")


async def _look_first(context: BookingContext, showtime_id: int, seat_ids: Sequence[int]) -> None:
    """Refuse what cannot be held before Redis is asked; a look that may be old only ever leads to a closer one."""
    layout = context.layouts.known(showtime_id)
    if layout is None:
        layout = await context.layouts.load(showtime_id)
    if layout is None or layout.has_started or not layout.room.places.keys() >= set(seat_ids):
        await check_seats(context, showtime_id, seat_ids)


async def _grant(
    context: BookingContext, user_id: int, showtime_id: int, seat_ids: Sequence[int], claim: Claim | None
) -> Reservation | None:
    """Take the seats in Redis, then write the reservation down; whatever fails, the seats are given back."""
    started = monotonic()
    reservation_id = uuid7() if claim is None else id_of_hold(claim)
    ours = True  # as far as we know: an answer that never came may have been a yes
    try:
        held = await context.holds.take(
            showtime_id=showtime_id, reservation_id=reservation_id, seat_ids=seat_ids, ttl_s=context.hold_ttl_s
        )
        if held:
            ours = False
            if claim is not None and await is_on_its_way(
                context.holds, claim, showtime_id=showtime_id, seat_ids=seat_ids
            ):
                raise IdempotencyInFlight
            raise SeatsUnavailable(held=held, booked=await context.batches.find_booked(showtime_id, seat_ids))
        ends, by = started + context.hold_ttl_s, started + context.hold_deadline_s
        written = await context.batches.insert_held(
            HoldToInsert(reservation_id, user_id, showtime_id, seat_ids, claim, ends=ends, by=by)
        )
        if isinstance(written, Reservation):
            ours = False  # it is the customer's now
            return written
        if written:
            raise SeatsUnavailable(held=NO_SEATS, booked=written)
        return None
    finally:
        if ours:
            await context.pending_updates.release([HoldRelease(showtime_id, reservation_id, seat_ids)])
