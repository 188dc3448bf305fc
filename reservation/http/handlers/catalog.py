"""Public catalogue: movies and showtimes."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ...db.repository import movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import FAR_AHEAD, Showtime
from ...errors import NotFound
from ...runtime.fields import MAX_ID, Day, IntegerParameter, Text, TimeZone
from ..app_keys import DATABASE, QUERY
from ..input.path_ids import path_id
from ..output.schemas import MovieOutput, ShowtimeOutput
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..preconditions import conditional_response
from ..routes import Routes

routes = Routes("Catalogue")


class MoviesQuery(PageQuery):
    """Filters of the movies."""

    cursor = Cursor(int, load_default=(0,))
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


MOVIES = page_schema(MovieOutput(), "MovieListOutput")
SHOWTIMES = page_schema(ShowtimeOutput(), "ShowtimeListOutput")


@routes.add("GET", "/movies", query=MoviesQuery(), output=MOVIES)
async def list_movies(request: web.Request) -> web.StreamResponse:
    """The movies, filtered by part of the title and by genre."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await movies.list_movies(
            conn,
            after=query["cursor"][0],
            title_part=query.get("q"),
            genre=query.get("genre"),
            row_limit=query["limit"] + 1,
        )
    return page_response(request, rows, query["limit"], lambda movie: [movie.id])


@routes.add("GET", "/movies/{movie_id}", output=MovieOutput(), etag=True)
async def get_movie(request: web.Request) -> web.StreamResponse:
    """One movie."""
    return conditional_response(request, await _movie(request))


@routes.add("GET", "/movies/{movie_id}/showtimes", query=MovieShowtimesQuery(), output=SHOWTIMES)
async def list_movie_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes of one movie: on a day, or all that have not started."""
    movie = await _movie(request)
    return await _showtimes(request, movie.id)


@routes.add("GET", "/showtimes", query=ShowtimesQuery(), output=SHOWTIMES)
async def list_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes: on a day, or all that have not started."""
    return await _showtimes(request, request[QUERY].get("movie_id"))


@routes.add("GET", "/showtimes/{showtime_id}", output=ShowtimeOutput(), etag=True)
async def get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime."""
    return conditional_response(request, await find_showtime(request))


async def find_showtime(request: web.Request) -> Showtime:
    """The showtime of the path; raises NotFound."""
    async with request.app[DATABASE].connection() as conn:
        found = await showtimes.find_showtime(conn, showtime_id=path_id(request, "showtime_id"))
    if found is None:
        raise NotFound("There is no such showtime.")
    return found


async def _movie(request: web.Request) -> Movie:
    async with request.app[DATABASE].connection() as conn:
        found = await movies.find_movie(conn, movie_id=path_id(request, "movie_id"))
    if found is None:
        raise NotFound("There is no such movie.")
    return found


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
    async with request.app[DATABASE].connection() as conn:
        rows = await showtimes.list_showtimes(
            conn,
            after_start=after_start,
            after_id=after_id,
            before=before,
            movie_id=movie_id,
            row_limit=query["limit"] + 1,
        )
    return page_response(request, rows, query["limit"], lambda showtime: [showtime.starts_at, showtime.id])
