"""Confirms of one reservation or a batch of them."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from .. import reservation_ids
from ..pool import Connection
from ..statements import sql
from .confirm_outcomes import ConfirmRequest, ShowtimeOf, confirm_outcome
from .idempotency import key_columns
from .reservation_rows import Reservation
from .reservation_showtimes import find_showtimes


class PaymentRules(NamedTuple):
    """Whether the service takes payments, and in which currency."""

    required: bool
    currency: str


async def confirm(
    conn: Connection, *, requests: Sequence[ConfirmRequest], showtime_of: ShowtimeOf, payment_rules: PaymentRules
) -> dict[tuple[UUID, int], Reservation | Exception]:
    """Confirm reservations, each of a user once and no two with the same idempotency key.

    The outcomes are by reservation and user; a reservation has none that is not the user's, that is locked, or that was
    exchanged for seats of another showtime than its id names, unless the request says of which. In
    place of a confirmed reservation stands IdempotencyKeyUsed, RowLocked, ReservationCancelled, SeatsUnavailable,
    PaymentRequired, NothingToPay, HoldExpired, or Overloaded for one without seats. One that is paid by its confirm is
    a PaidReservation. `showtime_of` gives the JSON of a showtime at a layout version, or None. The statement fails as a
    whole when one of them loses a seat, or its time, while it runs.
    """
    showtime_ids: Sequence[int | None] = [
        reservation_ids.showtime_of(each.reservation_id) if each.showtime_id is None else each.showtime_id
        for each in requests
    ]
    if None in showtime_ids:
        showtime_ids = await _looked_up(conn, requests, showtime_ids)
    rows = await conn.fetch(
        sql("reservations/confirm"),
        [each.reservation_id for each in requests],
        [each.user_id for each in requests],
        *key_columns([each.idempotency_key for each in requests]),
        payment_rules.required,
        [each.payment_id for each in requests] if any(each.payment_id for each in requests) else [],
        payment_rules.currency,
        showtime_ids,
    )
    by_request = [(requests[row["place"] - 1], row) for row in rows]
    return {each[:2]: confirm_outcome(each, row, showtime_of) for each, row in by_request}


async def _looked_up(
    conn: Connection, requests: Sequence[ConfirmRequest], showtime_ids: Sequence[int | None]
) -> list[int | None]:
    """The showtimes, those that are missing looked up; None for a reservation that does not exist."""
    asked = list(zip(requests, showtime_ids, strict=True))
    unknown = list({request.reservation_id for request, known in asked if known is None})
    found = await find_showtimes(conn, reservation_ids=unknown)
    return [found.get(request.reservation_id) if known is None else known for request, known in asked]
