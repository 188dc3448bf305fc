"""Administration of films."""

from aiohttp import web

from ...catalog import movies as service
from ...catalog.schemas import MovieBody
from ...db.repository import movies
from ...errors import InUse
from ..app_keys import BODY, DATABASE
from ..preconditions import created, precondition, replaced
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes, path_id
from .catalog import MOVIES, MovieOutput, MoviesQuery, get_movie, list_movies

routes = Routes("Administration: movies", read_with=CATALOGUE_OR_REPORTS, write_with=CATALOGUE)


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
    movie = await service.update_movie(
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
    await service.delete_movie(request.app[DATABASE], movie_id=movie_id, check=precondition(request))
    return web.Response(status=204)
