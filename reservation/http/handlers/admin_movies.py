"""Administration of movies."""

from aiohttp import web

from ...catalog import movies as service
from ...catalog.schemas import MovieBody
from ...db.repository import movies
from ...errors import InUse
from ..app_keys import BODY, DATABASE
from ..input.path_ids import path_id
from ..output.schemas import MovieOutput
from ..preconditions import precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import MOVIES, MoviesQuery, get_movie, list_movies

routes = Routes("Administration: movies", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)


@routes.add("POST", "/admin/movies", body=MovieBody(), status=201, output=MovieOutput(), etag=True)
async def create_movie(request: web.Request) -> web.StreamResponse:
    """Create a movie."""
    async with request.app[DATABASE].change() as conn:
        movie = await movies.insert_movie(conn, movie=request[BODY])
    return response_with_etag(movie, location=f"/admin/movies/{movie.id}")


routes.add("GET", "/admin/movies", query=MoviesQuery(), output=MOVIES)(list_movies)
routes.add("GET", "/admin/movies/{movie_id}", output=MovieOutput(), etag=True)(get_movie)


@routes.add("PUT", "/admin/movies/{movie_id}", body=MovieBody(), output=MovieOutput(), etag=True)
async def replace_movie(request: web.Request) -> web.StreamResponse:
    """Replace a movie."""
    movie = await service.update_movie(
        request.app[DATABASE], movie_id=path_id(request, "movie_id"), movie=request[BODY], check=precondition(request)
    )
    return response_with_etag(movie)


@routes.add("DELETE", "/admin/movies/{movie_id}", status=204, raises=(InUse,), etag=True)
async def delete_movie(request: web.Request) -> web.StreamResponse:
    """Delete a movie that has no showtimes."""
    movie_id = path_id(request, "movie_id")
    await service.delete_movie(request.app[DATABASE], movie_id=movie_id, check=precondition(request))
    return web.Response(status=204)
