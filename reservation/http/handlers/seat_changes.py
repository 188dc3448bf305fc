"""Change the seats of a reservation: add to a hold, remove from it, exchange."""

from typing import Any

from aiohttp import web

from ...booking.cancel import remove_seat
from ...booking.change_seats import change_seats
from ...booking.sale_window import NOT_ON_SALE
from ...booking.seat_change_plan import SeatChange
from ...errors import (
    AdmissionRequired,
    AlreadyCheckedIn,
    HoldExpired,
    HoldsUnavailable,
    LimitReached,
    PaymentRequired,
    ReservationCancelled,
    ReservationConfirmed,
    SeatsUnavailable,
    TooLateToCancel,
    TooManyRequests,
)
from ...runtime.fields import Id, Input
from ..admission import CallerAdmission
from ..app_keys import BODY, BOOKING_CONTEXT, CALLER, IDEMPOTENCY_KEY, SETTINGS
from ..hold_limits import limits_of, seats_of_address
from ..input.path_ids import path_id
from ..input.seat_ids import SeatIds, WantedSeats
from ..output.reservations import replayed_change, reservation_response
from ..output.schemas import ReservationOutput
from ..routes import BOOKING, Access, Routes
from .holds import tickets_of
from .reservations import canceller_of, owner_and_id

routes = Routes("Booking", Access.SIGNED_IN, write_scopes=BOOKING)


class AddInput(Input):
    """The seats to add to a hold, with or without ticket types; some of them may be its own already."""

    exactly_one_of = ("seat_ids", "seats")
    seat_ids = SeatIds()
    seats = WantedSeats()


class ExchangeInput(Input):
    """The seats that a reservation is to have in place of its own, with or without ticket types.

    Some of its own may be among them.
    """

    exactly_one_of = ("seat_ids", "seats")
    seat_ids = SeatIds()
    seats = WantedSeats()
    showtime_id = Id(metadata={"description": "The showtime of the seats; if not given, that of the reservation"})


@routes.add(
    "POST",
    "/reservations/{reservation_id}/seats",
    body=AddInput(),
    output=ReservationOutput(),
    raises=(
        HoldExpired,
        SeatsUnavailable,
        LimitReached,
        TooManyRequests,
        *NOT_ON_SALE,
        ReservationConfirmed,
        ReservationCancelled,
        HoldsUnavailable,
    ),
    replay=replayed_change,
)
async def add_seats(request: web.Request) -> web.StreamResponse:
    """Add seats to a hold: all of them or none.

    The hold expires when it would have, and the seats that it had keep their tickets and prices. With more than
    MAX_SEATS_PER_HOLD seats in all it is a 422.
    """
    asked = SeatChange(**await _owner_id_and_seats(request), adds=True)
    return reservation_response(request, await change_seats(request.app[BOOKING_CONTEXT], asked))


@routes.add(
    "DELETE",
    "/reservations/{reservation_id}/seats/{seat_id}",
    output=ReservationOutput(),
    raises=(HoldExpired, ReservationConfirmed, ReservationCancelled),
    replay=replayed_change,
)
async def remove_seat_of_hold(request: web.Request) -> web.StreamResponse:
    """Remove a seat from a hold: it is available again at once.

    The answer is the hold that is left. With its last seat, the hold is cancelled. Seats of a confirmed reservation are
    cancelled by POST /reservations/{reservation_id}/cancel.
    """
    whose = await owner_and_id(request)
    removed = await remove_seat(
        request.app[BOOKING_CONTEXT],
        **whose,
        canceller=canceller_of(request, whose),
        seat_id=path_id(request, "seat_id"),
        idempotency_key=request[IDEMPOTENCY_KEY],
    )
    return reservation_response(request, removed)


@routes.add(
    "POST",
    "/reservations/{reservation_id}/exchange",
    body=ExchangeInput(),
    output=ReservationOutput(),
    raises=(
        HoldExpired,
        SeatsUnavailable,
        LimitReached,
        TooManyRequests,
        *NOT_ON_SALE,
        ReservationCancelled,
        TooLateToCancel,
        AlreadyCheckedIn,
        PaymentRequired,
        HoldsUnavailable,
        AdmissionRequired,
    ),
    needs_admission=True,
    replay=replayed_change,
)
async def exchange_seats(request: web.Request) -> web.StreamResponse:
    """Exchange the seats of a hold or of a confirmed reservation for others, of any showtime that is on sale.

    In one transaction, or not at all: if one of the seats is not available, the reservation keeps those that it
    has. Its id and code stay, and so does the end of a hold; the seats have the prices of now and the standard
    ticket, unless `seats` names other types. A confirmed reservation can be exchanged as long as it can be
    cancelled. Where the service takes payments, what it costs less then is refunded, and if it would cost more than is
    paid, 402 `payment_required` says how much, and nothing is exchanged. Seats of another showtime that has
    `waiting_room` need an `Admission-Token`, as a hold of them does.
    """
    asked = SeatChange(**await _owner_id_and_seats(request), showtime_id=request[BODY].get("showtime_id"))
    return reservation_response(request, await change_seats(request.app[BOOKING_CONTEXT], asked))


async def _owner_id_and_seats(request: web.Request) -> dict[str, Any]:
    body: dict[str, Any] = request[BODY]
    whose = await owner_and_id(request)
    return whose | {
        "seat_ids": body.get("seat_ids") or [seat["seat_id"] for seat in body["seats"]],
        "tickets": tickets_of(body),
        "most_seats": request.app[SETTINGS].max_seats_per_hold,
        "changed_by": canceller_of(request, whose).who,
        "limits": limits_of(request.app[BOOKING_CONTEXT], request[CALLER]),
        "admission": CallerAdmission(request),
        "of_address": seats_of_address(request.app[BOOKING_CONTEXT], request),
        "idempotency_key": request[IDEMPOTENCY_KEY],
    }
