"""What is on: the films of a day with their showtimes, by cinema, and the films of other days."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web
from markupsafe import Markup

from ..cinemas import zones_differ
from ..page_table import PageTable
from ..programme.cache import DAYS_AHEAD, PROGRAMME, Json, Upcoming
from ..programme.filters import Search, search_of
from ..programme.offers import Offer, offers
from ..rendering import render, render_part
from ..request_keys import LANGUAGE
from ..texts.languages import local_time
from ..texts.marking import mark as _

MAX_OTHER_FILMS = 24

pages = PageTable()


@dataclass(slots=True)
class FilmOnDay:
    """A film with its showtimes of a day, by cinema."""

    film: Json
    cinemas: list[tuple[Json, list[Offer]]] = field(default_factory=list)

    def add(self, offer: Offer) -> None:
        """Add a showtime; they come in the order of the time of day at their cinemas."""
        for cinema, offered in self.cinemas:
            if cinema["id"] == offer.cinema["id"]:
                offered.append(offer)
                return
        self.cinemas.append((offer.cinema, [offer]))


@dataclass(frozen=True, slots=True)
class StripDay:
    """A day of the date strip; its address is None if nothing is shown."""

    day: date
    address: str | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The page for a question, without what is a visitor's own: the day that it shows, and the content."""

    day: date
    day_name: Mapping[date, str]
    html: Markup


@pages.get("/")
async def whats_on(request: web.Request) -> web.StreamResponse:
    """The films of the day that is asked for, or of the first day that has what is asked for."""
    programme = request.app[PROGRAMME]
    cinemas = await programme.cinemas(request)
    search = search_of(request, cinemas)
    upcoming = await programme.upcoming(request, search.cinema_id)
    key = search, request[LANGUAGE]
    shown = upcoming.made.get(key) or upcoming.remember(key, await _shown(request, search, cinemas, upcoming))
    response = render(request, "whats_on.html", shown=shown)
    if "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers:
        response.headers["HX-Push-Url"] = search.address()  # without the fields of the form that are empty
    return response


async def _shown(request: web.Request, search: Search, cinemas: Mapping[int, Json], upcoming: Upcoming) -> Shown:
    programme = request.app[PROGRAMME]
    films = await programme.films(request)
    offered = offers(upcoming.showtimes, cinemas)
    fitting = [each for each in offered if search.fits(each) and search.fits_film(_film(films, each))]
    todays = _todays(cinemas, search.cinema_id)
    chosen = search.day or (fitting[0].day if fitting else min(todays))
    known_before = min(todays) + timedelta(days=DAYS_AHEAD)
    if not upcoming.is_complete:  # the same moment is on two days, in two time zones
        known_before = offered[-1].day - timedelta(days=1) if offered else min(todays)
    on_day = [each for each in fitting if each.day == chosen]
    if chosen >= known_before:
        of_day = offers(await programme.on_day(request, chosen, search.cinema_id), cinemas)
        on_day = [each for each in of_day if search.fits(each) and search.fits_film(_film(films, each))]
    on_day.sort(key=lambda each: local_time(each.showtime["starts_at"], each.timezone).replace(tzinfo=None))
    by_film, day_name = _by_film(on_day, films), day_names(request, todays)
    html = render_part(
        request,
        "whats_on_main.html",
        search=search,
        chosen_day=chosen,
        day_name=day_name,
        strip=list(_strip(search, chosen, min(todays), {each.day for each in fitting}, known_before)),
        cinemas=cinemas,
        shows_zone=search.cinema_id is None and zones_differ(cinemas.values()),
        films=by_film,
        other_films=_other_films(fitting, chosen, films, {each.film["id"] for each in by_film}),
        next_day=_next_day(fitting, chosen),
        choices=_choices(request, (await programme.upcoming(request, None)).showtimes, films, search),
    )
    return Shown(chosen, day_name, html)


def day_names(request: web.Request, todays: set[date]) -> Mapping[date, str]:
    """The names of today and tomorrow, if it is the same day in all cinemas."""
    if len(todays) != 1:
        return {}
    [today] = todays
    language = request[LANGUAGE]
    return {today: language.gettext(_("Today")), today + timedelta(days=1): language.gettext(_("Tomorrow"))}


def _todays(cinemas: Mapping[int, Json], cinema_id: int | None) -> set[date]:
    """Which day it is in the cinemas."""
    now = datetime.now(UTC)
    shown = cinemas.values() if cinema_id is None else (cinemas[cinema_id],)
    return {local_time(now, each["timezone"]).date() for each in shown} or {now.date()}


def _film(films: Mapping[int, Json], offer: Offer) -> Json:
    """The film of a showtime; what is known of it, if it is so new that the list of films lacks it."""
    known = films.get(offer.showtime["movie_id"])
    if known is not None:
        return known
    nothing = dict.fromkeys(("poster_url", "age_rating", "director", "duration_minutes", "description"))
    return nothing | {"id": offer.showtime["movie_id"], "title": offer.showtime["movie_title"], "genres": []}


def _by_film(offered: Iterable[Offer], films: Mapping[int, Json]) -> Sequence[FilmOnDay]:
    """The films of showtimes, that with the earliest first."""
    found: dict[int, FilmOnDay] = {}
    for offer in offered:
        film_id = offer.showtime["movie_id"]
        if film_id not in found:
            found[film_id] = FilmOnDay(_film(films, offer))
        found[film_id].add(offer)
    return list(found.values())


def _other_films(
    fitting: Iterable[Offer], chosen: date, films: Mapping[int, Json], shown: set[int]
) -> Sequence[tuple[Json, date]]:
    """Films that are not shown on the chosen day, each with its next day."""
    found: dict[int, tuple[Json, date]] = {}
    for offer in fitting:
        film_id = offer.showtime["movie_id"]
        if film_id not in shown and film_id not in found and offer.day != chosen:
            found[film_id] = _film(films, offer), offer.day
            if len(found) == MAX_OTHER_FILMS:
                break
    return list(found.values())


def _next_day(fitting: Sequence[Offer], chosen: date) -> date | None:
    """The next day with showtimes; the first one, if there is none later."""
    days = [each.day for each in fitting if each.day != chosen]
    return next((day for day in days if day > chosen), days[0] if days else None)


def _strip(search: Search, chosen: date, today: date, days: set[date], known_before: date) -> Iterator[StripDay]:
    """The next days; those of which not all is known are taken to have showtimes."""
    for ahead in range(DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        has_showtimes = day in days or day >= known_before
        yield StripDay(day, search.on(day).address() if has_showtimes else None, day == chosen)


def _choices(
    request: web.Request, showtimes: Iterable[Json], films: Mapping[int, Json], search: Search
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Values and texts of the filters, of all cinemas, with what is chosen now."""
    genres = {genre for film in films.values() for genre in film["genres"]} | {search.genre}
    formats, languages = {search.format}, {search.language}
    for showtime in showtimes:
        formats.add(showtime["format"] or "")
        languages.add(showtime["audio_language"] or "")
    named: Any = request[LANGUAGE].language_name
    return {
        "genre": [(each, each) for each in sorted(genres - {""}, key=str.casefold)],
        "format": [(each, each) for each in sorted(formats - {""}, key=str.casefold)],
        "language": sorted(((each, named(each)) for each in languages - {""}), key=lambda each: each[1]),
    }
