"""Showtimes as visitors choose among them: where and when, in which version, from which price, and how full."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ..texts.languages import local_time

# From so few seats on, as a share of the room or as a number, a showtime is almost full.
FEW_SHARE = 0.15
FEW_SEATS = 4


@dataclass(frozen=True, slots=True)
class Offer:
    """A showtime as the API has it, with its cinema and the state of its sale.

    States: open, few (almost full), sold_out, later (not on sale yet), ended (no longer on sale), cancelled.
    """

    showtime: Mapping[str, Any]
    cinema: Mapping[str, Any]
    day: date  # at its cinema
    state: str

    @property
    def timezone(self) -> str:
        """The time zone in which its times are shown."""
        return str(self.cinema["timezone"])

    @property
    def percent_taken(self) -> int:
        """How full it is; between 1 and 99 unless it is empty or full."""
        capacity, left = self.showtime["capacity"], self.showtime["seats_left"]
        if left <= 0 or capacity <= 0:
            return 100
        return 0 if left >= capacity else min(max(round(100 * (capacity - left) / capacity), 1), 99)


def offers(
    showtimes: Iterable[Mapping[str, Any]], cinemas: Mapping[int, Mapping[str, Any]], *, now: datetime | None = None
) -> list[Offer]:
    """Showtimes with their cinemas, which are given by their ids; a showtime of another cinema is left out."""
    moment = now or datetime.now(UTC)
    return [_offer(each, cinemas[each["cinema_id"]], moment) for each in showtimes if each["cinema_id"] in cinemas]


def is_on_sale(showtime: Mapping[str, Any], now: datetime) -> bool:
    """Whether its sale has begun and has not ended, whatever seats are left."""
    return not _is_early(showtime, now) and not _is_late(showtime, now)


def _is_early(showtime: Mapping[str, Any], now: datetime) -> bool:
    return showtime["on_sale_at"] is not None and datetime.fromisoformat(showtime["on_sale_at"]) > now


def _is_late(showtime: Mapping[str, Any], now: datetime) -> bool:
    return datetime.fromisoformat(showtime["sales_end_at"] or showtime["starts_at"]) <= now


def _offer(showtime: Mapping[str, Any], cinema: Mapping[str, Any], now: datetime) -> Offer:
    day = local_time(showtime["starts_at"], cinema["timezone"]).date()
    return Offer(showtime, cinema, day, _state(showtime, now))


def _state(showtime: Mapping[str, Any], now: datetime) -> str:
    left, capacity = showtime["seats_left"], showtime["capacity"]
    if showtime["status"] == "cancelled":
        return "cancelled"
    if _is_late(showtime, now):
        return "ended"
    if _is_early(showtime, now):
        return "later"
    if left <= 0:
        return "sold_out"
    return "few" if left <= max(capacity * FEW_SHARE, FEW_SEATS) and left < capacity else "open"
