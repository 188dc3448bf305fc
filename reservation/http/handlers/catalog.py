"""Public catalogue: cinemas, movies and showtimes."""

from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from decimal import Decimal
from functools import partial
from typing import Any

from aiohttp import web

from ...db.pool import Connection
from ...db.repository import cinemas, movies, showtimes
from ...db.repository.availability import Availability, find_availability
from ...db.repository.movies import Movie
from ...db.repository.showtimes import Filters, Showtime, Span
from ...runtime.fields import BooleanParameter, Text
from ..app_keys import QUERY, SETTINGS
from ..input.path_ids import find_row
from ..input.showtime_filters import BY_PRICE, MovieShowtimesQuery, ShowtimesQuery, filters_of, span_of
from ..output.schemas import CinemaOutput, MovieOutput, ShowtimeOutput
from ..paging import PageByIdQuery, page_by_id, page_response, page_schema
from ..preconditions import conditional_response
from ..replica_reads import read
from ..routes import Routes

routes = Routes("Catalogue")


class MoviesQuery(PageByIdQuery):
    """Filters of the movies."""

    q = Text(300, metadata={"description": "Part of the title; case and accents do not matter"})
    genre = Text(100, metadata={"description": "One of the genres; case and accents do not matter"})
    now_showing = BooleanParameter(
        metadata={"description": "Movies with (false: without) a scheduled showtime that has not started"}
    )


CINEMAS = page_schema(CinemaOutput())
MOVIES = page_schema(MovieOutput())
SHOWTIMES = page_schema(ShowtimeOutput())
ZERO = Decimal("0.00")
NONE_LEFT = Availability(0, 0, 0, None)
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
    """The movies, filtered by part of the title, by genre, and by whether they are showing."""
    query: dict[str, Any] = request[QUERY]
    read = partial(
        movies.list_movies,
        title_part=query.get("q"),
        genre=query.get("genre"),
        now_showing=query.get("now_showing"),
    )
    return await page_by_id(request, read)


@routes.add("GET", "/movies/{movie_id}", output=MovieOutput(), etag=True)
async def get_movie(request: web.Request) -> web.StreamResponse:
    """One movie."""
    return conditional_response(request, await _movie(request))


@routes.add("GET", "/movies/{movie_id}/showtimes", query=MovieShowtimesQuery(), output=SHOWTIMES)
async def list_movie_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes of one movie: on a day, or all that have not started."""
    movie = await _movie(request)
    return await showtimes_page(request, span_of(request[QUERY]), filters_of(request[QUERY], movie_id=movie.id))


@routes.add("GET", "/showtimes", query=ShowtimesQuery(), output=SHOWTIMES)
async def list_showtimes(request: web.Request) -> web.StreamResponse:
    """The showtimes: on a day, or all that have not started. A cancelled one is only in the list of cancelled ones."""
    return await showtimes_page(request, span_of(request[QUERY]), filters_of(request[QUERY]))


@routes.add("GET", "/showtimes/{showtime_id}", output=ShowtimeOutput(), etag=True)
async def get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime. Its ETag does not change with `seats_left`, `capacity` and `price_from`."""
    found = await find_row(request, "showtime", lambda conn, row_id: showtimes.find_showtime(conn, showtime_id=row_id))
    [shown] = await shown_showtimes(request, [found])
    return conditional_response(request, shown, version=found)


async def _movie(request: web.Request) -> Movie:
    return await find_row(request, "movie", lambda conn, movie_id: movies.find_movie(conn, movie_id=movie_id))


async def showtimes_page(request: web.Request, span: Span, only: Filters) -> web.StreamResponse:
    """A page of showtimes, for a query with the filters of AnyShowtimesQuery."""
    by_price = request[QUERY]["sort"] == BY_PRICE

    async def read(conn: Connection, row_limit: int) -> Sequence[tuple[Showtime, Availability]]:
        if by_price:
            after = request[QUERY].get("cursor", (ZERO, 0))
            found = await showtimes.list_showtimes_by_price(
                conn, span=span, only=only, after=after, row_limit=row_limit
            )
        else:
            found = await showtimes.list_showtimes(conn, span=span, only=only, row_limit=row_limit)
        return await _with_availability(conn, found)

    return await page_response(
        request,
        read,
        lambda row: [str(row[1].price_from or ZERO) if by_price else row[0].starts_at, row[0].id],
        lambda row: _showtime_json(request, *row),
    )


async def shown_showtimes(request: web.Request, found: Sequence[Showtime]) -> list[dict[str, object]]:
    """Showtimes as the API shows them: their columns, the currency, and what is left of them."""
    rows = await read(request, lambda conn: _with_availability(conn, found))
    return [_showtime_json(request, *row) for row in rows]


async def _with_availability(conn: Connection, found: Sequence[Showtime]) -> Sequence[tuple[Showtime, Availability]]:
    known = await find_availability(conn, showtime_ids=[each.id for each in found])
    return [(each, known.get(each.id) or NONE_LEFT) for each in found]  # one may have been deleted just now


def _showtime_json(request: web.Request, showtime: Showtime, left: Availability) -> dict[str, object]:
    shown = {name: getattr(showtime, name) for name in SHOWTIME_COLUMNS}
    shown["capacity"], shown["seats_left"], shown["price_from"] = left.capacity, left.seats_left, left.price_from
    shown["currency"] = request.app[SETTINGS].currency
    return shown
