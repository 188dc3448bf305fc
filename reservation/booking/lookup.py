"""Find reservations, archived ones included."""

from uuid import UUID

from ..db.pool import Database
from ..db.repository import reservations
from ..db.repository.reservations import Reservation
from ..errors import HoldExpired, NotFound, ReservationCancelled, TooLateToCancel
from .context import BookingContext


async def find(context: BookingContext, *, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's own reservations, archived ones included; raises NotFound."""
    async with context.database.connection() as conn:
        found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    return found or await find_archived(context.database, user_id, reservation_id)


async def find_archived(database: Database, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's reservations that is where it was not found, in the archive; raises NotFound."""
    async with database.connection() as conn:
        found = await reservations.find_archived(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found


def unchanged(archived: Reservation, wanted: str) -> Reservation:
    """An archived reservation, if it is what it was asked to become; its showtime is over, so nothing changes it."""
    if archived.status == wanted:
        return archived
    if archived.status == "expired":
        raise HoldExpired
    raise ReservationCancelled if archived.status == "cancelled" else TooLateToCancel
