"""Administration of showtimes."""

from datetime import datetime
from typing import Any

from aiohttp import web

from ...catalog import showtimes as service
from ...catalog.schemas import ShowtimeBody
from ...db.repository import showtimes
from ...db.repository.showtimes import FAR_AHEAD, FAR_BACK
from ...errors import InUse, ShowtimeOverlap
from ...runtime.fields import MAX_ID, IntegerParameter
from ..app_keys import BODY, CATALOG_CONTEXT, DATABASE, QUERY
from ..input.path_ids import path_id
from ..output.schemas import ShowtimeOutput
from ..paging import Cursor, PageQuery, page_response
from ..preconditions import precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import SHOWTIMES, get_showtime

routes = Routes("Administration: showtimes", read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

# Not /admin/showtimes/batch: other methods than POST are 405 there.
PATH = "/admin/showtimes/{showtime_id:(?!batch$)[^/]+}"


class AdminShowtimesQuery(PageQuery):
    """Filters of the showtimes, which include past ones."""

    cursor = Cursor(datetime, int, load_default=(FAR_BACK, 0))
    movie_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes of this movie"})


@routes.add(
    "POST",
    "/admin/showtimes",
    access=Access.ADMIN,
    body=ShowtimeBody(),
    status=201,
    output=ShowtimeOutput(),
    raises=(ShowtimeOverlap,),
    etag=True,
)
async def create_showtime(request: web.Request) -> web.StreamResponse:
    """Create a showtime; the auditorium must be free from starts_at to ends_at, and CLEANING_MINUTES longer."""
    made = await service.add_showtime(request.app[CATALOG_CONTEXT], showtime=request[BODY])
    return response_with_etag(made, status=201, location=f"/admin/showtimes/{made.id}")


@routes.add("GET", "/admin/showtimes", access=Access.ADMIN, query=AdminShowtimesQuery(), output=SHOWTIMES)
async def admin_list_showtimes(request: web.Request) -> web.StreamResponse:
    """All showtimes in the order of starts_at, including past ones."""
    query: dict[str, Any] = request[QUERY]
    after_start, after_id = query["cursor"]
    async with request.app[DATABASE].connection() as conn:
        rows = await showtimes.list_showtimes(
            conn,
            after_start=after_start,
            after_id=after_id,
            before=FAR_AHEAD,
            movie_id=query.get("movie_id"),
            row_limit=query["limit"] + 1,
        )
    return page_response(request, rows, query["limit"], lambda showtime: [showtime.starts_at, showtime.id])


@routes.add("GET", PATH, access=Access.ADMIN, output=ShowtimeOutput(), etag=True)
async def admin_get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime."""
    return await get_showtime(request)


@routes.add(
    "PUT",
    PATH,
    access=Access.ADMIN,
    body=ShowtimeBody(),
    output=ShowtimeOutput(),
    raises=(ShowtimeOverlap, InUse),
    etag=True,
)
async def replace_showtime(request: web.Request) -> web.StreamResponse:
    """Replace a showtime; one with reservations cannot change its auditorium."""
    showtime_id = path_id(request, "showtime_id")
    showtime = await service.update_showtime(
        request.app[CATALOG_CONTEXT], showtime_id=showtime_id, showtime=request[BODY], check=precondition(request)
    )
    return response_with_etag(showtime)


@routes.add("DELETE", PATH, access=Access.ADMIN, status=204, raises=(InUse,), etag=True)
async def delete_showtime(request: web.Request) -> web.StreamResponse:
    """Delete a showtime that was never reserved."""
    showtime_id = path_id(request, "showtime_id")
    await service.delete_showtime(request.app[CATALOG_CONTEXT], showtime_id=showtime_id, check=precondition(request))
    return web.Response(status=204)
