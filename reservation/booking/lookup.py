"""Find reservations, archived ones included."""

from uuid import UUID

from ..db.pool import Database
from ..db.repository import reservations
from ..db.repository.reservation_rows import Reservation
from ..errors import HoldExpired, NotFound, ReservationCancelled, TooLateToCancel


async def find(database: Database, *, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's own reservations; raises NotFound."""
    async with database.connection() as conn:
        found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    return found or await find_archived(database, user_id, reservation_id)


async def find_archived(database: Database, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's archived reservations; raises NotFound."""
    async with database.connection() as conn:
        found = await reservations.find_archived(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found


async def find_archived_with_status(database: Database, user_id: int, reservation_id: UUID, status: str) -> Reservation:
    """An archived reservation that has the wanted status; its showtime is over, so its status cannot change any more.

    Raises NotFound, and HoldExpired, ReservationCancelled or TooLateToCancel if it has another status.
    """
    archived = await find_archived(database, user_id, reservation_id)
    if archived.status == status:
        return archived
    if archived.status == "expired":
        raise HoldExpired
    raise ReservationCancelled if archived.status == "cancelled" else TooLateToCancel
