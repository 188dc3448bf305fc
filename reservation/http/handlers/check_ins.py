"""The door: staff and scanners check tickets in."""

from datetime import datetime
from uuid import UUID

from aiohttp import web
from marshmallow import Schema, fields

from ...booking.idempotency import FirstOutcome
from ...db.repository import tickets
from ...errors import AlreadyCheckedIn, NotFound, TicketCancelled, WrongShowtime
from ...runtime.fields import Id, Input, Instant, VerbatimText
from ...tickets.check_in import Scan, check_in, find_checked_in
from ..app_keys import BODY, CALLER, DATABASE, IDEMPOTENCY_KEY, QUERY, TICKETS
from ..input.path_ids import path_id
from ..output.responses import SingleWriteResponse, json_response
from ..output.schemas import ReservedSeatOutput, ReservedShowtimeOutput
from ..paging import Cursor, PageQuery, next_page
from ..routes import CHECK_IN, CHECK_IN_OR_REPORTS, Access, Routes
from .reservations import FAR_AHEAD, HIGHEST

routes = Routes("Door", Access.STAFF, read_scopes=CHECK_IN_OR_REPORTS, write_scopes=CHECK_IN)

MAX_CODE_CHARS = 1000  # of the content of a QR code


class CheckInInput(Input):
    """The ticket to check in."""

    code = VerbatimText(
        MAX_CODE_CHARS,
        required=True,
        metadata={"description": "The ticket's code as it was typed, or the content of its QR code"},
    )
    showtime_id = Id(metadata={"description": "The showtime at this door; a ticket of another one is a 409"})
    checked_in_at = Instant(
        metadata={"description": "When a scanner without a connection has let the customer in; if not given, now"}
    )


class CheckInCountOutput(Schema):
    """How many of a showtime's tickets are checked in."""

    checked_in = fields.Integer(required=True)
    sold = fields.Integer(required=True, metadata={"description": "Number of seats that are sold"})


class CheckedInOutput(Schema):
    """A ticket that was checked in: its seat, its showtime with the film, and the count of the showtime."""

    ticket_id = fields.UUID(required=True)
    code = fields.String(required=True, metadata={"description": "The code of the ticket"})
    reservation_id = fields.UUID(required=True)
    seat = fields.Nested(ReservedSeatOutput(), required=True)
    showtime = fields.Nested(ReservedShowtimeOutput(), required=True)
    checked_in_at = Instant(required=True)
    count = fields.Nested(CheckInCountOutput(), required=True)


class CheckInOutput(Schema):
    """A ticket that is checked in, in the list of its showtime."""

    ticket_id = fields.UUID(required=True)
    code = fields.String(required=True, metadata={"description": "The code of the ticket"})
    reservation_id = fields.UUID(required=True)
    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    checked_in_at = Instant(required=True)
    checked_in_by = Id(required=True, metadata={"description": "The account, or that of the scanner's API key"})


class CheckInListOutput(Schema):
    """A page of the check-ins of a showtime, and the count of all."""

    count = fields.Nested(CheckInCountOutput(), required=True)
    items = fields.List(fields.Nested(CheckInOutput()), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})


class CheckInsQuery(PageQuery):
    """A page of check-ins, the last first."""

    cursor = Cursor(datetime, UUID, load_default=(FAR_AHEAD, HIGHEST))


async def replayed_check_in(request: web.Request, _: FirstOutcome) -> SingleWriteResponse:
    """The first answer to a check-in, with the count of now."""
    return json_response(await find_checked_in(request.app[TICKETS], request[BODY]["code"]))


@routes.add(
    "POST",
    "/check-ins",
    body=CheckInInput(),
    output=CheckedInOutput(),
    raises=(NotFound, AlreadyCheckedIn, WrongShowtime, TicketCancelled),
    replay=replayed_check_in,
)
async def check_in_ticket(request: web.Request) -> web.StreamResponse:
    """Check a ticket in, once: of two scans at the same time one gets the 200, and the other a 409.

    A content that no key of the cinema has signed is a 422, and an unknown code a 404. Without a showtime, the ticket
    of any showtime is checked in. A scanner that was offline sends what it has let in with `checked_in_at`, which is
    not taken as later than now, and each with an Idempotency-Key of its own: the repetition of its own request is then
    a 200 with `Idempotent-Replayed`, and the ticket that another scanner has let in as well a 409.
    """
    asked = Scan(staff_id=request[CALLER].user_id, **request[BODY])
    return json_response(await check_in(request.app[TICKETS], asked, request[IDEMPOTENCY_KEY]))


@routes.add("GET", "/showtimes/{showtime_id}/check-ins", query=CheckInsQuery(), output=CheckInListOutput())
async def list_check_ins(request: web.Request) -> web.StreamResponse:
    """The tickets of a showtime that are checked in, the last first, and how many of its seats are sold."""
    showtime_id, limit = path_id(request, "showtime_id"), request[QUERY]["limit"]
    before, before_id = request[QUERY]["cursor"]
    async with request.app[DATABASE].connection() as conn:
        count = await tickets.count_check_ins(conn, showtime_id=showtime_id)
        rows = await tickets.list_check_ins(
            conn, showtime_id=showtime_id, before=before, before_id=before_id, row_limit=limit + 1
        )
    if count is None:
        raise NotFound
    last = rows[limit - 1] if len(rows) > limit else None
    page, headers = next_page(request, None if last is None else [last.checked_in_at, last.ticket_id])
    return json_response({"count": count, "items": rows[:limit], **page}, headers=headers)
