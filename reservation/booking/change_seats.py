"""Change the seats of a reservation: add some to a hold, or exchange all of them, also for those of another showtime.

As for a hold, Redis takes the new seats first, for the same reservation, so its own seats never stand in its way. Then
one transaction changes the reservation, or nothing. A change of a hold is answered when Redis keeps its seats as long
as PostgreSQL: they are taken again after the commit, and if another reservation has got one meanwhile, since Redis had
lost it, the change is taken back. A confirmed reservation needs no seats in Redis: its transaction locks the showtimes
against new holds, and no other live hold may have one of the seats.
"""

from collections.abc import Sequence
from decimal import Decimal

from ..db.pool import Connection
from ..db.repository import idempotency, payments, refunds, reservation_changes, reservations
from ..db.repository.hold_limits import require_room
from ..db.repository.reservation_changes import RecordedChange
from ..db.repository.reservation_rows import Reservation
from ..errors import (
    IdempotencyKeyUsed,
    PaymentRequired,
    RowLocked,
    SeatsUnavailable,
    ShowtimeChanged,
    TooLateToCancel,
    TooManyRequests,
    Unavailable,
)
from ..holds.release_calls import HoldRelease
from .after_commit import after_commit
from .context import BookingContext
from .hold import check_and_load, seats_unavailable
from .other_holds import find_other_holds, hand_over_or_release, held_by
from .redis_lease import REDIS_MARGIN_MS, release_given_up, take_again
from .seat_change_plan import SeatChange, SeatChangePlan, find_changeable, plan_change, planned_seats

CHANGE_TRIES = 5  # the reservation or the layout may change between the reading and the transaction
BOOKING_MS = 30_000  # for so long Redis keeps the new seats of a confirmed reservation, if the worker is killed


class ReservationChanged(Exception):
    """The reservation has changed since it was read; nothing was done."""


async def change_seats(context: BookingContext, asked: SeatChange) -> Reservation:
    """Give a reservation other seats, or a hold more seats: all or none. Its id, code and the end of a hold stay.

    Exchanged seats have the prices of now; those to which others are added keep theirs. Raises NotFound, Invalid (a
    seat of another room, too many seats, or no such showtime), HoldExpired, ReservationCancelled, SeatsUnavailable,
    LimitReached, AdmissionRequired, those of NOT_ON_SALE, RowLocked, and with an idempotency key IdempotencyKeyUsed;
    TooManyRequests if the client address holds as many seats as it may; TooLateToCancel if it is confirmed and its
    showtime starts too soon; PaymentRequired if it is confirmed and the other seats cost more than is paid;
    ReservationConfirmed if seats are to be added to it.
    """
    for _ in range(CHANGE_TRIES):
        before = await find_changeable(context, asked)
        try:
            plan = await plan_change(context, asked, before)
            return await _take_and_change(context, plan)
        except ReservationChanged:
            continue
        except ShowtimeChanged:
            await check_and_load(context, asked.showtime_id or before.showtime_id, asked.seat_ids, asked.tickets)
            await context.ticket_types.choose(asked.tickets, anew=True)
    raise RowLocked


async def _take_and_change(context: BookingContext, plan: SeatChangePlan) -> Reservation:
    reservation_id = plan.asked.reservation_id
    kept = await context.holds.kept(showtime_id=plan.showtime_id, reservation_id=reservation_id)
    # Read after `kept`: a request that gives the reservation seats from here on changes `kept` before its answer, and
    # then the undo does not release them.
    if not plan.is_of(await find_changeable(context, plan.asked)):
        raise ReservationChanged
    undo = HoldRelease(plan.showtime_id, reservation_id, plan.new, undo=True, kept=kept)
    epoch = context.holds.epoch
    release = True  # also if Redis does not answer: it may have taken the seats
    try:
        if plan.new:
            held = await context.holds.take(
                showtime_id=plan.showtime_id,
                reservation_id=reservation_id,
                seat_ids=plan.new,
                ttl_ms=(plan.before.left_ms if plan.is_held else BOOKING_MS) + REDIS_MARGIN_MS,
                of=plan.asked.of_address if plan.is_held else None,
            )
            if held:
                release = False
                raise await seats_unavailable(context, plan.showtime_id, plan.new, held)
        recorded, changed = await _change(context, plan)
        release = False
        context.pending_updates.changed_showtimes.add(plan.showtime_id)
    except TooManyRequests:  # nothing was taken
        release = False
        raise
    finally:
        if release:
            await context.pending_updates.release([undo])
    if plan.is_held:
        with after_commit():
            await _ensure_held(context, plan, undo, recorded, [seat.seat_id for seat in changed.seats])
            if context.holds.epoch != epoch:
                await _require_sole_hold(context, plan, undo, recorded)
    else:
        given_up = HoldRelease(plan.before.showtime_id, reservation_id, plan.given_up)
        await context.pending_updates.release([given_up, HoldRelease(plan.showtime_id, reservation_id, plan.new)])
    return changed


async def _change(context: BookingContext, plan: SeatChangePlan) -> tuple[RecordedChange, Reservation]:
    asked, before = plan.asked, plan.before
    key = asked.idempotency_key
    async with context.database.change() as conn:
        await _lock(conn, plan)
        own = await _find(conn, asked, before.showtime_id)
        recorded = await reservation_changes.set_seats(
            conn,
            reservation_id=asked.reservation_id,
            showtime_id_before=before.showtime_id,
            change="added_seats" if asked.adds else "exchanged",
            changed_by=asked.changed_by,
            reason=None,
            showtime_id=plan.showtime_id,
            seats=planned_seats(plan, own.seats),
        )
        if key is not None and not await idempotency.claim(
            conn, idempotency_key=key, reservation_id=asked.reservation_id
        ):
            raise IdempotencyKeyUsed
        changed = await _find(conn, asked, plan.showtime_id)
        if before.status == "confirmed":
            await _rebook(conn, plan, context.cancel_cutoff_s)
            await _match_payment(context, conn, own, changed)
        return recorded, changed


async def _match_payment(context: BookingContext, conn: Connection, before: Reservation, now: Reservation) -> None:
    """Refund what a confirmed reservation costs less than before; raises PaymentRequired if it is dearer than paid."""
    rise = Decimal(now.total_price) - Decimal(before.total_price)
    if rise < 0:
        await refunds.refund_surplus(conn, reservation_ids=[now.id], showtime_id=now.showtime_id, reason="exchanged")
    elif rise > 0 and context.batches.payment_rules.required:
        due = await payments.find_due(conn, reservation_id=now.id, showtime_id=now.showtime_id)
        # Of one that was confirmed without a payment, what it cost before counts as paid.
        missing = min(due.total_price - due.paid, rise)
        if missing > 0:
            raise PaymentRequired(str(missing), "The other seats cost more than is paid, and nothing was exchanged.")


async def _lock(conn: Connection, plan: SeatChangePlan) -> None:
    """Lock the reservation and the showtimes, and check that all is as it was read, and that the seats can be had."""
    asked, before = plan.asked, plan.before
    locked = await reservations.lock_reservation(conn, reservation_id=asked.reservation_id, user_id=asked.user_id)
    if locked is None or not plan.is_of(locked):
        raise ReservationChanged
    if asked.adds:
        await reservations.wait_for_showtime(conn, showtime_id=plan.showtime_id)
    else:
        await reservation_changes.lock_showtimes(conn, showtime_ids=[before.showtime_id, plan.showtime_id])
    takers = await reservation_changes.find_takers(
        conn, reservation_id=asked.reservation_id, showtime_id=plan.showtime_id, seat_ids=plan.new
    )
    if takers is None or not takers.on_sale or takers.layout_version != plan.layout.layout_version:
        raise ShowtimeChanged
    if plan.tickets is not None and takers.ticket_version != plan.tickets.version:
        raise ShowtimeChanged
    if takers.booked or takers.held:
        raise SeatsUnavailable(held=takers.held, booked=takers.booked, blocked=takers.blocked)
    await require_room(
        conn,
        asked.limits,
        reservation_id=asked.reservation_id,
        user_id=asked.user_id,
        showtime_id=plan.showtime_id,
        seats=plan.seat_count,
        new=plan.new,
    )


async def _rebook(conn: Connection, plan: SeatChangePlan, cutoff_s: int) -> None:
    reservation_id = plan.asked.reservation_id
    freed = await reservation_changes.free_seats(
        conn,
        reservation_id=reservation_id,
        showtime_id=plan.before.showtime_id,
        cutoff_s=cutoff_s,
        seat_ids=plan.given_up,
    )
    if freed != len(plan.given_up):
        raise TooLateToCancel(cutoff_s)
    booked = await reservation_changes.book_seats(
        conn, reservation_id=reservation_id, showtime_id=plan.showtime_id, seat_ids=plan.new
    )
    if len(booked) != len(plan.new):
        raise SeatsUnavailable(booked=frozenset(plan.new) - booked)


async def _find(conn: Connection, asked: SeatChange, showtime_id: int) -> Reservation:
    found = await reservations.find_reservation(
        conn, reservation_id=asked.reservation_id, user_id=asked.user_id, showtime_id=showtime_id
    )
    if found is None:
        raise LookupError(f"reservation {asked.reservation_id} is locked and cannot be read")
    return found


async def _ensure_held(
    context: BookingContext, plan: SeatChangePlan, undo: HoldRelease, recorded: RecordedChange, seat_ids: Sequence[int]
) -> None:
    """Take the seats again, now that PostgreSQL has the change, and release what the hold has given up.

    If another reservation has got one of them, the change is taken back.
    """
    try:
        held = await context.holds.extend(
            showtime_id=plan.showtime_id,
            reservation_id=plan.asked.reservation_id,
            seat_ids=seat_ids,
            ttl_ms=max(1, recorded.left_ms) + REDIS_MARGIN_MS,
        )
    except Unavailable:
        await _undo(context, plan, undo, recorded)
        raise
    if held:
        await _undo(context, plan, undo, recorded)
        raise await seats_unavailable(context, plan.showtime_id, plan.new, held)
    # It may have been changed, confirmed or cancelled since the commit: then Redis keeps what it still has.
    await release_given_up(context, plan.held_seats(plan.showtime_id, seat_ids))
    if plan.given_up:
        await release_given_up(context, plan.held_seats(plan.before.showtime_id, plan.given_up))


async def _require_sole_hold(
    context: BookingContext, plan: SeatChangePlan, undo: HoldRelease, recorded: RecordedChange
) -> None:
    """After Redis lost its data: give way to another hold of the new seats in PostgreSQL, which may be answered."""
    others = await find_other_holds(context, undo)
    if others:
        await _undo(context, plan, undo, recorded)
        raise held_by(others)


async def _undo(context: BookingContext, plan: SeatChangePlan, undo: HoldRelease, recorded: RecordedChange) -> None:
    """Take a change back in PostgreSQL, release the new seats in Redis, and see that it keeps the old ones.

    The hold is cancelled if it cannot have them any more. If PostgreSQL does not answer, it may still have the change,
    and the new seats stay taken.
    """
    asked, before = plan.asked, plan.before
    undone = None
    try:
        async with context.database.change() as conn:
            await reservations.lock_reservation(conn, reservation_id=asked.reservation_id, user_id=asked.user_id)
            await reservations.wait_for_showtime(conn, showtime_id=before.showtime_id)
            undone = await reservation_changes.undo_change(
                conn,
                reservation_id=asked.reservation_id,
                change_id=recorded.change_id,
                idempotency_key=asked.idempotency_key,
            )
    finally:
        context.log.warning("change_undone", reservation_id=str(asked.reservation_id), status=undone)
    await hand_over_or_release(context, undo, margin_ms=REDIS_MARGIN_MS)
    if undone == "cancelled":
        await context.pending_updates.release([HoldRelease(before.showtime_id, asked.reservation_id, before.seat_ids)])
    elif undone:
        seats = plan.held_seats(before.showtime_id, before.seat_ids)
        await take_again(context, seats, max(1, recorded.left_ms) + REDIS_MARGIN_MS)
