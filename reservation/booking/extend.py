"""Extend a hold, and take its seats in Redis again for a repeated request."""

from datetime import datetime
from time import monotonic
from uuid import UUID

from ..db.repository import reservations
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import HoldToExtend
from ..errors import HoldExpired, HoldsUnavailable, ReservationCancelled, ReservationConfirmed, SeatsUnavailable
from ..holds.release_calls import HoldRelease
from .after_commit import after_commit
from .context import BookingContext
from .lookup import find, find_archived
from .metrics import HOLDS_EXTENDED
from .other_holds import find_other_holds
from .redis_lease import REDIS_MARGIN_MS, HeldSeats, RedisLease, ensure_held, release_given_up, take_again
from .sale_window import not_on_sale


async def extend(
    context: BookingContext, *, user_id: int, reservation_id: UUID, ttl_s: int | None = None
) -> Reservation:
    """Let a hold run for its whole time from now, but not past the longest life of one; it never gets shorter.

    With `ttl_s` it runs for so long instead.

    After the end of the sale it can be confirmed until it expires, but not extended. Raises NotFound, HoldExpired,
    ReservationConfirmed, ReservationCancelled, SalesEnded, ShowtimeStarted, and SeatsUnavailable if another user has
    taken the seats meanwhile.
    """
    found = await _find_hold(context, user_id, reservation_id)
    if found.sale_refusal is not None:
        raise not_on_sale(found.sale_refusal, None)
    ttl_ms = min((ttl_s or context.hold_ttl_s) * 1000, found.longest_ms)
    seats = HeldSeats(found.showtime_id, reservation_id, user_id, found.seat_ids)
    if ttl_ms <= found.left_ms:  # nothing changes in PostgreSQL, but Redis may have lost the seats
        await take_again(context, seats, found.left_ms + REDIS_MARGIN_MS)
        return await find(context.database, user_id=user_id, reservation_id=reservation_id)
    # Redis first: if PostgreSQL fails then, the seats are held for too long, until release_orphans releases them. The
    # other way round, another user could hold seats that were promised to this one.
    ends = monotonic() + ttl_ms / 1000
    lease = RedisLease(context, ttl_ms + REDIS_MARGIN_MS)
    await _hold_in_redis(context, seats, ttl_ms, lease)
    async with context.database.write_for(user_id) as conn:
        left_ms = max(1, round((ends - monotonic()) * 1000))  # after the wait for a connection
        extended_at = await reservations.extend(
            conn,
            reservation_id=reservation_id,
            showtime_id=found.showtime_id,
            user_id=user_id,
            ttl_ms=left_ms,
            max_s=context.hold_max_s,
        )
        answered = monotonic()
        # For the answer, on the same connection: to wait for another one could fail, now that it is done.
        extended = await reservations.find_reservation(
            conn, reservation_id=reservation_id, user_id=user_id, showtime_id=found.showtime_id
        )
    if extended_at is None or extended is None:  # it ended meanwhile, or Redis had lost it and its seats were sold
        await context.pending_updates.release([HoldRelease(found.showtime_id, reservation_id, found.seat_ids)])
        await _find_hold(context, user_id, reservation_id)
        booked, blocked = await context.batches.find_booked(found.showtime_id, found.seat_ids)
        raise SeatsUnavailable(booked=booked, blocked=blocked) if booked else HoldExpired
    HOLDS_EXTENDED.value += 1
    with after_commit():
        await _keep_held(context, seats, lease, extended, extended_at=extended_at, answered=answered)
    return extended


async def _keep_held(
    context: BookingContext,
    seats: HeldSeats,
    lease: RedisLease,
    extended: Reservation,
    *,
    extended_at: datetime,
    answered: float,
) -> None:
    """See that Redis keeps the seats of an extended hold; PostgreSQL has answered at `answered`, on this clock."""
    now = [seat.seat_id for seat in extended.seats]
    if (now, extended.showtime_id) != ([*seats.seat_ids], seats.showtime_id):  # another request has changed its seats
        left_ms = max(1, round((extended.expires_at - extended_at).total_seconds() * 1000))
        await take_again(
            context,
            HeldSeats(extended.showtime_id, seats.reservation_id, seats.user_id, now),
            left_ms + REDIS_MARGIN_MS,
        )
        await release_given_up(context, seats)
        return
    # Of the end that is answered: another request may have extended the hold since.
    life_s = (extended.expires_at - extended_at).total_seconds() - (monotonic() - answered)
    await ensure_held(context, seats, lease, life_s=life_s)


async def hold_again(
    context: BookingContext, *, user_id: int, reservation_id: UUID, idempotency_key: IdempotencyKey
) -> None:
    """Take the seats of a hold in Redis again before a repeated request gets its first answer.

    The first request may have failed after PostgreSQL had the hold, and have released the seats; or it waits for
    PostgreSQL, which may have a later end than Redis by now. Raises SeatsUnavailable if another user has taken them,
    and HoldsUnavailable as long as PostgreSQL has two holds of a seat.
    """
    try:
        found = await _find_hold(context, user_id, reservation_id)
    except (HoldExpired, ReservationConfirmed, ReservationCancelled):
        return  # it has ended just now
    seats = HeldSeats(found.showtime_id, reservation_id, user_id, found.seat_ids, idempotency_key)
    await take_again(context, seats, found.left_ms + REDIS_MARGIN_MS)
    if await find_other_holds(context, HoldRelease(found.showtime_id, reservation_id, found.seat_ids)):
        # One of the two was answered, and the other one gives way or expires: which, is not known here.
        raise HoldsUnavailable


async def _hold_in_redis(context: BookingContext, seats: HeldSeats, ttl_ms: int, lease: RedisLease) -> None:
    held = await context.holds.extend(
        showtime_id=seats.showtime_id,
        reservation_id=seats.reservation_id,
        seat_ids=seats.seat_ids,
        ttl_ms=ttl_ms + REDIS_MARGIN_MS,
        before_repeat=lease.renew,
    )
    if held:
        booked, blocked = await context.batches.find_booked(seats.showtime_id, seats.seat_ids)
        raise SeatsUnavailable(held=held, booked=booked, blocked=blocked)


async def _find_hold(context: BookingContext, user_id: int, reservation_id: UUID) -> HoldToExtend:
    """A live hold; raises NotFound, HoldExpired, ReservationConfirmed and ReservationCancelled."""
    async with context.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=reservation_id, user_id=user_id, max_s=context.hold_max_s
        )
    status = (await find_archived(context.database, user_id, reservation_id)).status if found is None else found.status
    if status == "expired":
        raise HoldExpired
    if status == "confirmed":
        raise ReservationConfirmed
    if found is None or status == "cancelled":
        raise ReservationCancelled
    return found
