"""What the pages of showtimes know of a day: the cinemas, rooms and films, and the showtimes that are near it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ...http.app_keys import SETTINGS
from ..api_client import ApiClient
from ..cinemas import all_cinemas
from ..dates import date_of
from ..texts.languages import local_time
from .timeline import Slot, Timeline, conflicts_of, midnight, slot_of, timeline_of

MOST_ROOMS = 1000
MOST_SHOWTIMES = 1000
# A showtime of one day can last into the next one.
NEAR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ProgrammeDay:
    """A day of a cinema; `slots` are those of scheduled showtimes, of the nights before and after as well."""

    cinema: dict[str, Any]
    day: date
    rooms: Sequence[dict[str, Any]]
    showtimes: Sequence[dict[str, Any]]  # that start on the day, cancelled ones included
    slots: Sequence[Slot]

    @property
    def zone(self) -> ZoneInfo:
        """The cinema's time zone."""
        return ZoneInfo(self.cinema["timezone"])

    def drawn(self, marked: Slot | None = None) -> Timeline:
        """The drawing of the day."""
        return timeline_of(self.day, self.zone, self.rooms, self.slots, marked=marked)

    def conflicts(self, wanted: Slot) -> list[Slot]:
        """The showtimes that a slot overlaps."""
        return conflicts_of(wanted, self.slots)


def cleaning_s(request: web.Request) -> int:
    """How long a room is cleaned after each showtime."""
    return request.app[SETTINGS].cleaning_s


async def cinemas_and_rooms(api: ApiClient) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All cinemas and all rooms."""
    return await all_cinemas(api), await api.every("/admin/auditoriums", most=MOST_ROOMS)


async def programme_day(
    request: web.Request, cinema: dict[str, Any], rooms: Sequence[dict[str, Any]], day: date
) -> ProgrammeDay:
    """A day of a cinema, by one list of the API, or a few where there are very many showtimes."""
    zone = ZoneInfo(cinema["timezone"])
    found = await ApiClient(request).every(
        "/admin/showtimes",
        most=MOST_SHOWTIMES,
        cinema_id=cinema["id"],
        to=(midnight(day + timedelta(days=1), zone) + NEAR).isoformat(),
        **{"from": (midnight(day, zone) - NEAR).isoformat()},
    )
    starting = [each for each in found if local_time(each["starts_at"], cinema["timezone"]).date() == day]
    cleaning = cleaning_s(request)
    slots = [slot_of(each, cleaning) for each in found if each["status"] == "scheduled"]
    own_rooms = [room for room in rooms if room["cinema_id"] == cinema["id"]]
    return ProgrammeDay(cinema, day, own_rooms, starting, slots)


def day_of(text: str, timezone: str) -> date:
    """A day as a query or a form has it; today for anything else."""
    return date_of(text) or local_time(datetime.now(UTC), timezone).date()
