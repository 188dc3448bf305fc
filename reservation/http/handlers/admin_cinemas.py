"""Administration of cinemas."""

from aiohttp import web

from ...catalog import cinemas as service
from ...catalog.schemas import CinemaBody
from ...db.repository import cinemas
from ...errors import InUse
from ..app_keys import BODY, DATABASE
from ..input.path_ids import path_id
from ..output.schemas import CinemaOutput
from ..paging import PageByIdQuery
from ..preconditions import precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import CINEMAS, get_cinema, list_cinemas

routes = Routes("Administration: cinemas", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)


@routes.add("POST", "/admin/cinemas", body=CinemaBody(), status=201, output=CinemaOutput(), etag=True)
async def create_cinema(request: web.Request) -> web.StreamResponse:
    """Create a cinema."""
    async with request.app[DATABASE].change() as conn:
        cinema = await cinemas.insert_cinema(conn, cinema=request[BODY])
    return response_with_etag(cinema, location=f"/admin/cinemas/{cinema.id}")


routes.add("GET", "/admin/cinemas", query=PageByIdQuery(), output=CINEMAS)(list_cinemas)
routes.add("GET", "/admin/cinemas/{cinema_id}", output=CinemaOutput(), etag=True)(get_cinema)


@routes.add("PUT", "/admin/cinemas/{cinema_id}", body=CinemaBody(), output=CinemaOutput(), etag=True)
async def replace_cinema(request: web.Request) -> web.StreamResponse:
    """Replace a cinema."""
    cinema = await service.update_cinema(
        request.app[DATABASE],
        cinema_id=path_id(request, "cinema_id"),
        cinema=request[BODY],
        check=precondition(request),
    )
    return response_with_etag(cinema)


@routes.add("DELETE", "/admin/cinemas/{cinema_id}", status=204, raises=(InUse,), etag=True)
async def delete_cinema(request: web.Request) -> web.StreamResponse:
    """Delete a cinema that has no auditoriums."""
    cinema_id = path_id(request, "cinema_id")
    await service.delete_cinema(request.app[DATABASE], cinema_id=cinema_id, check=precondition(request))
    return web.Response(status=204)
