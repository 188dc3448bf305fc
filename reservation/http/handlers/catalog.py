"""What is on: films and showtimes, for everybody."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from marshmallow import Schema, fields

from ...db.repository import movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import FAR_AHEAD, Showtime
from ...errors import NotFound
from ...runtime.fields import MAX_ID, Day, Id, Instant, Money, Text, TimeZone, WholeText
from ..app_keys import DATABASE, QUERY
from ..paging import Cursor, PageQuery, listing, page
from ..preconditions import current
from ..routes import Routes, path_id

routes = Routes("Catalogue")


class MovieOutput(Schema):
    """A film."""

    id = Id(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    duration_minutes = fields.Integer(required=True)
    poster_url = fields.String(required=True, allow_none=True)
    genre = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ShowtimeOutput(Schema):
    """One showing of a film."""

    id = Id(required=True)
    movie_id = Id(required=True)
    movie_title = fields.String(required=True)
    auditorium_id = Id(required=True)
    auditorium_name = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    base_price = Money(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class MoviesQuery(PageQuery):
    """Which films."""

    cursor = Cursor(int, load_default=(0,))
    q = Text(300, metadata={"description": "Part of the title, whatever its case"})
    genre = Text(100, metadata={"description": "The genre, whatever its case"})


class MovieShowtimesQuery(PageQuery):
    """Which showtimes of a film."""

    cursor = Cursor(datetime, int)
    date = Day(metadata={"description": "Those that start on this day; without it, those still to come"})
    tz = TimeZone(metadata={"description": "Time zone of the day, by its IANA name; UTC if not given"})


class ShowtimesQuery(MovieShowtimesQuery):
    """Which showtimes."""

    movie_id = WholeText(1, MAX_ID, metadata={"description": "Of this film only"})


MOVIES = listing(MovieOutput(), "MovieListOutput")
SHOWTIMES = listing(ShowtimeOutput(), "ShowtimeListOutput")


@routes.add("GET", "/movies", query=MoviesQuery(), answer=MOVIES)
async def list_movies(request: web.Request) -> web.StreamResponse:
    """The films, found by a part of their title or by genre."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await movies.list_movies(
            conn,
            after=query["cursor"][0],
            title_part=query.get("q"),
            genre=query.get("genre"),
            row_limit=query["limit"] + 1,
        )
    return page(request, rows, query["limit"], lambda movie: [movie.id])


@routes.add("GET", "/movies/{movie_id}", answer=MovieOutput(), etag=True)
async def get_movie(request: web.Request) -> web.StreamResponse:
    """One film."""
    return current(request, await _movie(request))


@routes.add("GET", "/movies/{movie_id}/showtimes", query=MovieShowtimesQuery(), answer=SHOWTIMES)
async def list_movie_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes of one film: on a day, or all that are still to come."""
    movie = await _movie(request)
    return await _showtimes(request, movie.id)


@routes.add("GET", "/showtimes", query=ShowtimesQuery(), answer=SHOWTIMES)
async def list_showtimes(request: web.Request) -> web.StreamResponse:
    """The programme: on a day, or all that is still to come."""
    return await _showtimes(request, request[QUERY].get("movie_id"))


@routes.add("GET", "/showtimes/{showtime_id}", answer=ShowtimeOutput(), etag=True)
async def get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime."""
    return current(request, await find_showtime(request))


async def find_showtime(request: web.Request) -> Showtime:
    """The showtime that the path names; raises NotFound."""
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
    earliest: datetime | None = None  # now, by the database's clock
    before = FAR_AHEAD
    if "date" in query:
        zone = query.get("tz", ZoneInfo("UTC"))
        earliest = datetime.combine(query["date"], time(), zone)
        before = datetime.combine(query["date"] + timedelta(days=1), time(), zone)
    after_start, after_id = query.get("cursor", (earliest, 0))
    if earliest is not None:  # a cursor of another list must not lead out of the day
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
    return page(request, rows, query["limit"], lambda showtime: [showtime.starts_at, showtime.id])
