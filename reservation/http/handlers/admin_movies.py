"""Administration of films."""

from aiohttp import web

from ...catalog import programme
from ...db.repository import movies
from ...db.repository.movies import MovieInput
from ...errors import InUse
from ...runtime.fields import Input, Text, Url, Whole
from ..app_keys import BODY, DATABASE
from ..preconditions import created, precondition, replaced
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes, path_id
from .catalog import MOVIES, MovieOutput, MoviesQuery, get_movie, list_movies

routes = Routes("Administration: movies", read_with=CATALOGUE_OR_REPORTS, write_with=CATALOGUE)


class MovieBody(Input):
    """Everything about a film."""

    makes = MovieInput
    title = Text(300, required=True)
    description = Text(10_000, blank=True, load_default="")
    duration_minutes = Whole(1, 1440, required=True)
    poster_url = Url(2000, load_default=None, allow_none=True)
    genre = Text(100, load_default=None, allow_none=True)


@routes.add("POST", "/admin/movies", access=Access.ADMIN, body=MovieBody(), status=201, answer=MovieOutput(), etag=True)
async def create_movie(request: web.Request) -> web.StreamResponse:
    """Add a film."""
    async with request.app[DATABASE].connection() as conn:
        movie = await movies.insert_movie(conn, movie=request[BODY])
    return created(movie, location=f"/admin/movies/{movie.id}")


@routes.add("GET", "/admin/movies", access=Access.ADMIN, query=MoviesQuery(), answer=MOVIES)
async def admin_list_movies(request: web.Request) -> web.StreamResponse:
    """The films, found by a part of their title or by genre."""
    return await list_movies(request)


@routes.add("GET", "/admin/movies/{movie_id}", access=Access.ADMIN, answer=MovieOutput(), etag=True)
async def admin_get_movie(request: web.Request) -> web.StreamResponse:
    """One film."""
    return await get_movie(request)


@routes.add("PUT", "/admin/movies/{movie_id}", access=Access.ADMIN, body=MovieBody(), answer=MovieOutput(), etag=True)
async def replace_movie(request: web.Request) -> web.StreamResponse:
    """Replace everything about a film."""
    movie = await programme.update_movie(
        request.app[DATABASE],
        movie_id=path_id(request, "movie_id"),
        movie=request[BODY],
        check=precondition(request),
    )
    return replaced(movie)


@routes.add("DELETE", "/admin/movies/{movie_id}", access=Access.ADMIN, status=204, raises=(InUse,), etag=True)
async def delete_movie(request: web.Request) -> web.StreamResponse:
    """Remove a film that has no showtimes."""
    movie_id = path_id(request, "movie_id")
    await programme.delete_movie(request.app[DATABASE], movie_id=movie_id, check=precondition(request))
    return web.Response(status=204)
