"""Administration of showtimes."""

from datetime import datetime
from typing import Any

from aiohttp import web

from ...catalog import showtimes as service
from ...catalog.schemas import ShowtimeBody
from ...db.repository import showtimes
from ...db.repository.showtimes import FAR_AHEAD, FAR_BACK
from ...errors import InUse, ShowtimeOverlap
from ...runtime.fields import MAX_ID, WholeText
from ..app_keys import BODY, CATALOG_CONTEXT, DATABASE, QUERY
from ..paging import Cursor, PageQuery, page
from ..preconditions import created, precondition, replaced
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes, path_id
from .catalog import SHOWTIMES, ShowtimeOutput, get_showtime

routes = Routes("Administration: showtimes", read_with=CATALOGUE_OR_REPORTS, write_with=CATALOGUE)

# Nothing but POST is for /admin/showtimes/batch, which is no showtime's address.
PATH = "/admin/showtimes/{showtime_id:(?!batch$)[^/]+}"


class AdminShowtimesQuery(PageQuery):
    """Which showtimes, past ones included."""

    cursor = Cursor(datetime, int, load_default=(FAR_BACK, 0))
    movie_id = WholeText(1, MAX_ID, metadata={"description": "Of this film only"})


@routes.add(
    "POST",
    "/admin/showtimes",
    access=Access.ADMIN,
    body=ShowtimeBody(),
    status=201,
    answer=ShowtimeOutput(),
    raises=(ShowtimeOverlap,),
    etag=True,
)
async def create_showtime(request: web.Request) -> web.StreamResponse:
    """Put a film on; the room must be free from start to end, and CLEANING_MINUTES longer."""
    made = await service.add_showtime(request.app[CATALOG_CONTEXT], showtime=request[BODY])
    return created(made, location=f"/admin/showtimes/{made.id}")


@routes.add("GET", "/admin/showtimes", access=Access.ADMIN, query=AdminShowtimesQuery(), answer=SHOWTIMES)
async def admin_list_showtimes(request: web.Request) -> web.StreamResponse:
    """All showtimes by their start, past ones included."""
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
    return page(request, rows, query["limit"], lambda showtime: [showtime.starts_at, showtime.id])


@routes.add("GET", PATH, access=Access.ADMIN, answer=ShowtimeOutput(), etag=True)
async def admin_get_showtime(request: web.Request) -> web.StreamResponse:
    """One showtime."""
    return await get_showtime(request)


@routes.add(
    "PUT",
    PATH,
    access=Access.ADMIN,
    body=ShowtimeBody(),
    answer=ShowtimeOutput(),
    raises=(ShowtimeOverlap, InUse),
    etag=True,
)
async def replace_showtime(request: web.Request) -> web.StreamResponse:
    """Replace everything about a showtime; one with reservations stays in its room."""
    showtime_id = path_id(request, "showtime_id")
    showtime = await service.update_showtime(
        request.app[CATALOG_CONTEXT], showtime_id=showtime_id, showtime=request[BODY], check=precondition(request)
    )
    return replaced(showtime)


@routes.add("DELETE", PATH, access=Access.ADMIN, status=204, raises=(InUse,), etag=True)
async def delete_showtime(request: web.Request) -> web.StreamResponse:
    """Remove a showtime that was never reserved."""
    showtime_id = path_id(request, "showtime_id")
    await service.delete_showtime(request.app[CATALOG_CONTEXT], showtime_id=showtime_id, check=precondition(request))
    return web.Response(status=204)
