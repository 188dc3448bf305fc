"""The box office's first page: the showtimes that are sold now, by number, and the sale that was just made."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ....errors import NotFound
from ....http.routes import Access
from ...api_client import ApiClient
from ...cinemas import all_cinemas, cinema_or_first
from ...dates import date_of
from ...forms import number_of
from ...page_table import PageTable, see_other
from ...programme.offers import is_on_sale
from ...rendering import render
from ...request_keys import FORM
from ...seat_map.names import names_of
from ...sessions.cookies import YEAR_S, set_cookie
from ...showtimes.timeline import midnight
from ...texts.languages import local_time

pages = PageTable(Access.STAFF)

CINEMA_COOKIE = "__Host-cinema"
MOST_SHOWTIMES = 200
# A sale can go on for a while after the start.
LONGEST_AGO = timedelta(hours=6)


@pages.get("/box-office")
async def box_office(request: web.Request) -> web.StreamResponse:
    """Today's showtimes at the chosen cinema; `day` is another day, `sold` the reservation that was just sold."""
    api, now = ApiClient(request), datetime.now(UTC)
    cinemas = await all_cinemas(api)
    cinema = cinema_or_first(cinemas, request.cookies.get(CINEMA_COOKIE))
    if cinema is None:
        return render(request, "box_office/showtimes.html", cinemas=[], cinema=None)
    zone = ZoneInfo(cinema["timezone"])
    today = now.astimezone(zone).date()
    sold = await _sold(api, request.query.get("sold", ""))
    # After a sale, the list is that of its day.
    sold_day = local_time(sold["showtime"]["starts_at"], cinema["timezone"]).date() if sold else today
    day = max(date_of(request.query.get("day", "")) or sold_day, today)
    showtimes = await _on_sale(api, cinema["id"], day, zone, now)
    return render(
        request,
        "box_office/showtimes.html",
        cinemas=cinemas,
        cinema=cinema,
        showtimes=showtimes,
        next_day=None if showtimes else await _next_day(api, cinema, midnight(day + timedelta(days=1), zone)),
        chosen_day=day,
        today=today,
        days=[today + timedelta(days=ahead) for ahead in range(7)],
        sold=sold,
        sold_seats=names_of(sold["seats"]) if sold else "",
        wrong_number=request.query.get("number"),
    )


@pages.get("/box-office/showtime")
async def choose_showtime(request: web.Request) -> web.StreamResponse:
    """Go on with the showtime that had this number in the list as it was shown."""
    number, listed = request.query.get("number", "").strip(), request.query.get("listed", "").split(",")
    place = number_of(number)
    if place is not None and 1 <= place <= len(listed) and (chosen := number_of(listed[place - 1])) is not None:
        return see_other(f"/box-office/sale/{chosen}")
    return see_other(str(request.rel_url.with_path("/box-office").with_query({"number": number[:10]})))


@pages.post("/box-office/cinema")
async def choose_cinema(request: web.Request) -> web.StreamResponse:
    """Keep the cinema whose box office this browser is at."""
    chosen = request[FORM].get("cinema_id", "")
    if number_of(chosen) is not None:
        set_cookie(request, CINEMA_COOKIE, chosen, max_age_s=YEAR_S)
    return see_other("/box-office")


async def _on_sale(api: ApiClient, cinema_id: int, day: date, zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """The showtimes of a day that can be sold: those to come, then those that have begun."""
    begin = midnight(day, zone)
    if begin <= now:
        begin = now - LONGEST_AGO  # also those that began before midnight
    end = midnight(day + timedelta(days=1), zone)
    found = await api.every(
        "/showtimes",
        most=MOST_SHOWTIMES,
        cinema_id=cinema_id,
        to=end.isoformat(),
        **{"from": begin.isoformat()},
    )
    sold = [each for each in found if is_on_sale(each, now)]
    return sorted(sold, key=lambda each: datetime.fromisoformat(each["starts_at"]) <= now)


async def _next_day(api: ApiClient, cinema: dict[str, Any], after: datetime) -> date | None:
    """The day of the cinema's first showtime after a time; None if there is none."""
    found = await api.get("/showtimes", cinema_id=cinema["id"], limit=1, **{"from": after.isoformat()})
    return next((local_time(each["starts_at"], cinema["timezone"]).date() for each in found["items"]), None)


async def _sold(api: ApiClient, reservation_id: str) -> dict[str, Any] | None:
    try:
        return dict(await api.get(f"/admin/reservations/{reservation_id}")) if reservation_id else None
    except NotFound:
        return None


async def chosen_cinema(request: web.Request, api: ApiClient) -> dict[str, Any] | None:
    """The cinema of this browser's box office, else the first; None if there is none."""
    return cinema_or_first(await all_cinemas(api), request.cookies.get(CINEMA_COOKIE))
