"""How the showtimes that are on sale sell: those of today and tomorrow in one cinema, again every few seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import all_cinemas, cinema_or_first
from ...page_table import PageTable
from ...programme.offers import is_on_sale
from ...rendering import render
from ...texts.languages import local_time

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

MOST_SHOWTIMES = 100  # of a day


@dataclass(frozen=True, slots=True)
class Occupancy:
    """A showtime and the number of its seats by status; each seat has one."""

    showtime: Mapping[str, Any]
    sold: int
    held: int
    blocked: int
    left: int

    @property
    def seats(self) -> int:
        """All seats."""
        return self.sold + self.held + self.blocked + self.left

    @property
    def percent(self) -> int:
        """The part that is sold."""
        return round(100 * self.sold / self.seats) if self.seats else 0


@pages.get("/manage/occupancy")
async def show_occupancy(request: web.Request) -> web.StreamResponse:
    """The seats sold, held, blocked and left of each showtime."""
    api, now = ApiClient(request), datetime.now(UTC)
    cinemas = await all_cinemas(api)
    cinema = cinema_or_first(cinemas, request.query.get("cinema_id"))
    days = []
    if cinema is not None:
        today = local_time(now, cinema["timezone"]).date()
        days = [(day, await _day(api, cinema["id"], day, now)) for day in (today, today + timedelta(days=1))]
    return render(request, "manage/occupancy.html", cinemas=cinemas, cinema=cinema, days=days, now=now)


async def _day(api: ApiClient, cinema_id: int, day: date, now: datetime) -> Sequence[Occupancy]:
    showtimes = await api.every(
        "/admin/showtimes", most=MOST_SHOWTIMES, cinema_id=cinema_id, date=day.isoformat(), status="scheduled"
    )
    return await asyncio.gather(*(_occupancy(api, each) for each in showtimes if is_on_sale(each, now)))


async def _occupancy(api: ApiClient, showtime: Mapping[str, Any]) -> Occupancy:
    statuses = (await api.get(f"/showtimes/{showtime['id']}/seats", fields="status"))["statuses"]
    sold, held, blocked, left = (statuses.count(letter) for letter in "bhxa")
    return Occupancy(showtime, sold, held, blocked, left)
