"""What a printed ticket says, in the language of its reader: each value as it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from ..db.repository.reservation_rows import ReservedShowtime
from ..runtime.locale_formats import LocaleFormats, local_time
from .codes import grouped
from .context import TicketContext
from .issue import Ticket

# By language; the first is for all others.
LANGUAGES = ("en", "de")
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "row": "Row",
        "seat": "Seat",
        "type": "Ticket",
        "price": "Price",
        "code": "Reservation",
        "title": "Tickets",
        "advice": "Show this code at the door. It lets one person in, once.",
    },
    "de": {
        "row": "Reihe",
        "seat": "Platz",
        "type": "Karte",
        "price": "Preis",
        "code": "Reservierung",
        "title": "Eintrittskarten",
        "advice": "Zeigen Sie diesen Code am Einlass. Er gilt für eine Person und einmal.",
    },
}


@dataclass(frozen=True, slots=True)
class PrintedTicket:
    """The lines of a ticket; `facts` are names and values: row, seat, ticket type and price."""

    language: str
    heading: str
    film: str
    day: str
    clock: str
    place: str
    facts: Sequence[tuple[str, str]]
    code: str
    advice: str
    qr_payload: str


def printed(
    context: TicketContext, showtime: ReservedShowtime, tickets: Sequence[Ticket], language: str
) -> Sequence[PrintedTicket]:
    """The tickets of a showtime as they are printed in a language, a code such as de; times are the cinema's."""
    language = language if language in _TEXTS else LANGUAGES[0]
    formats, texts = LocaleFormats(Locale(language)), _TEXTS[language]
    timezone = showtime.cinema.timezone
    return [
        PrintedTicket(
            language=language,
            heading=context.site_name,
            film=showtime.movie.title,
            day=formats.day(local_time(showtime.starts_at, timezone).date()),
            clock=formats.clock(showtime.starts_at, timezone),
            place=f"{showtime.auditorium.name} · {showtime.cinema.name}",
            facts=(
                (texts["row"], ticket.seat.row_label),
                (texts["seat"], str(ticket.seat.seat_number)),
                (texts["type"], ticket.seat.ticket_type.name),
                (texts["price"], formats.money(ticket.seat.price, context.currency)),
            ),
            code=grouped(ticket.code),
            advice=texts["advice"],
            qr_payload=ticket.qr_payload,
        )
        for ticket in tickets
    ]


def text_of(name: str, language: str) -> str:
    """A text in a language: row, seat, type, price, code, title or advice."""
    return _TEXTS.get(language, _TEXTS[LANGUAGES[0]])[name]
