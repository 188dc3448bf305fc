"""What a printed ticket says, in the language of its reader: each value as it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from ..db.repository.cinemas import Cinema
from ..db.repository.reservation_rows import Reservation
from ..db.repository.showtimes import Showtime
from ..runtime.locale_formats import LocaleFormats, capitalized, local_time, parse_locale
from .codes import grouped
from .context import TicketContext
from .issue import Ticket, showtime_of

# By language; the first is for all others.
LANGUAGES = ("en", "de")
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "row": "Row",
        "seat": "Seat",
        "type": "Ticket",
        "price": "Price",
        "code": "Reservation",
        "subtitles": "({} subtitles)",
        "title": "Tickets",
        "advice": "Show this code at the door. It lets one person in, once.",
    },
    "de": {
        "row": "Reihe",
        "seat": "Platz",
        "type": "Karte",
        "price": "Preis",
        "code": "Reservierung",
        "subtitles": "(Untertitel: {})",
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
    address: str
    version: str
    facts: Sequence[tuple[str, str]]
    code: str
    reservation: str
    advice: str
    qr_payload: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a ticket says beside its reservation; None: it is not there any more."""

    cinema: Cinema | None
    showtime: Showtime | None


def printed(
    context: TicketContext, reservation: Reservation, tickets: Sequence[Ticket], tag: str, occasion: Occasion
) -> Sequence[PrintedTicket]:
    """The tickets of a reservation in the forms of a language tag such as de or en-GB; times are the cinema's."""
    showtime, locale = showtime_of(reservation), locale_of(tag)
    formats, texts = LocaleFormats(locale), _TEXTS[locale.language]
    timezone = showtime.cinema.timezone
    return [
        PrintedTicket(
            language=locale.language,
            heading=context.site_name,
            film=showtime.movie.title,
            day=formats.day(local_time(showtime.starts_at, timezone).date()),
            clock=formats.clock(showtime.starts_at, timezone),
            place=f"{showtime.auditorium.name} · {showtime.cinema.name}",
            address=occasion.cinema.address if occasion.cinema else "",
            version=_version(occasion.showtime, formats, texts) if occasion.showtime else "",
            facts=(
                (texts["row"], ticket.seat.row_label),
                (texts["seat"], str(ticket.seat.seat_number)),
                (texts["type"], capitalized(ticket.seat.ticket_type.name)),
                (texts["price"], formats.money(ticket.seat.price, context.currency)),
            ),
            code=grouped(ticket.code),
            reservation=f"{texts['code']} {reservation.code}",
            advice=texts["advice"],
            qr_payload=ticket.qr_payload,
        )
        for ticket in tickets
    ]


def locale_of(tag: str) -> Locale:
    """The locale of a tag such as de or en-GB; without an unknown region, and English for other languages."""
    language = tag.partition("-")[0]
    if language not in _TEXTS:
        return Locale(LANGUAGES[0])
    return parse_locale(tag) or Locale(language)


def _version(showtime: Showtime, formats: LocaleFormats, texts: Mapping[str, str]) -> str:
    """Format and languages, as the pages say them: 3D, English (German subtitles)."""
    spoken = formats.language_name(showtime.audio_language) if showtime.audio_language else None
    version = ", ".join(filter(None, (showtime.format, spoken)))
    if showtime.subtitle_language is None:
        return version
    return f"{version} {texts['subtitles'].format(formats.language_name(showtime.subtitle_language))}".strip()


def text_of(name: str, language: str) -> str:
    """A text in a language: row, seat, type, price, code, title or advice."""
    return _TEXTS.get(language, _TEXTS[LANGUAGES[0]])[name]
