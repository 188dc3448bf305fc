"""Reservations, the caller's own and for staff everybody's: read, confirm, extend, cancel."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web
from marshmallow import fields, validate

from ...booking.cancel import CUSTOMER, Canceller, cancel
from ...booking.confirm import confirm
from ...booking.extend import extend
from ...booking.lookup import find
from ...db.repository import reservation_lists
from ...errors import (
    AlreadyCheckedIn,
    HoldExpired,
    HoldsUnavailable,
    LimitReached,
    PaymentRequired,
    ReservationCancelled,
    ReservationConfirmed,
    SalesEnded,
    SeatsUnavailable,
    ShowtimeStarted,
    TooLateToCancel,
)
from ...runtime.fields import Input, StrictBoolean
from ..app_keys import BODY, BOOKING_CONTEXT, CALLER, DATABASE, IDEMPOTENCY_KEY, QUERY
from ..box_office import owner_id
from ..hold_limits import limits_of
from ..input.path_ids import path_uuid
from ..input.seat_ids import SeatIds
from ..output.reservations import replayed_change, replayed_confirm, reservation_members, reservation_response
from ..output.schemas import RESERVATION_STATUSES, ReservationOutput
from ..paging import Cursor, PageQuery, page_schema, page_with_key
from ..routes import BOOKING, BOOKING_OR_REPORTS, STAFF_ROLES, Access, Routes

routes = Routes("Booking", Access.SIGNED_IN, read_scopes=BOOKING_OR_REPORTS, write_scopes=BOOKING)

FAR_AHEAD = datetime(9999, 1, 1, tzinfo=UTC)
HIGHEST = UUID(int=2**128 - 1)


class CancelInput(Input):
    """The seats to cancel; without them, all. `holds_only`: not if the reservation has been confirmed."""

    seat_ids = SeatIds()
    holds_only = StrictBoolean(
        metadata={"description": "Only release a hold: a confirmed reservation is a 409, and stays"}
    )


class ReservationsQuery(PageQuery):
    """Filters of the reservations."""

    cursor = Cursor(datetime, UUID, load_default=(FAR_AHEAD, HIGHEST))
    status = fields.String(validate=validate.OneOf(RESERVATION_STATUSES))


@routes.add("GET", "/reservations", query=ReservationsQuery(), output=page_schema(ReservationOutput()))
async def list_reservations(request: web.Request) -> web.StreamResponse:
    """Your reservations, newest first.

    With a status, a page of an account with very many reservations may have fewer of them than the limit, or none, and
    still a next_cursor: follow it until it is null.
    """
    user_id, status, limit = request[CALLER].user_id, request[QUERY].get("status"), request[QUERY]["limit"]
    before, before_id = request[QUERY]["cursor"]
    async with request.app[DATABASE].connection() as conn:
        found = await reservation_lists.list_reservations(
            conn, user_id=user_id, before=before, before_id=before_id, status=status, page_size=limit
        )
    items = [reservation_members(request, each) for each in found.reservations]
    return page_with_key(request, items, found.next_key)


@routes.add("GET", "/reservations/{reservation_id}", output=ReservationOutput())
async def get_reservation(request: web.Request) -> web.StreamResponse:
    """One of your reservations; a hold past expires_at has the status expired.

    Staff and administrators may read, confirm, extend, change and cancel any reservation.
    """
    return reservation_response(request, await find(request.app[DATABASE], **await owner_and_id(request)))


@routes.add(
    "POST",
    "/reservations/{reservation_id}/confirm",
    output=ReservationOutput(),
    raises=(HoldExpired, SeatsUnavailable, LimitReached, ReservationCancelled, PaymentRequired),
    replay=replayed_confirm,
)
async def confirm_reservation(request: web.Request) -> web.StreamResponse:
    """Confirm a hold.

    After a 200 the seats are booked, whatever fails afterwards. Confirming again changes nothing. A hold that has
    expired is confirmed late, with `late: true`, until the end of the sale if all its seats can still be had and the
    customer's limit allows them.

    Where the service takes payments, a hold that costs something has to be paid first: 402 `payment_required` says how
    much is missing.
    """
    context, key = request.app[BOOKING_CONTEXT], request[IDEMPOTENCY_KEY]
    limits = limits_of(context, request[CALLER])
    confirmed = await confirm(context, **await owner_and_id(request), limits=limits, idempotency_key=key)
    return reservation_response(request, confirmed)


@routes.add(
    "POST",
    "/reservations/{reservation_id}/extend",
    output=ReservationOutput(),
    raises=(
        HoldExpired,
        SeatsUnavailable,
        ReservationConfirmed,
        ReservationCancelled,
        SalesEnded,
        ShowtimeStarted,
        HoldsUnavailable,
    ),
)
async def extend_reservation(request: web.Request) -> web.StreamResponse:
    """Extend a hold.

    It then expires HOLD_TTL_SECONDS from now (600 by default), but never later than HOLD_MAX_SECONDS (1800 by default)
    after it was created. A hold that has reached this limit does not change. After the end of the sale no hold can be
    extended; it can be confirmed until it expires.
    """
    extended = await extend(request.app[BOOKING_CONTEXT], **await owner_and_id(request))
    return reservation_response(request, extended)


@routes.add(
    "POST",
    "/reservations/{reservation_id}/cancel",
    body=CancelInput(),
    may_lack_body=True,
    output=ReservationOutput(),
    raises=(HoldExpired, TooLateToCancel, AlreadyCheckedIn, ReservationConfirmed, ReservationCancelled),
    replay=replayed_change,
)
async def cancel_reservation(request: web.Request) -> web.StreamResponse:
    """Release a hold, or cancel a confirmed reservation before the cutoff; its seats are available at once.

    With `seat_ids`, only these seats are cancelled: the others stay held or confirmed, and the total is theirs. All of
    them are the whole reservation. A seat that the reservation does not have, or not any more, is a 422, and nothing is
    cancelled. With `holds_only`, a reservation that has been confirmed in the meantime is not cancelled.
    """
    context, key, asked = request.app[BOOKING_CONTEXT], request[IDEMPOTENCY_KEY], request[BODY]
    whose = await owner_and_id(request)
    by = canceller_of(request, whose)
    cancelled = await cancel(
        context,
        **whose,
        seat_ids=asked.get("seat_ids"),
        canceller=by,
        holds_only=asked.get("holds_only", False),
        idempotency_key=key,
    )
    return reservation_response(request, cancelled)


async def owner_and_id(request: web.Request) -> dict[str, Any]:
    """The arguments of booking's functions that say which reservation of whom the request is about."""
    reservation_id, caller = path_uuid(request, "reservation_id"), request[CALLER]
    user_id = await owner_id(request, reservation_id) if caller.user.role in STAFF_ROLES else caller.user_id
    return {"user_id": user_id, "reservation_id": reservation_id}


def canceller_of(request: web.Request, whose: Mapping[str, Any]) -> Canceller:
    """Who cancels or changes the reservation of `owner_and_id`: the customer, or staff."""
    return CUSTOMER if whose["user_id"] == request[CALLER].user_id else Canceller("staff")
