"""Sales as a cinema's clerk would write them down: from the answers of the API, with sums made in Python."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.api import Api


class Ticket(NamedTuple):
    """A seat of a reservation with what it cost."""

    showtime_id: int
    row_label: str
    seat_number: int
    ticket_type_id: int
    price: Decimal


class Moved(NamedTuple):
    """A seat that was sold (sign 1) or given back (-1)."""

    at: datetime
    ticket: Ticket
    sign: int
    channel: str


@dataclass(slots=True)
class Sale:
    """A reservation: what it has, and what it had at each step since its confirm."""

    channel: str
    steps: list[Counter[Ticket]] = field(default_factory=list)  # what was confirmed, then after each change
    is_cancelled: bool = False

    def answered(self, reservation: dict[str, Any], *, is_change: bool = False) -> None:
        """Note a reservation as the API has answered it, after a request that succeeded, or that changed its seats."""
        status = reservation["status"]
        if status == "cancelled":
            self.is_cancelled = True
        elif status == "confirmed" and (is_change or not self.steps):
            self.steps.append(tickets_of(reservation))

    def moved(self, kept: dict[str, Any]) -> Iterable[Moved]:
        """All seats that were sold and given back, at the times that the box office sees."""
        if not self.steps:
            return
        # The newest come first; those of the hold are older than those since the confirm.
        changes = [change["changed_at"] for change in kept["changes"]][: len(self.steps) - 1]
        times = [kept["confirmed_at"], *reversed(changes)]
        before: Counter[Ticket] = Counter()
        for at, after in zip(times, self.steps, strict=True):
            yield from self._moves(at, after - before, 1)
            yield from self._moves(at, before - after, -1)
            before = after
        if self.is_cancelled:
            yield from self._moves(kept["cancelled_at"], before, -1)

    def _moves(self, at: str, tickets: Counter[Ticket], sign: int) -> Iterable[Moved]:
        for ticket in tickets.elements():
            yield Moved(datetime.fromisoformat(at), ticket, sign, self.channel)


def tickets_of(reservation: dict[str, Any]) -> Counter[Ticket]:
    """The seats of an answered reservation."""
    return Counter(
        Ticket(
            reservation["showtime_id"],
            seat["row_label"],
            seat["seat_number"],
            seat["ticket_type"]["id"],
            Decimal(seat["price"]),
        )
        for seat in reservation["seats"]
    )


async def moves_of(api: Api, sales: dict[str, Sale]) -> list[Moved]:
    """All that was sold and given back in some reservations."""
    moves: list[Moved] = []
    for reservation_id, sale in sales.items():
        kept = await api.call("GET", f"/admin/reservations/{reservation_id}", who=await api.admin())
        moves += sale.moved(kept.json)
    return moves


def summed(moves: Iterable[Moved], key: Callable[[Moved], Any]) -> dict[Any, dict[str, Any]]:
    """The figures of a report by a key."""
    sums: dict[Any, dict[str, Any]] = defaultdict(
        lambda: {"seats": 0, "revenue": Decimal(0), "refunded_seats": 0, "refunds": Decimal(0)}
    )
    for move in moves:
        figures = sums[key(move)]
        names = ("seats", "revenue") if move.sign > 0 else ("refunded_seats", "refunds")
        figures[names[0]] += 1
        figures[names[1]] += move.ticket.price
    return {each: as_answered(figures) for each, figures in sums.items()}


def as_answered(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures in the form of an answer."""
    net = figures["revenue"] - figures["refunds"]
    return {
        name: f"{value:.2f}" if isinstance(value, Decimal) else value
        for name, value in (figures | {"net": net}).items()
    }


def figures_of(item: dict[str, Any]) -> dict[str, Any]:
    """The figures of a row of a report."""
    return {name: item[name] for name in ("seats", "revenue", "refunded_seats", "refunds", "net")}


def day_in(timezone: str) -> Callable[[Moved], str]:
    """The key of a move by its day in a time zone."""
    zone = ZoneInfo(timezone)
    return lambda move: move.at.astimezone(zone).date().isoformat()
