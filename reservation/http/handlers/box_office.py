"""The box office: staff and administrators find and cancel the reservations of all customers."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID

from aiohttp import web
from marshmallow import ValidationError, fields, validate

from ...booking.cancel import Canceller, cancel
from ...booking.idempotency import FirstOutcome
from ...db.pool import Connection
from ...db.repository import box_office
from ...db.repository.box_office import CustomerReservation, CustomerReservationPage, ReservationFilter
from ...errors import AlreadyCheckedIn, HoldExpired, NotFound, TooLateToCancel
from ...identity.email_addresses import MAX_EMAIL_CHARS
from ...runtime.fields import MAX_ID, Input, Instant, IntegerParameter, Text
from ..app_keys import BODY, BOOKING_CONTEXT, DATABASE, IDEMPOTENCY_KEY, QUERY
from ..input.path_ids import path_uuid
from ..input.seat_ids import SeatIds
from ..output.reservations import answered_change, reservation_members
from ..output.responses import SingleWriteResponse, json_response
from ..output.schemas import RESERVATION_STATUSES, CustomerReservationOutput, CustomerReservationWithChangesOutput
from ..paging import Cursor, PageQuery, page_schema, page_with_key
from ..replica_reads import read
from ..routes import BOOKING, BOOKING_OR_REPORTS, Access, Routes
from .reservations import FAR_AHEAD, HIGHEST

routes = Routes("Box office", Access.STAFF, read_scopes=BOOKING_OR_REPORTS, write_scopes=BOOKING)

MAX_REASON_CHARS = 500
CODE = r"[- ]*([0-9A-TV-Za-tv-z][- ]*){8}"
# Letters that are read as digits, and what people write between the characters.
MISREAD = str.maketrans("OIL", "011", "- ")
HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


class ReservationCode(fields.String):
    """A reservation's code as people type it: in any case, with hyphens or spaces, O for 0, and I or L for 1.

    It may also have the full-width characters of East Asian keyboards, and dashes.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        code = normalize("NFKC", super()._deserialize(value, attr, data, **rest)).translate(HYPHENS)
        if not re.fullmatch(CODE, code):
            raise ValidationError("Must be the 8 characters of a reservation's code.")
        return code.upper().translate(MISREAD)


class CustomerReservationsQuery(PageQuery):
    """Filters of the reservations of all customers; those given all apply."""

    cursor = Cursor(datetime, UUID, load_default=(FAR_AHEAD, HIGHEST))
    code = ReservationCode(metadata={"description": "Only the reservation with this code", "pattern": f"^{CODE}$"})
    showtime_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only reservations of this showtime"})
    user_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only reservations of this account or guest"})
    email = Text(
        MAX_EMAIL_CHARS,
        metadata={"description": "Only of the account and the guests with this address, in any spelling"},
    )
    status = fields.String(validate=validate.OneOf(RESERVATION_STATUSES))
    created_from = Instant(data_key="from", metadata={"description": "Only reservations made at this time or later"})
    created_to = Instant(data_key="to", metadata={"description": "Only reservations made before this time"})


class BoxOfficeCancelInput(Input):
    """Why staff cancel a reservation, and which seats of it; without them, all."""

    seat_ids = SeatIds()
    reason = Text(
        MAX_REASON_CHARS, lines=True, required=True, metadata={"description": "Staff and administrators see it"}
    )


@routes.add(
    "GET",
    "/admin/reservations",
    query=CustomerReservationsQuery(),
    output=page_schema(CustomerReservationOutput()),
)
async def list_customer_reservations(request: web.Request) -> web.StreamResponse:
    """The reservations of all customers, newest first.

    With a status, from or to, a page may have fewer reservations than the limit, or none, and still a next_cursor:
    follow it until it is null.
    """
    query: dict[str, Any] = {**request[QUERY]}
    (before, before_id), page_size = query.pop("cursor"), query.pop("limit")
    user_id, email = query.pop("user_id", None), query.pop("email", None)

    async def find(conn: Connection) -> CustomerReservationPage:
        user_ids = None if user_id is None else [user_id]
        if email is not None:
            named = await box_office.find_customers(conn, email=email)
            user_ids = named if user_id is None else [each for each in named if each == user_id]
        return await box_office.list_reservations(
            conn,
            wanted=ReservationFilter(user_ids=user_ids, **query),
            before=before,
            before_id=before_id,
            page_size=page_size,
        )

    page = await read(request, find)
    return page_with_key(request, [reservation_members(request, each) for each in page.reservations], page.next_key)


@routes.add("GET", "/admin/reservations/{reservation_id}", output=CustomerReservationWithChangesOutput())
async def get_customer_reservation(request: web.Request) -> web.StreamResponse:
    """One reservation, of whatever customer, with the last changes of its seats."""
    return json_response(await _with_changes(request))


async def replayed_cancel(request: web.Request, first: FirstOutcome) -> SingleWriteResponse:
    """The first answer to a cancel, whatever has become of the reservation."""
    shown = await _with_changes(request)
    answered = reservation_members(request, answered_change(first))
    reason = shown["cancel_reason"] if answered["status"] == "cancelled" else None
    changes = [each for each in shown["changes"] if each.changed_at <= first.answered_at]
    return json_response(shown | answered | {"cancel_reason": reason, "changes": changes})


@routes.add(
    "POST",
    "/admin/reservations/{reservation_id}/cancel",
    body=BoxOfficeCancelInput(),
    output=CustomerReservationWithChangesOutput(),
    raises=(HoldExpired, TooLateToCancel, AlreadyCheckedIn),
    replay=replayed_cancel,
)
async def cancel_customer_reservation(request: web.Request) -> web.StreamResponse:
    """Release a hold or cancel a confirmed reservation, also after the showtime has started.

    Its seats are available at once. With `seat_ids`, only these are cancelled, the others stay, and the reason is that
    of the first of `changes`. Cancelling all again changes nothing: the first reason stays. 409 `too_late_to_cancel` is
    for a reservation in the archive.
    """
    owner_id = (await _find(request)).customer.id
    await cancel(
        request.app[BOOKING_CONTEXT],
        user_id=owner_id,
        reservation_id=path_uuid(request, "reservation_id"),
        seat_ids=request[BODY].get("seat_ids"),
        canceller=Canceller("staff", request[BODY]["reason"]),
        idempotency_key=request[IDEMPOTENCY_KEY],
    )
    return json_response(await _with_changes(request))


async def _find(request: web.Request) -> CustomerReservation:
    reservation_id = path_uuid(request, "reservation_id")
    async with request.app[DATABASE].connection() as conn:
        found = await box_office.find_reservations(conn, reservation_ids=[reservation_id])
    if not found:
        raise NotFound("There is no such reservation.")
    return found[reservation_id]


async def _with_changes(request: web.Request) -> dict[str, Any]:
    found = await _find(request)
    async with request.app[DATABASE].connection() as conn:
        changes = await box_office.list_changes(conn, reservation_id=found.id)
    return reservation_members(request, found) | {"changes": changes}
