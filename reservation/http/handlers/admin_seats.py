"""Administration of the seats of auditoriums."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from ...catalog import seat_plans as service
from ...catalog.seat_plans import SeatBatch
from ...db.repository import auditoriums
from ...db.repository.auditoriums import SeatInput
from ...errors import CapacityExceeded, InUse, PlaceTaken
from ...runtime.fields import BoundedInteger, Id, Input, Instant, Money, RowLabel, Slug
from ..app_keys import BODY, CATALOG_CONTEXT, QUERY
from ..input.path_ids import find_row, path_id
from ..output.responses import created_response
from ..output.schemas import POSITION, SEAT_TYPE
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .admin_auditoriums import HIGHEST_CAPACITY, find_auditorium

routes = Routes("Administration: auditoriums", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

LONGEST_ROW = 1000
FARTHEST = 100_000  # positions, in either direction
HIGHEST_MODIFIER = Decimal("99.99")
FACTOR = {"description": "Factor on the showtime's base price", "examples": ["1.50"]}
AISLES = {
    "description": "Gives the seats positions: x counts from 1 and leaves one free after each of these seat numbers, y"
    " is 1 in row A, 2 in row B, 27 in row AA; [] for rows without aisles, null for seats without positions",
    "examples": [[4, 12]],
    "uniqueItems": True,
}


class SeatOutput(Schema):
    """A seat of an auditorium."""

    id = Id(required=True)
    auditorium_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = Slug(required=True, metadata=SEAT_TYPE)
    price_modifier = Money(required=True, metadata=FACTOR)
    x = fields.Integer(required=True, allow_none=True, metadata=POSITION["x"])
    y = fields.Integer(required=True, allow_none=True, metadata=POSITION["y"])
    updated_at = Instant(required=True)


def _no_repeats(numbers: Sequence[int]) -> None:
    _require_different("This number is in the list already.", (((index,), each) for index, each in enumerate(numbers)))


class SeatBatchBody(Input):
    """Rows of seats of one type and price."""

    loads_as = SeatBatch
    rows = BoundedInteger(1, HIGHEST_CAPACITY, required=True)
    seats_per_row = BoundedInteger(1, LONGEST_ROW, required=True)
    seat_type = Slug(load_default="regular", metadata=SEAT_TYPE)
    price_modifier = Money(limit=HIGHEST_MODIFIER, load_default=Decimal("1.00"), metadata=FACTOR)
    aisles_after = fields.List(
        BoundedInteger(1, LONGEST_ROW),
        validate=[validate.Length(0, LONGEST_ROW), _no_repeats],
        load_default=None,
        allow_none=True,
        metadata=AISLES,
    )


class SeatBatchOutput(Schema):
    """The seats that were created, and their number."""

    created = fields.Integer(required=True)
    seats = fields.List(fields.Nested(SeatOutput()), required=True)


class SeatBody(Input):
    """A seat; `x` and `y` are both given, or neither."""

    loads_as = SeatInput
    row_label = RowLabel(required=True)
    seat_number = BoundedInteger(1, LONGEST_ROW, required=True)
    seat_type = Slug(load_default="regular", metadata=SEAT_TYPE)
    price_modifier = Money(limit=HIGHEST_MODIFIER, load_default=Decimal("1.00"), metadata=FACTOR)
    x = BoundedInteger(-FARTHEST, FARTHEST, load_default=None, allow_none=True, metadata=POSITION["x"])
    y = BoundedInteger(-FARTHEST, FARTHEST, load_default=None, allow_none=True, metadata=POSITION["y"])

    @validates_schema
    def _has_whole_position(self, data: Mapping[str, Any], **_: object) -> None:
        for name, other in (("x", "y"), ("y", "x")):
            if data[name] is None and data[other] is not None:
                raise ValidationError(f"Must be given along with {other}.", name)


class SeatPlanBody(Input):
    """The seats of an auditorium."""

    seats = fields.List(fields.Nested(SeatBody()), required=True, validate=validate.Length(0, HIGHEST_CAPACITY))

    @validates_schema
    def _seats_differ(self, data: Mapping[str, Any], **_: object) -> None:
        seats: Sequence[SeatInput] = data["seats"]
        labels = ((("seats", index), seat.label) for index, seat in enumerate(seats))
        _require_different("This row and number are in the list already.", labels)
        positions = (
            (("seats", index, "x"), (seat.x, seat.y)) for index, seat in enumerate(seats) if seat.x is not None
        )
        _require_different("This position is in the list already.", positions)


class SeatPlanOutput(Schema):
    """All seats of an auditorium, in row then number order."""

    seats = fields.List(fields.Nested(SeatOutput()), required=True)


class SeatsQuery(PageQuery):
    """A page of an auditorium's seats."""

    cursor = Cursor(str, int, load_default=("", 0))


@routes.add(
    "POST",
    "/admin/auditoriums/{auditorium_id}/seats/batch",
    body=SeatBatchBody(),
    status=201,
    output=SeatBatchOutput(),
    raises=(CapacityExceeded, PlaceTaken),
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
    auditorium = await find_auditorium(request)
    row, number = request[QUERY]["cursor"]
    return await page_response(
        request,
        lambda conn, rows: auditoriums.list_seats(
            conn, auditorium_id=auditorium.id, after_row=row, after_number=number, row_limit=rows
        ),
        lambda seat: [seat.row_label, seat.seat_number],
    )


@routes.add(
    "PUT",
    "/admin/auditoriums/{auditorium_id}/seats",
    body=SeatPlanBody(),
    output=SeatPlanOutput(),
    raises=(CapacityExceeded, InUse),
    etag=True,
)
async def replace_seats(request: web.Request) -> web.StreamResponse:
    """Replace all seats of an auditorium, or none.

    A seat with the row and number of one that the auditorium has is that seat, with its id; the others that it has are
    removed. 409 `in_use` names those to remove that are held or booked for a showtime that is not over. If-Match takes
    the ETag of the auditorium, which changes with its seats.
    """
    auditorium, seats = await service.replace_plan(
        request.app[CATALOG_CONTEXT],
        auditorium_id=path_id(request, "auditorium_id"),
        seats=request[BODY]["seats"],
        check=precondition(request),
    )
    return response_with_etag({"seats": seats}, version=auditorium)


@routes.add("GET", "/admin/seats/{seat_id}", output=SeatOutput(), etag=True)
async def get_seat(request: web.Request) -> web.StreamResponse:
    """One seat."""
    seat = await find_row(request, "seat", lambda conn, seat_id: auditoriums.find_seat(conn, seat_id=seat_id))
    return conditional_response(request, seat)


@routes.add(
    "PUT", "/admin/seats/{seat_id}", body=SeatBody(), output=SeatOutput(), raises=(InUse, PlaceTaken), etag=True
)
async def replace_seat(request: web.Request) -> web.StreamResponse:
    """Replace a seat; one that is held or booked for a showtime that is not over keeps its row and number."""
    seat_id, check = path_id(request, "seat_id"), precondition(request)
    seat = await service.replace_seat(request.app[CATALOG_CONTEXT], seat_id=seat_id, seat=request[BODY], check=check)
    return response_with_etag(seat)


@routes.add("DELETE", "/admin/seats/{seat_id}", status=204, raises=(InUse,), etag=True)
async def delete_seat(request: web.Request) -> web.StreamResponse:
    """Remove a seat that is neither held nor booked for a showtime that is not over."""
    seat_id = path_id(request, "seat_id")
    await service.delete_seat(request.app[CATALOG_CONTEXT], seat_id=seat_id, check=precondition(request))
    return web.Response(status=204)


def _require_different(message: str, values: Iterable[tuple[tuple[str | int, ...], Hashable]]) -> None:
    """Raise ValidationError with a message at the path of each value that one before it has."""
    seen: set[Hashable] = set()
    errors: dict[Any, Any] = {}
    for path, value in values:
        if value in seen:
            below = errors
            for step in path[:-1]:
                below = below.setdefault(step, {})
            below[path[-1]] = [message]
        seen.add(value)
    if errors:
        raise ValidationError(errors)
