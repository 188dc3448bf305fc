"""What goes with a mail about a reservation: its tickets, and its entry for a calendar."""

from collections.abc import Sequence
from uuid import UUID

from ..db.repository import box_office
from ..errors import HoldExpired, NotFound, ReservationCancelled, ReservationNotConfirmed
from ..mail.messages import Attachment
from .context import TicketContext
from .documents import ics, ticket_documents

PDF, CALENDAR = "application/pdf", "text/calendar"


async def mail_attachments(
    context: TicketContext, reservation_id: UUID, language: str, *, is_cancelled: bool
) -> Sequence[Attachment] | None:
    """The tickets and the entry of a confirmed reservation, or the entry that takes a cancelled one out of a calendar.

    None: the reservation is not confirmed any more, or was archived. Raises RowLocked and Overloaded.
    """
    try:
        if is_cancelled:
            entry = await _entry(context, reservation_id, language)
            return [Attachment("cancelled.ics", CALENDAR, entry)]
        documents = await ticket_documents(context, reservation_id, language)
    except (NotFound, ReservationNotConfirmed, HoldExpired, ReservationCancelled):
        return None
    return [Attachment("tickets.pdf", PDF, documents.pdf), Attachment("tickets.ics", CALENDAR, documents.ics)]


async def _entry(context: TicketContext, reservation_id: UUID, language: str) -> bytes:
    async with context.database.connection() as conn:
        found = (await box_office.find_reservations(conn, reservation_ids=[reservation_id])).get(reservation_id)
    if found is None:
        raise NotFound
    return await ics(context, found, language)
