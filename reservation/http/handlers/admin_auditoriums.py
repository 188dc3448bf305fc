"""Administration of auditoriums and their seats."""

from decimal import Decimal
from typing import Any

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...catalog import auditoriums as service
from ...catalog.auditoriums import SeatBatch
from ...db.repository import auditoriums
from ...db.repository.auditoriums import Auditorium, AuditoriumInput
from ...errors import CapacityExceeded, InUse, NotFound
from ...runtime.fields import Id, Input, Instant, JsonObject, Money, RowLabel, Text, Whole
from ..app_keys import BODY, CATALOG_CONTEXT, DATABASE, QUERY
from ..paging import Cursor, PageQuery, listing, page
from ..preconditions import created, current, precondition, replaced
from ..responses import created as created_answer
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes, path_id
from .seats import SEAT_TYPES

routes = Routes("Administration: auditoriums", read_with=CATALOGUE_OR_REPORTS, write_with=CATALOGUE)

HIGHEST_CAPACITY = 10_000
LONGEST_ROW = 1000
HIGHEST_MODIFIER = Decimal("99.99")
FACTOR = {"description": "Factor on the showtime's base price", "examples": ["1.50"]}
FOCAL_ROW = {
    "description": "Label of the row with the best view, around which the best available seats are looked for; null for"
    " the row two thirds back. Where there is no such row it is the nearest one",
    "examples": ["G"],
}


class AuditoriumOutput(Schema):
    """A room that films are shown in."""

    id = Id(required=True)
    name = fields.String(required=True)
    capacity = fields.Integer(required=True)
    extra_metadata = JsonObject(required=True)
    focal_row = RowLabel(required=True, allow_none=True, metadata=FOCAL_ROW)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class AuditoriumBody(Input):
    """Everything about a room but its seats."""

    makes = AuditoriumInput
    name = Text(200, required=True)
    capacity = Whole(1, HIGHEST_CAPACITY, required=True)
    extra_metadata = JsonObject(load_default=dict)
    focal_row = RowLabel(load_default=None, metadata=FOCAL_ROW)


class SeatOutput(Schema):
    """A seat of a room; the modifier is a factor on the showtime's base price."""

    id = Id(required=True)
    auditorium_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = fields.String(required=True, validate=validate.OneOf(SEAT_TYPES))
    price_modifier = Money(required=True, metadata=FACTOR)


class SeatBatchBody(Input):
    """Whole rows of alike seats."""

    makes = SeatBatch
    rows = Whole(1, HIGHEST_CAPACITY, required=True)
    seats_per_row = Whole(1, LONGEST_ROW, required=True)
    seat_type = fields.String(load_default="regular", validate=validate.OneOf(SEAT_TYPES))
    price_modifier = Money(limit=HIGHEST_MODIFIER, load_default=Decimal("1.00"), metadata=FACTOR)


class SeatBatchOutput(Schema):
    """How many seats were made, and which."""

    created = fields.Integer(required=True)
    seats = fields.List(fields.Nested(SeatOutput()), required=True)


class AuditoriumsQuery(PageQuery):
    """A page of rooms."""

    cursor = Cursor(int, load_default=(0,))


class SeatsQuery(PageQuery):
    """A page of a room's seats."""

    cursor = Cursor(str, int, load_default=("", 0))


@routes.add(
    "POST",
    "/admin/auditoriums",
    access=Access.ADMIN,
    body=AuditoriumBody(),
    status=201,
    answer=AuditoriumOutput(),
    etag=True,
)
async def create_auditorium(request: web.Request) -> web.StreamResponse:
    """Add a room, without seats yet."""
    async with request.app[DATABASE].connection() as conn:
        made = await auditoriums.insert_auditorium(conn, auditorium=request[BODY])
    return created(made, location=f"/admin/auditoriums/{made.id}")


@routes.add(
    "GET",
    "/admin/auditoriums",
    access=Access.ADMIN,
    query=AuditoriumsQuery(),
    answer=listing(AuditoriumOutput(), "AuditoriumListOutput"),
)
async def list_auditoriums(request: web.Request) -> web.StreamResponse:
    """The rooms."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await auditoriums.list_auditoriums(conn, after=query["cursor"][0], row_limit=query["limit"] + 1)
    return page(request, rows, query["limit"], lambda auditorium: [auditorium.id])


@routes.add("GET", "/admin/auditoriums/{auditorium_id}", access=Access.ADMIN, answer=AuditoriumOutput(), etag=True)
async def get_auditorium(request: web.Request) -> web.StreamResponse:
    """One room."""
    return current(request, await _find(request))


@routes.add(
    "PUT",
    "/admin/auditoriums/{auditorium_id}",
    access=Access.ADMIN,
    body=AuditoriumBody(),
    answer=AuditoriumOutput(),
    raises=(CapacityExceeded,),
    etag=True,
)
async def replace_auditorium(request: web.Request) -> web.StreamResponse:
    """Replace everything about a room but its seats; the capacity cannot fall below their number."""
    auditorium = await service.update_auditorium(
        request.app[CATALOG_CONTEXT],
        auditorium_id=path_id(request, "auditorium_id"),
        auditorium=request[BODY],
        check=precondition(request),
    )
    return replaced(auditorium)


@routes.add("DELETE", "/admin/auditoriums/{auditorium_id}", access=Access.ADMIN, status=204, raises=(InUse,), etag=True)
async def delete_auditorium(request: web.Request) -> web.StreamResponse:
    """Remove a room that has no showtimes, and its seats with it."""
    auditorium_id = path_id(request, "auditorium_id")
    await service.delete_auditorium(request.app[DATABASE], auditorium_id=auditorium_id, check=precondition(request))
    return web.Response(status=204)


@routes.add(
    "POST",
    "/admin/auditoriums/{auditorium_id}/seats/batch",
    access=Access.ADMIN,
    body=SeatBatchBody(),
    status=201,
    answer=SeatBatchOutput(),
    raises=(CapacityExceeded,),
)
async def create_seats(request: web.Request) -> web.StreamResponse:
    """Add whole rows of seats, labelled with the next free rows: A, B, ... Z, AA, AB."""
    auditorium_id = path_id(request, "auditorium_id")
    seats = await service.add_seats(request.app[CATALOG_CONTEXT], auditorium_id=auditorium_id, batch=request[BODY])
    return created_answer({"created": len(seats), "seats": seats}, location=f"/admin/auditoriums/{auditorium_id}/seats")


@routes.add(
    "GET",
    "/admin/auditoriums/{auditorium_id}/seats",
    access=Access.ADMIN,
    query=SeatsQuery(),
    answer=listing(SeatOutput(), "SeatListOutput"),
)
async def list_seats(request: web.Request) -> web.StreamResponse:
    """The seats of a room, in row then number order."""
    auditorium = await _find(request)
    query: dict[str, Any] = request[QUERY]
    after_row, after_number = query["cursor"]
    async with request.app[DATABASE].connection() as conn:
        rows = await auditoriums.list_seats(
            conn,
            auditorium_id=auditorium.id,
            after_row=after_row,
            after_number=after_number,
            row_limit=query["limit"] + 1,
        )
    return page(request, rows, query["limit"], lambda seat: [seat.row_label, seat.seat_number])


@routes.add("GET", "/admin/seats/{seat_id}", access=Access.ADMIN, answer=SeatOutput(), etag=True)
async def get_seat(request: web.Request) -> web.StreamResponse:
    """One seat."""
    async with request.app[DATABASE].connection() as conn:
        return current(request, await service.find_seat(conn, seat_id=path_id(request, "seat_id")))


@routes.add("DELETE", "/admin/seats/{seat_id}", access=Access.ADMIN, status=204, raises=(InUse,), etag=True)
async def delete_seat(request: web.Request) -> web.StreamResponse:
    """Remove a seat that was never reserved."""
    seat_id = path_id(request, "seat_id")
    await service.delete_seat(request.app[CATALOG_CONTEXT], seat_id=seat_id, check=precondition(request))
    return web.Response(status=204)


async def _find(request: web.Request) -> Auditorium:
    async with request.app[DATABASE].connection() as conn:
        found = await auditoriums.find_auditorium(conn, auditorium_id=path_id(request, "auditorium_id"))
    if found is None:
        raise NotFound("There is no such auditorium.")
    return found
