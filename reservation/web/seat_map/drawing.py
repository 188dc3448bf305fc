"""The markup of a room's seats, one checkbox each: drawn once for a layout, price and language, then filled in.

A page joins the parts that are kept with the status of each seat, so that a page of 300 seats costs some 50 us.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.numbers import format_currency
from markupsafe import Markup, escape

from ..texts.languages import Language
from ..texts.marking import mark as _
from .geometry import RoomRow, rows_of_room

CENT = Decimal("0.01")
COLOURS = 6  # of zones, in static/seat_map.css

TYPE_NAMES = {
    "regular": _("regular"),
    "premium": _("premium"),
    "wheelchair": _("wheelchair place"),
    "companion": _("companion seat"),
}
# How a seat is shown: the end of its name, and the attributes of its checkbox. The first four are the API's statuses.
STATES = {
    "a": (_("available"), ""),
    "h": (_("held"), ' class="held" disabled'),
    "b": (_("taken"), ' class="booked" disabled'),
    "x": (_("not for sale"), ' class="blocked" disabled'),
    "chosen": (_("available"), " checked"),
    "own": (_("yours already"), ' class="own"'),
    "own-chosen": (_("yours already"), ' class="own" checked'),
    "own-kept": (_("yours already"), ' class="own" disabled'),
    "lost": (_("just taken by another customer"), ' class="lost" disabled'),
}
SYMBOLS = {"regular": "seat", "wheelchair": "seat-wheelchair", "companion": "seat-companion"}


@dataclass(frozen=True, slots=True)
class Zone:
    """The seats of one type and price."""

    number: int
    seat_type: str
    name: str
    symbol: str
    price: Decimal
    modifier: Decimal
    spoken: str  # name and price, in the name of a seat

    @property
    def colour(self) -> int:
        """Which of the zones' colours it has."""
        return self.number % COLOURS

    def ticket_price(self, ticket_type: Mapping[str, Any], base_price: Decimal) -> Decimal:
        """The price of a ticket here: (base_price x price_factor, or fixed_price) x price_modifier, rounded half up."""
        fixed = ticket_type["fixed_price"]
        start = base_price * Decimal(ticket_type["price_factor"]) if fixed is None else Decimal(fixed)
        return (start * self.modifier).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class DrawnSeat:
    """A seat as people call it, and its zone."""

    id: int
    name: str
    zone: Zone


@dataclass(frozen=True, slots=True)
class SeatDrawing:
    """The markup of a room between the seats' statuses, and what the page says of its seats."""

    parts: tuple[str, ...]  # before the first status, between two of them, and after the last one
    order: tuple[int, ...]  # the drawn seats by their indexes in the layout
    endings: Mapping[str, str]  # of a seat, by its state
    seats: tuple[DrawnSeat, ...]  # as in the layout
    index_of: Mapping[int, int]  # by seat id
    zones: tuple[Zone, ...]
    layout_version: int
    layout_etag: str | None

    @property
    def size(self) -> int:
        """Its bytes, about."""
        return sum(map(len, self.parts)) + 300 * len(self.seats)

    def fill(self, statuses: str, states: Mapping[int, str]) -> Markup:
        """The markup with the API's statuses, in which some seats have other states, by their indexes."""
        ends = [self.endings[status] for status in statuses]
        for index, state in states.items():
            ends[index] = self.endings[state]
        pieces = [""] * (2 * len(self.order) + 1)
        pieces[::2] = self.parts
        pieces[1::2] = [ends[index] for index in self.order]
        return Markup("".join(pieces))  # noqa: S704 - of labels, types and translations, which are escaped below


def draw_seats(
    layout: Mapping[str, Any], layout_etag: str | None, *, base_price: Decimal, currency: str, language: Language
) -> SeatDrawing:
    """Draw a layout of the API; takes some 10 ms for 300 seats."""
    seats: Sequence[Mapping[str, Any]] = layout["seats"]
    zones = _zones(seats, base_price, currency, language)
    drawn = tuple(_drawn_seats(seats, zones, language))
    parts, order, text = [], [], ""
    for row in rows_of_room(seats):
        text += '<div class="seat-walk"></div>' * row.walks_before + _row_start(row)
        for index in row.cells:
            if index is None:
                text += "<i></i>"
                continue
            parts.append(text + _opening(drawn[index]))
            order.append(index)
            text = _ending(drawn[index], seats[index]["seat_number"])
        text += f'<b aria-hidden="true">{escape(row.right_label)}</b></div>'
    parts.append(text)
    endings = {state: f'{escape(language.gettext(word))}"{more}' for state, (word, more) in STATES.items()}
    index_of = {seat.id: index for index, seat in enumerate(drawn)}
    return SeatDrawing(
        tuple(parts),
        tuple(order),
        endings,
        drawn,
        index_of,
        tuple(zones.values()),
        layout["version"],
        layout_etag,
    )


def _zones(
    seats: Iterable[Mapping[str, Any]], base_price: Decimal, currency: str, language: Language
) -> dict[tuple[str, str], Zone]:
    """By type and price modifier, the cheapest first, wheelchair places and companion seats last."""
    found = {(seat["seat_type"], seat["price_modifier"]) for seat in seats}
    ordered = sorted(found, key=lambda zone: (zone[0] in ("wheelchair", "companion"), Decimal(zone[1]), zone[0]))
    zones = {}
    for number, (kind, modifier) in enumerate(ordered):
        name = language.gettext(TYPE_NAMES[kind]) if kind in TYPE_NAMES else kind.replace("-", " ")
        price = (base_price * Decimal(modifier)).quantize(CENT, ROUND_HALF_UP)
        spoken = f"{name}, {format_currency(price, currency, '#,##0.00 ¤¤', locale=language.locale)}"
        symbol = SYMBOLS.get(kind, "seat-special")
        zones[kind, modifier] = Zone(number, kind, name, symbol, price, Decimal(modifier), spoken)
    return zones


def _drawn_seats(
    seats: Iterable[Mapping[str, Any]], zones: Mapping[tuple[str, str], Zone], language: Language
) -> Iterator[DrawnSeat]:
    place = language.gettext(_("Row %(row)s, seat %(number)s"))
    for seat in seats:
        name = place % {"row": seat["row_label"], "number": seat["seat_number"]}
        yield DrawnSeat(seat["id"], name, zones[seat["seat_type"], seat["price_modifier"]])


def _row_start(row: RoomRow) -> str:
    return f'<div class="seat-row"><b aria-hidden="true">{escape(row.left_label)}</b>'


def _opening(seat: DrawnSeat) -> str:
    """A seat up to its status."""
    zone, name = seat.zone, escape(f"{seat.name}, {seat.zone.spoken}, ")
    return (
        f'<label class="seat zone-{zone.colour}" data-zone="{zone.number}">'
        f'<input type="checkbox" name="seat_id" value="{seat.id}" aria-label="{name}'
    )


def _ending(seat: DrawnSeat, number: int) -> str:
    """A seat after its status."""
    picture = f'<use href="#{seat.zone.symbol}"/><text x="12" y="14.5">{number}</text>'
    return f'><svg viewBox="0 0 24 24" aria-hidden="true">{picture}</svg></label>'
