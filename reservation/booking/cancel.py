"""Cancel a hold or a confirmed reservation, or some of its seats, in one transaction; then Redis releases the seats."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ..db.metrics import count_cancelled
from ..db.pool import Connection
from ..db.repository import idempotency, refunds, reservation_changes, reservations
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import LockedReservation
from ..errors import (
    HoldExpired,
    IdempotencyKeyUsed,
    Invalid,
    NotFound,
    ReservationCancelled,
    ReservationConfirmed,
    TooLateToCancel,
)
from ..holds.release_calls import HoldRelease
from .context import BookingContext
from .lookup import find_archived_with_status
from .metrics import HOLDS_RELEASED
from .redis_lease import HeldSeats, release_given_up


class Canceller(NamedTuple):
    """Who cancels: customer, cinema or staff, and the reason, which the box office gives to cancel at any time."""

    who: str
    reason: str | None = None


CUSTOMER = Canceller("customer")


@dataclass(frozen=True, slots=True)
class _Cancel:
    """What is to be cancelled: some seats, or without `seat_ids` all; `holds_only`: not if it is confirmed."""

    user_id: int
    reservation_id: UUID
    canceller: Canceller
    cutoff_s: int | None
    seat_ids: Sequence[int] | None
    idempotency_key: IdempotencyKey | None
    holds_only: bool = False


async def cancel(
    context: BookingContext,
    *,
    user_id: int,
    reservation_id: UUID,
    seat_ids: Sequence[int] | None = None,
    canceller: Canceller = CUSTOMER,
    holds_only: bool = False,
    idempotency_key: IdempotencyKey | None = None,
) -> Reservation:
    """Cancel a hold, or a confirmed reservation until the cutoff; what is cancelled is free at once.

    With `seat_ids` only these are cancelled, and with all of them the reservation. Raises NotFound, Invalid (a seat
    that the reservation does not have), HoldExpired, TooLateToCancel, RowLocked, and with an idempotency key
    IdempotencyKeyUsed; with `holds_only` ReservationConfirmed. To cancel the reservation again changes nothing.
    """
    cutoff_s = context.cancel_cutoff_s if canceller.reason is None else None
    asked = _Cancel(user_id, reservation_id, canceller, cutoff_s, seat_ids, idempotency_key, holds_only)
    try:
        return await _cancel_and_release(context, asked)
    except NotFound:
        archived = await find_archived_with_status(context.database, user_id, reservation_id, "cancelled")
        check_own(seat_ids or (), {seat.seat_id for seat in archived.seats})
        return archived


async def remove_seat(
    context: BookingContext,
    *,
    user_id: int,
    reservation_id: UUID,
    seat_id: int,
    canceller: Canceller = CUSTOMER,
    idempotency_key: IdempotencyKey | None = None,
) -> Reservation:
    """Remove a seat from a live hold; with its last seat the hold is cancelled.

    Raises NotFound (the reservation, or a seat that it does not have), HoldExpired, ReservationConfirmed,
    ReservationCancelled, RowLocked, and with an idempotency key IdempotencyKeyUsed.
    """
    asked = _Cancel(user_id, reservation_id, canceller, None, [seat_id], idempotency_key, holds_only=True)
    try:
        return await _cancel_and_release(context, asked)
    except Invalid as error:
        raise NotFound("The hold has no such seat.") from error


async def _cancel_and_release(context: BookingContext, asked: _Cancel) -> Reservation:
    async with context.database.change() as conn:
        locked = await _lock(conn, asked)
        seat_ids = locked.seat_ids if asked.seat_ids is None else asked.seat_ids
        is_whole = len(seat_ids) == len(locked.seat_ids)
        if is_whole:
            await _cancel_all(conn, asked, locked)
        else:
            await _cancel_some(conn, asked, locked, seat_ids)
        left = await _find(conn, asked, locked)
    if locked.status == "confirmed":
        count_cancelled(asked.canceller.who, seats=len(seat_ids), whole=is_whole)
    elif locked.status == "held" and is_whole:
        HOLDS_RELEASED.value += 1
    if locked.status == "held" and not is_whole:
        await release_given_up(context, HeldSeats(locked.showtime_id, asked.reservation_id, asked.user_id, seat_ids))
    else:
        await context.pending_updates.release([HoldRelease(locked.showtime_id, asked.reservation_id, seat_ids)])
    return left


async def _lock(conn: Connection, asked: _Cancel) -> LockedReservation:
    """Lock the reservation, if it can be cancelled and has the seats."""
    locked = await reservations.lock_reservation(conn, reservation_id=asked.reservation_id, user_id=asked.user_id)
    if locked is None:
        raise NotFound("There is no such reservation of yours.")
    if locked.status == "expired":
        raise HoldExpired
    if asked.holds_only and locked.status == "confirmed":
        raise ReservationConfirmed("The reservation is confirmed, and only a hold was to be released.")
    if asked.holds_only and asked.seat_ids is not None and locked.status == "cancelled":
        raise ReservationCancelled
    check_own(asked.seat_ids or (), () if _is_cancelled_in_part(asked, locked) else locked.seat_ids)
    return locked


def check_own(seat_ids: Sequence[int], own: Collection[int]) -> None:
    """Raise Invalid unless all these seats are among the reservation's own."""
    for index, seat_id in enumerate(seat_ids):
        if seat_id not in own:
            raise Invalid(f"/seat_ids/{index}", "The reservation does not have this seat, or not any more.")


def _is_cancelled_in_part(asked: _Cancel, locked: LockedReservation) -> bool:
    """Whether some seats are asked for, and not all, of a reservation that was cancelled as a whole."""
    return locked.status == "cancelled" and asked.seat_ids is not None and {*asked.seat_ids} != {*locked.seat_ids}


async def _cancel_all(conn: Connection, asked: _Cancel, locked: LockedReservation) -> None:
    await _claim(conn, asked)
    if locked.status == "confirmed":
        await _free(conn, asked, locked, locked.seat_ids)
    if locked.status != "cancelled":
        by = asked.canceller
        is_paid = await reservations.mark_cancelled(
            conn,
            reservation_id=asked.reservation_id,
            showtime_id=locked.showtime_id,
            cancelled_by=by.who,
            reason=by.reason,
        )
        if is_paid:
            await _refund(conn, asked, locked, "cancelled")


async def _cancel_some(conn: Connection, asked: _Cancel, locked: LockedReservation, seat_ids: Sequence[int]) -> None:
    seats = [seat for seat in (await _find(conn, asked, locked)).seats if seat.seat_id not in seat_ids]
    await reservation_changes.set_seats(
        conn,
        reservation_id=asked.reservation_id,
        showtime_id_before=locked.showtime_id,
        change="cancelled_seats",
        changed_by=asked.canceller.who,
        reason=asked.canceller.reason,
        showtime_id=locked.showtime_id,
        seats=seats,
    )
    await _claim(conn, asked)
    if locked.status == "confirmed":
        await _free(conn, asked, locked, seat_ids)
        await _refund(conn, asked, locked, "seats_cancelled")


async def _refund(conn: Connection, asked: _Cancel, locked: LockedReservation, reason: str) -> None:
    await refunds.refund_surplus(
        conn, reservation_ids=[asked.reservation_id], showtime_id=locked.showtime_id, reason=reason
    )


async def _claim(conn: Connection, asked: _Cancel) -> None:
    key = asked.idempotency_key
    if key is not None and not await idempotency.claim(conn, idempotency_key=key, reservation_id=asked.reservation_id):
        raise IdempotencyKeyUsed


async def _free(conn: Connection, asked: _Cancel, locked: LockedReservation, seat_ids: Sequence[int]) -> None:
    freed = await reservation_changes.free_seats(
        conn,
        reservation_id=asked.reservation_id,
        showtime_id=locked.showtime_id,
        cutoff_s=asked.cutoff_s,
        seat_ids=seat_ids,
    )
    if not freed and asked.cutoff_s is not None:
        raise TooLateToCancel(asked.cutoff_s)


async def _find(conn: Connection, asked: _Cancel, locked: LockedReservation) -> Reservation:
    found = await reservations.find_reservation(
        conn, reservation_id=asked.reservation_id, user_id=asked.user_id, showtime_id=locked.showtime_id
    )
    if found is None:
        raise LookupError(f"reservation {asked.reservation_id} is locked and cannot be read")
    return found
