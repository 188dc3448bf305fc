"""Administration of auditoriums and their seats."""

from decimal import Decimal

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...catalog import auditoriums as service
from ...catalog.auditoriums import SeatBatch
from ...db.repository import auditoriums
from ...db.repository.auditoriums import Auditorium, AuditoriumInput
from ...errors import CapacityExceeded, InUse
from ...runtime.fields import BoundedInteger, Id, Input, Instant, JsonObject, Money, RowLabel, Text
from ..app_keys import BODY, CATALOG_CONTEXT, DATABASE, QUERY
from ..input.path_ids import find_row, path_id
from ..output.responses import created_response
from ..output.schemas import SEAT_TYPES
from ..paging import Cursor, PageByIdQuery, PageQuery, page_by_id, page_response, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes

routes = Routes("Administration: auditoriums", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

HIGHEST_CAPACITY = 10_000
LONGEST_ROW = 1000
HIGHEST_MODIFIER = Decimal("99.99")
FACTOR = {"description": "Factor on the showtime's base price", "examples": ["1.50"]}
FOCAL_ROW = {
    "description": "Label of the row with the best view, near which the best available seats are chosen; null for the"
    " row two thirds back. If the auditorium has no such row, the nearest one counts",
    "examples": ["G"],
}


class AuditoriumOutput(Schema):
    """An auditorium."""

    id = Id(required=True)
    name = fields.String(required=True)
    capacity = fields.Integer(required=True)
    extra_metadata = JsonObject(required=True)
    focal_row = RowLabel(required=True, allow_none=True, metadata=FOCAL_ROW)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class AuditoriumBody(Input):
    """An auditorium without its seats."""

    loads_as = AuditoriumInput
    name = Text(200, required=True)
    capacity = BoundedInteger(1, HIGHEST_CAPACITY, required=True)
    extra_metadata = JsonObject(load_default=dict)
    focal_row = RowLabel(load_default=None, metadata=FOCAL_ROW)


class SeatOutput(Schema):
    """A seat of an auditorium."""

    id = Id(required=True)
    auditorium_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = fields.String(required=True, validate=validate.OneOf(SEAT_TYPES))
    price_modifier = Money(required=True, metadata=FACTOR)


class SeatBatchBody(Input):
    """Rows of seats of one type and price."""

    loads_as = SeatBatch
    rows = BoundedInteger(1, HIGHEST_CAPACITY, required=True)
    seats_per_row = BoundedInteger(1, LONGEST_ROW, required=True)
    seat_type = fields.String(load_default="regular", validate=validate.OneOf(SEAT_TYPES))
    price_modifier = Money(limit=HIGHEST_MODIFIER, load_default=Decimal("1.00"), metadata=FACTOR)


class SeatBatchOutput(Schema):
    """The seats that were created, and their number."""

    created = fields.Integer(required=True)
    seats = fields.List(fields.Nested(SeatOutput()), required=True)


class SeatsQuery(PageQuery):
    """A page of an auditorium's seats."""

    cursor = Cursor(str, int, load_default=("", 0))


@routes.add("POST", "/admin/auditoriums", body=AuditoriumBody(), status=201, output=AuditoriumOutput(), etag=True)
async def create_auditorium(request: web.Request) -> web.StreamResponse:
    """Create an auditorium without seats."""
    async with request.app[DATABASE].connection() as conn:
        made = await auditoriums.insert_auditorium(conn, auditorium=request[BODY])
    return response_with_etag(made, location=f"/admin/auditoriums/{made.id}")


@routes.add("GET", "/admin/auditoriums", query=PageByIdQuery(), output=page_schema(AuditoriumOutput()))
async def list_auditoriums(request: web.Request) -> web.StreamResponse:
    """All auditoriums."""
    return await page_by_id(request, auditoriums.list_auditoriums)


@routes.add("GET", "/admin/auditoriums/{auditorium_id}", output=AuditoriumOutput(), etag=True)
async def get_auditorium(request: web.Request) -> web.StreamResponse:
    """One auditorium."""
    return conditional_response(request, await _find(request))


@routes.add(
    "PUT",
    "/admin/auditoriums/{auditorium_id}",
    body=AuditoriumBody(),
    output=AuditoriumOutput(),
    raises=(CapacityExceeded,),
    etag=True,
)
async def replace_auditorium(request: web.Request) -> web.StreamResponse:
    """Replace an auditorium, but not its seats; the capacity cannot be less than their number."""
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


@routes.add(
    "POST",
    "/admin/auditoriums/{auditorium_id}/seats/batch",
    body=SeatBatchBody(),
    status=201,
    output=SeatBatchOutput(),
    raises=(CapacityExceeded,),
)
async def create_seats(request: web.Request) -> web.StreamResponse:
    """Add rows of seats, labelled after the last row: A, B, ... Z, AA, AB.

    The label of a row is used again only if all its seats were deleted and no row comes after it.
    """
    auditorium_id = path_id(request, "auditorium_id")
    seats = await service.add_seats(request.app[CATALOG_CONTEXT], auditorium_id=auditorium_id, batch=request[BODY])
    return created_response(
        {"created": len(seats), "seats": seats}, location=f"/admin/auditoriums/{auditorium_id}/seats"
    )


@routes.add("GET", "/admin/auditoriums/{auditorium_id}/seats", query=SeatsQuery(), output=page_schema(SeatOutput()))
async def list_seats(request: web.Request) -> web.StreamResponse:
    """The seats of an auditorium, in row then number order."""
    auditorium = await _find(request)
    row, number = request[QUERY]["cursor"]
    return await page_response(
        request,
        lambda conn, rows: auditoriums.list_seats(
            conn, auditorium_id=auditorium.id, after_row=row, after_number=number, row_limit=rows
        ),
        lambda seat: [seat.row_label, seat.seat_number],
    )


@routes.add("GET", "/admin/seats/{seat_id}", output=SeatOutput(), etag=True)
async def get_seat(request: web.Request) -> web.StreamResponse:
    """One seat."""
    seat = await find_row(request, "seat", lambda conn, seat_id: auditoriums.find_seat(conn, seat_id=seat_id))
    return conditional_response(request, seat)


@routes.add("DELETE", "/admin/seats/{seat_id}", status=204, raises=(InUse,), etag=True)
async def delete_seat(request: web.Request) -> web.StreamResponse:
    """Remove a seat that is neither held nor booked for a showtime that is not over."""
    seat_id = path_id(request, "seat_id")
    await service.delete_seat(request.app[CATALOG_CONTEXT], seat_id=seat_id, check=precondition(request))
    return web.Response(status=204)


async def _find(request: web.Request) -> Auditorium:
    return await find_row(
        request, "auditorium", lambda conn, row_id: auditoriums.find_auditorium(conn, auditorium_id=row_id)
    )
