"""The documents of a reservation: its tickets as PDF, and its entry for a calendar."""

from typing import Literal, NamedTuple
from uuid import UUID

from ..db.repository import box_office, cinemas, showtimes, tickets as repository
from ..db.repository.reservation_rows import Reservation
from ..errors import NotFound
from .calendar import calendar_entry
from .context import TicketContext
from .issue import showtime_of, tickets_of
from .pdf import a4_pdf, wallet_pdf
from .printed import LANGUAGES, Occasion, printed
from .qr_codes import qr_svg

PaperSize = Literal["a4", "wallet"]


class TicketDocuments(NamedTuple):
    """The tickets as PDF on A4, and the entry for a calendar."""

    pdf: bytes
    ics: bytes


async def ticket_documents(
    context: TicketContext, reservation_id: UUID, language: str = LANGUAGES[0]
) -> TicketDocuments:
    """The documents of a confirmed reservation, of whatever customer, for a mail.

    Raises NotFound, also if it was archived, ReservationNotConfirmed, HoldExpired, ReservationCancelled, RowLocked and
    Overloaded.
    """
    async with context.database.connection() as conn:
        found = (await box_office.find_reservations(conn, reservation_ids=[reservation_id])).get(reservation_id)
    if found is None:
        raise NotFound
    return TicketDocuments(await tickets_pdf(context, found, "a4", language), await ics(context, found, language))


async def tickets_pdf(context: TicketContext, reservation: Reservation, size: PaperSize, language: str) -> bytes:
    """The tickets of a confirmed reservation, rendered in a thread; `language` is a tag such as de or en-GB.

    Raises what tickets_of does, NotFound if an archived reservation has none, and Overloaded if too many PDFs wait.
    """
    tickets = await tickets_of(context, reservation)
    if not tickets:
        raise NotFound("The reservation has no tickets: none were made before it was archived.")
    lines = printed(context, reservation, tickets, language, await _occasion(context, reservation))
    return await context.renderer.run(a4_pdf if size == "a4" else wallet_pdf, lines)


async def _occasion(context: TicketContext, reservation: Reservation) -> Occasion:
    showtime = showtime_of(reservation)
    async with context.database.connection() as conn:
        return Occasion(
            await cinemas.find_cinema(conn, cinema_id=showtime.cinema.id),
            await showtimes.find_showtime(conn, showtime_id=showtime.id),
        )


async def ticket_qr(context: TicketContext, reservation: Reservation, ticket_id: UUID) -> bytes:
    """The QR code of a ticket of a reservation, as SVG; raises what tickets_of does, NotFound and Overloaded."""
    for ticket in await tickets_of(context, reservation):
        if ticket.id.int == ticket_id.int:
            return await context.renderer.run(qr_svg, ticket.qr_payload)
    raise NotFound("The reservation has no such ticket, or it is no longer good.")


async def ics(context: TicketContext, reservation: Reservation, language: str) -> bytes:
    """The entry of a reservation for a calendar; raises what calendar_entry does."""
    async with context.database.connection() as conn:
        changed_at = await repository.find_last_change(
            conn, reservation_id=reservation.id, showtime_id=reservation.showtime_id
        )
    return calendar_entry(reservation, changed_at, language)
