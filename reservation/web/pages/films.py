"""The page of a film: what it is, and all its showtimes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from aiohttp import web

from ..cinemas import zones_differ
from ..page_table import PageTable
from ..programme.cache import PROGRAMME, Json
from ..programme.filters import search_of
from ..programme.offers import Offer, offers
from ..rendering import render
from ..texts.languages import local_time
from .whats_on import day_names

pages = PageTable()

DayOfFilm = tuple[date, list[tuple[Json, list[Offer]]]]


@pages.get("/films/{movie_id:[0-9]+}")
async def film_page(request: web.Request) -> web.StreamResponse:
    """The film with its showtimes by day and cinema, in the cinema of the address if there is one."""
    movie_id, programme = request.match_info["movie_id"], request.app[PROGRAMME]
    film = await programme.film(request, movie_id)
    cinemas = await programme.cinemas(request)
    offered = offers(await programme.of_film(request, movie_id), cinemas)
    cinema_id = search_of(request, cinemas).cinema_id
    here = [each for each in offered if cinema_id in (None, each.cinema["id"])]
    last = None if offered else await programme.last_of_film(request, movie_id)
    shown_in = [each for each in cinemas.values() if any(offer.cinema["id"] == each["id"] for offer in offered)]
    return render(
        request,
        "film.html",
        film=film,
        days=_by_day(here),
        cinemas=shown_in,
        shows_zone=cinema_id is None and zones_differ(shown_in),
        cinema=cinemas.get(cinema_id) if cinema_id is not None else None,
        elsewhere=len(offered) - len(here),
        last=offers([last], cinemas)[0].day if last else None,
        day_name=day_names(request, {local_time(datetime.now(UTC), each["timezone"]).date() for each in shown_in}),
    )


def _by_day(offered: Iterable[Offer]) -> Sequence[DayOfFilm]:
    days: dict[date, dict[int, tuple[Json, list[Offer]]]] = {}
    for offer in offered:
        of_cinema = days.setdefault(offer.day, {}).setdefault(offer.cinema["id"], (offer.cinema, []))
        of_cinema[1].append(offer)
    return [(day, list(days[day].values())) for day in sorted(days)]
