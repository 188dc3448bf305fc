"""Confirm a hold that has expired, if every seat of it can still be had.

Redis takes the seats first, so that no new hold is granted on them meanwhile. PostgreSQL decides: the transaction locks
the showtime against new holds, and then no other live hold and no sale may have one of the seats. What is held later
finds them booked. So the answered hold of another customer always wins, also when Redis has lost it or does not answer.
"""

from contextlib import suppress

from ..db.pool import Connection
from ..db.repository import idempotency, reservation_changes, reservations
from ..db.repository.confirm_outcomes import ConfirmRequest
from ..db.repository.hold_limits import HoldLimits, require_room
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import HoldToExtend
from ..errors import HoldExpired, IdempotencyKeyUsed, PaymentRequired, SeatsUnavailable, Unavailable
from ..holds.release_calls import HoldRelease
from .context import BookingContext

TAKEN_MS = 30_000  # for so long Redis keeps the seats, if the worker is killed
REVIVED_S = 60  # longer than the transaction
CANNOT_BE_HAD = (
    "The hold has expired, and not all of its seats can still be had, or their sale has ended: make a new hold, of"
    " other seats if need be, POST /showtimes/{showtime_id}/holds."
)
HAS_CHANGED = (
    "The hold has expired, and the showtime has changed since it was made: look at GET /showtimes/{showtime_id}, and"
    " make a new hold there or elsewhere."
)


async def confirm_late(context: BookingContext, request: ConfirmRequest, *, limits: HoldLimits | None) -> Reservation:
    """Confirm an expired hold whose seats can all be had, before the end of the showtime's sales.

    Raises HoldExpired if it cannot be confirmed, LimitReached, what a confirm raises if it is not expired any more,
    RowLocked, and with an idempotency key IdempotencyKeyUsed.
    """
    reservation_id, user_id = request[:2]
    async with context.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=reservation_id, user_id=user_id, max_s=context.hold_max_s
        )
    if found is None:  # archived meanwhile
        raise HoldExpired
    held: frozenset[int] = frozenset()
    with suppress(Unavailable):
        held = await context.holds.take(
            showtime_id=found.showtime_id, reservation_id=reservation_id, seat_ids=found.seat_ids, ttl_ms=TAKEN_MS
        )
    if held:
        raise HoldExpired(CANNOT_BE_HAD)
    try:
        async with context.database.change() as conn:
            return await _confirm(context, conn, request, found, limits)
    finally:
        # Confirmed or not, it needs no seats in Redis.
        await context.pending_updates.release([HoldRelease(found.showtime_id, reservation_id, found.seat_ids)])


async def _confirm(
    context: BookingContext,
    conn: Connection,
    request: ConfirmRequest,
    found: HoldToExtend,
    limits: HoldLimits | None,
) -> Reservation:
    reservation_id, user_id, key = request[:3]
    locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if locked is None or locked.seat_ids != found.seat_ids or locked.showtime_id != found.showtime_id:
        raise HoldExpired
    await reservation_changes.lock_showtimes(conn, showtime_ids=[found.showtime_id])
    if locked.status == "expired":
        takers = await reservation_changes.find_takers(
            conn, reservation_id=reservation_id, showtime_id=found.showtime_id, seat_ids=found.seat_ids
        )
        if takers is None or not takers.on_sale or takers.booked or takers.held or takers.missing:
            raise HoldExpired(CANNOT_BE_HAD)
        await require_room(
            conn,
            limits,
            reservation_id=reservation_id,
            user_id=user_id,
            showtime_id=found.showtime_id,
            seats=len(found.seat_ids),
        )
        if not await reservation_changes.revive_hold(
            conn, reservation_id=reservation_id, showtime_id=found.showtime_id, ttl_s=REVIVED_S
        ):
            raise HoldExpired(HAS_CHANGED)
    if key is not None and not await idempotency.claim(conn, idempotency_key=key, reservation_id=reservation_id):
        raise IdempotencyKeyUsed
    outcome = await context.batches.confirm_locked(
        conn, request._replace(idempotency_key=None, showtime_id=found.showtime_id)
    )
    if isinstance(outcome, PaymentRequired):
        raise HoldExpired from outcome  # Stripe opens no payment for an expired hold
    if isinstance(outcome, SeatsUnavailable):
        raise HoldExpired(CANNOT_BE_HAD) from outcome
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
