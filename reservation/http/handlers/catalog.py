"""Public catalogue: cinemas, movies and showtimes."""

from dataclasses import fields as dataclass_fields
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ...db.repository import cinemas, movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import FAR_AHEAD, Showtime
from ...runtime.fields import MAX_ID, Day, IntegerParameter, Text, TimeZone
from ..app_keys import QUERY, SETTINGS
from ..input.path_ids import find_row
from ..output.schemas import CinemaOutput, MovieOutput, ShowtimeOutput
from ..paging import Cursor, PageByIdQuery, PageQuery, page_by_id, page_response, page_schema
from ..preconditions import conditional_response
from ..routes import Routes

routes = Routes("Catalogue")


class MoviesQuery(PageByIdQuery):
    """Filters of the movies."""

    q = Text(300, metadata={"description": "Part of the title; case does not matter"})
    genre = Text(100, metadata={"description": "The genre; case does not matter"})


class MovieShowtimesQuery(PageQuery):
    """Filters of a movie's showtimes."""

    cursor = Cursor(datetime, int)
    date = Day(metadata={"description": "Showtimes that start on this day; without it, those that have not started"})
    tz = TimeZone(metadata={"description": "Time zone of `date`, as an IANA name; UTC if not given"})


class ShowtimesQuery(MovieShowtimesQuery):
    """Filters of the showtimes."""

    movie_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes of this movie"})


CINEMAS = page_schema(CinemaOutput())
MOVIES = page_schema(MovieOutput())
SHOWTIMES = page_schema(ShowtimeOutput())
SHOWTIME_COLUMNS = tuple(field.name for field in dataclass_fields(Showtime))


@routes.add("GET", "/cinemas", query=PageByIdQuery(), output=CINEMAS)
async def list_cinemas(request: web.Request) -> web.StreamResponse:
    """All cinemas."""
    return await page_by_id(request, cinemas.list_cinemas)


@routes.add("GET", "/cinemas/{cinema_id}", output=CinemaOutput(), etag=True)
async def get_cinema(request: web.Request) -> web.StreamResponse:
    """One cinema."""
    found = await find_row(request, "cinema", lambda conn, row_id: cinemas.find_cinema(conn, cinema_id=row_id))
    return conditional_response(request, found)


@routes.add("GET", "/movies", query=MoviesQuery(), output=MOVIES)
async def list_movies(request: web.Request) -> web.StreamResponse:
    """The movies, filtered by part of the title and by genre."""
    query: dict[str, Any] = request[QUERY]
    read = partial(movies.list_movies, title_part=query.get("q"), genre=query.get("genre"))
    return await page_by_id(request, read)


@routes.add("GET", "/movies/{movie_id}", output=MovieOutput(), etag=True)
async def get_movie(request: web.Request) -> web.StreamResponse:
    """One movie."""
    return conditional_response(request, await _movie(request))


@routes.add("GET", "/movies/{movie_id}/showtimes", query=MovieShowtimesQuery(), output=SHOWTIMES)
async def list_movie_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes of one movie: on a day, or all that have not started."""
    return await _showtimes(request, (await _movie(request)).id)


@routes.add("GET", "/showtimes", query=ShowtimesQuery(), output=SHOWTIMES)
async def list_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes: on a day, or all that have not started."""
    return await _showtimes(request, request[QUERY].get("movie_id"))


@routes.add("GET", "/showtimes/{showtime_id}", output=ShowtimeOutput(), etag=True)
async def get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime."""
    found = await find_row(request, "showtime", lambda conn, row_id: showtimes.find_showtime(conn, showtime_id=row_id))
    return conditional_response(request, showtime_json(request, found), version=found)


async def _movie(request: web.Request) -> Movie:
    return await find_row(request, "movie", lambda conn, movie_id: movies.find_movie(conn, movie_id=movie_id))


async def showtimes_page(
    request: web.Request, after_start: datetime | None, after_id: int, before: datetime, movie_id: int | None
) -> web.StreamResponse:
    """A page of the showtimes that start after `after_start` (None: now) and before `before`."""
    return await page_response(
        request,
        lambda conn, rows: showtimes.list_showtimes(
            conn, after_start=after_start, after_id=after_id, before=before, movie_id=movie_id, row_limit=rows
        ),
        lambda showtime: [showtime.starts_at, showtime.id],
        lambda showtime: showtime_json(request, showtime),
    )


def showtime_json(request: web.Request, showtime: Showtime) -> dict[str, object]:
    """A showtime as the API shows it: its columns and the currency. Its ETag is that of the columns."""
    shown = {name: getattr(showtime, name) for name in SHOWTIME_COLUMNS}
    shown["currency"] = request.app[SETTINGS].currency
    return shown


async def _showtimes(request: web.Request, movie_id: int | None) -> web.StreamResponse:
    query: dict[str, Any] = request[QUERY]
    earliest: datetime | None = None  # None: now, by the database's clock
    before = FAR_AHEAD
    if "date" in query:
        zone = query.get("tz", ZoneInfo("UTC"))
        earliest = datetime.combine(query["date"], time(), zone)
        before = datetime.combine(query["date"] + timedelta(days=1), time(), zone)
    after_start, after_id = query.get("cursor", (earliest, 0))
    if earliest is not None:  # a cursor from another list must not lead to another day
        after_start, after_id = max((after_start, after_id), (earliest, 0))
    return await showtimes_page(request, after_start, after_id, before, movie_id)
