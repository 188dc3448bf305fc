"""Confirm a hold: one statement for all that concurrent callers confirm."""

from uuid import UUID

from ..db.repository.idempotency import Claim
from ..db.repository.reservations import ConfirmRequest, Reservation
from ..errors import NotFound
from .context import BookingContext
from .lookup import find_archived, unchanged


async def confirm(
    context: BookingContext, *, user_id: int, reservation_id: UUID, claim: Claim | None = None
) -> Reservation:
    """Make a hold final: its seats are the user's once this answers, and a second time changes nothing.

    Raises NotFound, HoldExpired, ReservationCancelled, and SeatsUnavailable when the hold was lost and somebody else
    confirmed first; under a claim KeyClaimed.
    """
    try:
        return await context.batches.confirm(ConfirmRequest(reservation_id, user_id, claim))
    except NotFound:
        return unchanged(await find_archived(context.database, user_id, reservation_id), "confirmed")
