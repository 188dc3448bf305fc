"""Auditoriums: reading them, and their administration; their seats are in admin_seats."""

from aiohttp import web
from marshmallow import Schema, fields

from ...catalog import auditoriums as service
from ...db.repository import auditoriums
from ...db.repository.auditoriums import Auditorium, AuditoriumInput
from ...errors import CapacityExceeded, InUse
from ...runtime.fields import BoundedInteger, Id, Input, Instant, JsonObject, RowLabel, Text
from ..app_keys import BODY, CATALOG_CONTEXT, DATABASE
from ..input.path_ids import find_row, path_id
from ..paging import PageByIdQuery, page_by_id, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import routes as public_routes

routes = Routes("Administration: auditoriums", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

HIGHEST_CAPACITY = 10_000
CAPACITY = {"description": "The most seats that it may have; the capacity of a showtime is the number that it has now"}
FOCAL_ROW = {
    "description": "Label of the row with the best view, near which the best available seats are chosen; null for the"
    " row two thirds back. If the auditorium has no such row, the nearest one counts",
    "examples": ["G"],
}


class AuditoriumOutput(Schema):
    """An auditorium."""

    id = Id(required=True)
    cinema_id = Id(required=True)
    name = fields.String(required=True)
    capacity = fields.Integer(required=True, metadata=CAPACITY)
    extra_metadata = JsonObject(required=True)
    focal_row = RowLabel(required=True, allow_none=True, metadata=FOCAL_ROW)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class AuditoriumBody(Input):
    """An auditorium without its seats."""

    loads_as = AuditoriumInput
    name = Text(200, required=True)
    capacity = BoundedInteger(1, HIGHEST_CAPACITY, required=True, metadata=CAPACITY)
    extra_metadata = JsonObject(load_default=dict)
    focal_row = RowLabel(load_default=None, metadata=FOCAL_ROW)
    cinema_id = Id(load_default=None, metadata={"description": "May be left out where there is one cinema"})


AUDITORIUMS = page_schema(AuditoriumOutput())


@routes.add("POST", "/admin/auditoriums", body=AuditoriumBody(), status=201, output=AuditoriumOutput(), etag=True)
async def create_auditorium(request: web.Request) -> web.StreamResponse:
    """Create an auditorium without seats."""
    async with request.app[DATABASE].change() as conn:
        made = await auditoriums.insert_auditorium(conn, auditorium=request[BODY])
    return response_with_etag(made, location=f"/admin/auditoriums/{made.id}")


@public_routes.add("GET", "/auditoriums", query=PageByIdQuery(), output=AUDITORIUMS)
async def list_auditoriums(request: web.Request) -> web.StreamResponse:
    """All auditoriums."""
    return await page_by_id(request, auditoriums.list_auditoriums)


@public_routes.add("GET", "/auditoriums/{auditorium_id}", output=AuditoriumOutput(), etag=True)
async def get_auditorium(request: web.Request) -> web.StreamResponse:
    """One auditorium."""
    return conditional_response(request, await find_auditorium(request))


routes.add("GET", "/admin/auditoriums", query=PageByIdQuery(), output=AUDITORIUMS)(list_auditoriums)
routes.add("GET", "/admin/auditoriums/{auditorium_id}", output=AuditoriumOutput(), etag=True)(get_auditorium)


@routes.add(
    "PUT",
    "/admin/auditoriums/{auditorium_id}",
    body=AuditoriumBody(),
    output=AuditoriumOutput(),
    raises=(CapacityExceeded, InUse),
    etag=True,
)
async def replace_auditorium(request: web.Request) -> web.StreamResponse:
    """Replace an auditorium, but not its seats; the capacity cannot be less than their number.

    With live holds or confirmed reservations of showtimes that are not over, it stays in its cinema.
    """
    auditorium_id, check = path_id(request, "auditorium_id"), precondition(request)
    auditorium = await service.update_auditorium(
        request.app[CATALOG_CONTEXT], auditorium_id=auditorium_id, auditorium=request[BODY], check=check
    )
    return response_with_etag(auditorium)


@routes.add("DELETE", "/admin/auditoriums/{auditorium_id}", status=204, raises=(InUse,), etag=True)
async def delete_auditorium(request: web.Request) -> web.StreamResponse:
    """Delete an auditorium that has no showtimes, with its seats."""
    auditorium_id = path_id(request, "auditorium_id")
    await service.delete_auditorium(request.app[DATABASE], auditorium_id=auditorium_id, check=precondition(request))
    return web.Response(status=204)


async def find_auditorium(request: web.Request) -> Auditorium:
    """The auditorium of the path; raises NotFound."""
    return await find_row(
        request, "auditorium", lambda conn, row_id: auditoriums.find_auditorium(conn, auditorium_id=row_id)
    )
