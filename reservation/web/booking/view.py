"""What the pages of a booking show: the showtime, whether it is on sale, its seats, and the chosen tickets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from aiohttp import web

from ...db.repository.reservation_rows import STANDARD_TICKET
from ...http.app_keys import SETTINGS
from ...http.input.path_ids import path_id
from ..api_client import ApiClient
from ..request_keys import LANGUAGE, USER
from ..seat_map.drawing import DrawnSeat, Zone
from ..seat_map.view import SeatMapView, seat_map
from ..texts.languages import Language
from ..texts.marking import mark as _
from .choice import Choice
from .waiting import Waiting, needs_waiting, waiting_in

MOST_TICKET_TYPES = 100
MOST_HOLDS = 20

CANCELLED = _("This showtime has been cancelled.")
STARTED = _("This showtime has begun, so its seats cannot be booked any more.")
ENDED = _("The sale for this showtime has ended.")
NOT_YET = _("Tickets are on sale from %(moment)s.")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A seat that was chosen, with its ticket."""

    seat: DrawnSeat
    type_id: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class BookingView:
    """The context `view` of booking.html and tickets.html."""

    showtime: Mapping[str, Any]
    cinema: Mapping[str, Any]
    closed: str | None  # why nothing can be booked; None: it can
    ticket_types: Sequence[Mapping[str, Any]]
    seat_map: SeatMapView | None  # None if it is closed
    choice: Choice
    reservation: Mapping[str, Any] | None  # that is exchanged or added to
    idempotency_key: str
    tickets: Sequence[Ticket]
    most_people: int
    holds: Sequence[Mapping[str, Any]]  # the customer's live ones of this showtime
    waiting: Waiting | None = None  # of a customer who is not admitted yet

    @property
    def total(self) -> Decimal:
        """The price of all tickets."""
        return sum((ticket.price for ticket in self.tickets), Decimal("0.00"))

    @property
    def difference(self) -> Decimal:
        """What the tickets cost more than those that are exchanged for them."""
        return self.total - Decimal(self.reservation["total_price"] if self.reservation else 0)

    @property
    def path(self) -> str:
        """The page of the map."""
        return f"/book/{self.showtime['id']}"

    def kept_types(self) -> list[int]:
        """The ticket types of the reservation whose seats are exchanged: the new seats have them at first."""
        return _kept_types(self.choice, self.reservation)

    def price(self, zone: Zone, ticket_type: Mapping[str, Any]) -> Decimal:
        """The price of a ticket in a zone."""
        return zone.ticket_price(ticket_type, Decimal(self.showtime["base_price"]))

    def seat_types(self) -> list[Zone]:
        """A zone for each type of seats, the cheapest one."""
        cheapest: dict[str, Zone] = {}
        for zone in self.seat_map.zones if self.seat_map else ():
            cheapest.setdefault(zone.seat_type, zone)
        return [*cheapest.values()]


async def booking_view(request: web.Request, choice: Choice, lost: Collection[int] = ()) -> BookingView:
    """Read what the pages show; raises NotFound for a showtime, or a reservation to change, that there is not."""
    api = ApiClient(request)
    showtime = await api.get(f"/showtimes/{path_id(request, 'showtime_id')}")
    cinema = await api.get(f"/cinemas/{showtime['cinema_id']}")
    waits = needs_waiting(request, showtime)
    closed = _closed(showtime, cinema["timezone"], request[LANGUAGE], may_wait=waits)
    most = request.app[SETTINGS].max_seats_per_hold
    waiting = await waiting_in(request, api, showtime["id"]) if waits and closed is None else None
    if closed is not None or waiting is not None:
        return BookingView(showtime, cinema, closed, [], None, choice, None, "", [], most, [], waiting)
    types = (await api.get("/ticket-types", limit=MOST_TICKET_TYPES))["items"]
    reservation, own = None, []
    if changed := choice.exchange or choice.add_to:
        reservation = await api.get(f"/reservations/{changed}")
        if reservation["showtime_id"] == showtime["id"]:
            own = [seat["seat_id"] for seat in reservation["seats"]]
    can_add = max(most - len(own), 0) if choice.add_to else most
    shown = await seat_map(
        request, showtime, chosen=choice.seat_ids, lost=lost, own=own, own_stay=bool(choice.add_to), most=can_add
    )
    holds = [] if changed or request[USER] is None else await _holds(api, showtime)
    kept = _kept_types(choice, reservation)
    tickets = _tickets(shown, types, choice, kept, Decimal(showtime["base_price"]))
    return BookingView(showtime, cinema, None, types, shown, choice, reservation, str(uuid4()), tickets, can_add, holds)


async def _holds(api: ApiClient, showtime: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The customer's live holds of a showtime, whose seats the map shows as held."""
    held = await api.get("/reservations", status="held", limit=MOST_HOLDS)
    return [each for each in held["items"] if each["showtime_id"] == showtime["id"]]


def _kept_types(choice: Choice, reservation: Mapping[str, Any] | None) -> list[int]:
    return [seat["ticket_type"]["id"] for seat in reservation["seats"]] if choice.exchange and reservation else []


def _tickets(
    shown: SeatMapView, types: Sequence[Mapping[str, Any]], choice: Choice, kept: list[int], base_price: Decimal
) -> list[Ticket]:
    by_id = {each["id"]: each for each in types}
    for seat in shown.chosen:
        if choice.ticket_types.get(seat.id) in kept:
            kept.remove(choice.ticket_types[seat.id])
    tickets = []
    for seat in shown.chosen:
        type_id = choice.ticket_types.get(seat.id) or (kept.pop(0) if kept else STANDARD_TICKET)
        kind = by_id.get(type_id) or types[0]  # one that is not sold any more
        tickets.append(Ticket(seat, kind["id"], seat.zone.ticket_price(kind, base_price)))
    return tickets


def _closed(showtime: Mapping[str, Any], timezone: str, language: Language, *, may_wait: bool) -> str | None:
    """Why nothing of a showtime can be booked; None if it can, or if customers wait for its sale to begin."""
    now = datetime.now(UTC)
    if showtime["status"] == "cancelled":
        return language.gettext(CANCELLED)
    if datetime.fromisoformat(showtime["starts_at"]) <= now:
        return language.gettext(STARTED)
    if showtime["sales_end_at"] is not None and datetime.fromisoformat(showtime["sales_end_at"]) <= now:
        return language.gettext(ENDED)
    if not may_wait and showtime["on_sale_at"] is not None and datetime.fromisoformat(showtime["on_sale_at"]) > now:
        return language.gettext(NOT_YET) % {"moment": language.moment(showtime["on_sale_at"], timezone)}
    return None
