"""A customer's own reservations: to read, confirm and cancel."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...booking.cancel import cancel
from ...booking.confirm import confirm
from ...booking.extend import extend
from ...booking.idempotency import Done
from ...booking.lookup import find
from ...db.repository import reservations
from ...errors import (
    HoldExpired,
    HoldsUnavailable,
    ReservationCancelled,
    ReservationConfirmed,
    SeatsUnavailable,
    TooLateToCancel,
)
from ...runtime.fields import Id, Instant, Money
from ..app_keys import BOOKING_CONTEXT, CLAIM, DATABASE, QUERY, USER
from ..paging import Cursor, PageQuery, listing, page
from ..responses import Reply, answer
from ..routes import BOOKING, BOOKING_OR_REPORTS, Access, Routes, path_uuid

routes = Routes("Booking", read_with=BOOKING_OR_REPORTS, write_with=BOOKING)

STATUSES = ("held", "confirmed", "cancelled", "expired")
FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)
HIGHEST = UUID(int=2**128 - 1)


class ReservedSeatOutput(Schema):
    """A seat of a reservation, at the price it was held for."""

    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    price = Money(required=True)


class ReservationOutput(Schema):
    """A hold on seats, and what became of it."""

    id = fields.UUID(required=True)
    showtime_id = Id(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    seats = fields.List(fields.Nested(ReservedSeatOutput()), required=True)
    total_price = Money(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, metadata={"description": "End of the hold; without meaning once confirmed"})


class ReservationsQuery(PageQuery):
    """Which of the reservations."""

    cursor = Cursor(datetime, UUID, load_default=(FAR_AHEAD, HIGHEST))
    status = fields.String(validate=validate.OneOf(STATUSES))


@routes.add(
    "GET",
    "/reservations",
    access=Access.SIGNED_IN,
    query=ReservationsQuery(),
    answer=listing(ReservationOutput(), "ReservationListOutput"),
)
async def list_reservations(request: web.Request) -> web.StreamResponse:
    """Your reservations, newest first."""
    query: dict[str, Any] = request[QUERY]
    before, before_id = query["cursor"]
    async with request.app[DATABASE].connection() as conn:
        rows = await reservations.list_reservations(
            conn,
            user_id=request[USER].user_id,
            before=before,
            before_id=before_id,
            status=query.get("status"),
            row_limit=query["limit"] + 1,
        )
    return page(request, rows, query["limit"], lambda reservation: [reservation.created_at, reservation.id])


@routes.add("GET", "/reservations/{reservation_id}", access=Access.SIGNED_IN, answer=ReservationOutput())
async def get_reservation(request: web.Request) -> web.StreamResponse:
    """One of your reservations; a hold past its time reads expired."""
    return answer(await find(request.app[BOOKING_CONTEXT], **_own(request)))


def _confirmed(done: Done) -> Reply:
    return answer(replace(done.reservation, status="confirmed"))


def _cancelled(done: Done) -> Reply:
    return answer(done.reservation)


@routes.add(
    "POST",
    "/reservations/{reservation_id}/confirm",
    access=Access.SIGNED_IN,
    answer=ReservationOutput(),
    raises=(HoldExpired, SeatsUnavailable, ReservationCancelled),
    replay=_confirmed,
)
async def confirm_reservation(request: web.Request) -> web.StreamResponse:
    """Make a hold final.

    Once this has answered 200 the seats are yours, whatever fails afterwards; a second time changes nothing.
    """
    return answer(await confirm(request.app[BOOKING_CONTEXT], **_own(request), claim=request.get(CLAIM)))


@routes.add(
    "POST",
    "/reservations/{reservation_id}/extend",
    access=Access.SIGNED_IN,
    answer=ReservationOutput(),
    raises=(HoldExpired, SeatsUnavailable, ReservationConfirmed, ReservationCancelled, HoldsUnavailable),
)
async def extend_reservation(request: web.Request) -> web.StreamResponse:
    """Restart the clock of a hold.

    It then runs for the whole life of a hold from now, but never past its longest life (HOLD_MAX_SECONDS, half an hour
    unless the installation says otherwise) from its beginning; from there on the answer is the same as before.
    """
    return answer(await extend(request.app[BOOKING_CONTEXT], **_own(request)))


@routes.add(
    "POST",
    "/reservations/{reservation_id}/cancel",
    access=Access.SIGNED_IN,
    answer=ReservationOutput(),
    raises=(HoldExpired, TooLateToCancel),
    replay=_cancelled,
)
async def cancel_reservation(request: web.Request) -> web.StreamResponse:
    """Give up a hold, or a confirmed reservation while there is time; its seats are free at once."""
    return answer(await cancel(request.app[BOOKING_CONTEXT], **_own(request), claim=request.get(CLAIM)))


def _own(request: web.Request) -> dict[str, Any]:
    return {"user_id": request[USER].user_id, "reservation_id": path_uuid(request, "reservation_id")}
