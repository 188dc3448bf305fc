"""Confirms: what is asked for, and the outcome of each row of the statement."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import asyncpg
from orjson import Fragment

from ...errors import (
    HoldExpired,
    IdempotencyKeyUsed,
    NothingToPay,
    Overloaded,
    PaymentRequired,
    ReservationCancelled,
    RowLocked,
    SeatsUnavailable,
)
from ..metrics import count_confirmed
from .idempotency import IdempotencyKey
from .reservation_rows import PaidReservation, Reservation, reserved_seats

# The JSON of a showtime at a layout version, or None.
ShowtimeOf = Callable[[int, int | None], Fragment | None]


class ConfirmRequest(NamedTuple):
    """A reservation that its user confirms; with a payment's new id, all that is due was paid elsewhere.

    `showtime_id`: of which showtime, where that is known; else the id names it, or it is looked up.
    """

    reservation_id: UUID
    user_id: int
    idempotency_key: IdempotencyKey | None = None
    payment_id: UUID | None = None
    showtime_id: int | None = None


def confirm_outcome(request: ConfirmRequest, row: asyncpg.Record, showtime_of: ShowtimeOf) -> Reservation | Exception:
    """The confirmed reservation of a row, or why it is not confirmed."""
    if row["confirmed"] and not row["repeated"]:
        return _confirmed(request, row, showtime_of)
    return _refusal(request, row)


def _refusal(request: ConfirmRequest, row: asyncpg.Record) -> Exception:
    if row["repeated"]:
        return IdempotencyKeyUsed()
    if row["showtime_locked"]:
        return RowLocked()
    if row["status"] != "held":
        return ReservationCancelled() if row["status"] == "cancelled" else HoldExpired()
    if row["lost"]:
        return SeatsUnavailable(booked=row["lost"], blocked=row["blocked"])
    if row["amount_due"] is not None:
        return PaymentRequired(row["amount_due"])
    return Overloaded() if request.payment_id is None else NothingToPay()


def _confirmed(request: ConfirmRequest, row: asyncpg.Record, showtime_of: ShowtimeOf) -> Reservation:
    if row["status"] != "confirmed":  # else it was before
        count_confirmed(seats=len(row["seat_ids"]), late=row["late"])
    confirmed = (
        request.reservation_id,
        row["code"],
        row["showtime_id"],
        showtime_of(row["showtime_id"], row["layout_version"]),
        "confirmed",
        reserved_seats(row),
        row["total_price"],
        row["created_at"],
        row["expires_at"],
        row["reference"],
        row["metadata"],
        row["confirmed_at"],
    )
    if row["amount_paid"] is None:
        return Reservation(*confirmed, late=row["late"])
    return PaidReservation(*confirmed, late=row["late"], amount_paid=row["amount_paid"])
