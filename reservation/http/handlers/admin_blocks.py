"""Administration of blocked seats."""

from collections.abc import Sequence

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate

from ...catalog import blocks as service
from ...db.repository import blocks, showtimes
from ...errors import SeatsUnavailable, ShowtimeCancelled, ShowtimeStarted
from ...runtime.fields import Id, Input, Text
from ..app_keys import BODY, CATALOG_CONTEXT, QUERY
from ..input.path_ids import find_row, path_id
from ..output.responses import created_response
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..preconditions import precondition
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes

routes = Routes("Administration: showtimes", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

PATH = "/admin/showtimes/{showtime_id}/blocks"
MOST_SEATS = 1000
LONGEST_REASON = 200


def _no_repeats(seat_ids: Sequence[int]) -> None:
    seen: set[int] = set()
    for index, seat_id in enumerate(seat_ids):
        if seat_id in seen:
            raise ValidationError({index: ["This seat is in the list already."]})
        seen.add(seat_id)


class UnblockBody(Input):
    """Seats to put on sale again."""

    seat_ids = fields.List(
        Id(),
        required=True,
        validate=[validate.Length(1, MOST_SEATS), _no_repeats],
        metadata={"uniqueItems": True, "examples": [[17, 18]]},
    )


class BlockBody(UnblockBody):
    """Seats that the cinema keeps for itself, and why."""

    reason = Text(LONGEST_REASON, lines=True, required=True, metadata={"examples": ["House seats"]})


class BlockedSeatOutput(Schema):
    """A seat that the cinema keeps for itself, and why."""

    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    reason = fields.String(required=True)


class BlocksOutput(Schema):
    """The seats that were blocked, in row then number order."""

    showtime_id = Id(required=True)
    seats = fields.List(fields.Nested(BlockedSeatOutput()), required=True)


class BlocksQuery(PageQuery):
    """A page of a showtime's blocked seats."""

    cursor = Cursor(str, int, load_default=("", 0))


@routes.add(
    "POST",
    PATH,
    body=BlockBody(),
    status=201,
    output=BlocksOutput(),
    raises=(SeatsUnavailable, ShowtimeStarted, ShowtimeCancelled),
)
async def block_seats(request: web.Request) -> web.StreamResponse:
    """Block seats of a showtime, all of them or none: they cannot be held until they are unblocked.

    409 `seats_unavailable` names the seats that are held, booked or blocked.
    """
    showtime_id = path_id(request, "showtime_id")
    seats = await service.block_seats(request.app[CATALOG_CONTEXT], showtime_id=showtime_id, **request[BODY])
    return created_response(
        {"showtime_id": showtime_id, "seats": seats}, location=f"/admin/showtimes/{showtime_id}/blocks"
    )


@routes.add("GET", PATH, query=BlocksQuery(), output=page_schema(BlockedSeatOutput()))
async def list_blocks(request: web.Request) -> web.StreamResponse:
    """The blocked seats of a showtime, in row then number order."""
    showtime = await find_row(
        request, "showtime", lambda conn, row_id: showtimes.find_showtime(conn, showtime_id=row_id)
    )
    row, number = request[QUERY]["cursor"]
    return await page_response(
        request,
        lambda conn, rows: blocks.list_blocks(
            conn, showtime_id=showtime.id, after_row=row, after_number=number, row_limit=rows
        ),
        lambda seat: [seat.row_label, seat.seat_number],
    )


@routes.add("DELETE", PATH, body=UnblockBody(), status=204, etag=True)
async def unblock_seats(request: web.Request) -> web.StreamResponse:
    """Put blocked seats of a showtime on sale again, all of them or none; a seat that is not blocked is 422.

    If-Match takes the ETag of the showtime, which changes with its blocks.
    """
    showtime_id, check = path_id(request, "showtime_id"), precondition(request)
    await service.unblock_seats(request.app[CATALOG_CONTEXT], showtime_id=showtime_id, **request[BODY], check=check)
    return web.Response(status=204)
