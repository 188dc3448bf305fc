"""Hold seats."""

from typing import Any, ClassVar

from aiohttp import web
from marshmallow import fields, validate

from ...booking.hold import HoldDetails, hold
from ...booking.idempotency import FirstOutcome
from ...booking.metrics import HOLDS_PLACED, count_refusal
from ...booking.sale_window import NOT_ON_SALE
from ...errors import (
    AdmissionRequired,
    DomainError,
    Forbidden,
    HoldsUnavailable,
    Invalid,
    Json,
    LimitReached,
    SeatsUnavailable,
    TooManyAttempts,
    TooManyRequests,
)
from ...runtime.fields import MAX_ID, BoundedInteger, Id, Input, JsonObject, Slug, Text
from ...seatmap.ticket_types import ALL_STANDARD, WantedTickets
from ...settings import HIGHEST_MAX_SEATS
from ..admission import CallerAdmission
from ..app_keys import BEST_AVAILABLE, BODY, BOOKING_CONTEXT, CALLER, IDEMPOTENCY_KEY, SETTINGS
from ..box_office import customer_id, customer_of
from ..hold_limits import count_of, limits_of, seats_of_address
from ..input.path_ids import path_id
from ..input.seat_ids import SeatIds, WantedSeats
from ..output.reservations import first_hold, hold_response
from ..output.responses import SingleWriteResponse
from ..output.schemas import ReservationOutput
from ..routes import BOOKING, Access, Routes
from .accounts import Email

REFERENCE_CHARS = 100
METADATA_BYTES = 1024

routes = Routes("Booking", Access.SIGNED_IN, write_scopes=BOOKING)


class CustomerInput(Input):
    """For whom the box office holds seats."""

    email = Email()
    name = Text(200, required=True, metadata={"description": "Of a guest; an account keeps its own"})


class HoldInput(Input):
    """The seats to hold: by id, each once, with or without ticket types, or a quantity of the best available ones.

    The maximum is MAX_SEATS_PER_HOLD, 10 by default.
    """

    exactly_one_of = ("seat_ids", "seats", "quantity")
    depends_on: ClassVar = {"seat_type": "quantity", "ticket_type_ids": "quantity"}
    seat_ids = SeatIds()
    seats = WantedSeats()
    quantity = BoundedInteger(
        1,
        HIGHEST_MAX_SEATS,
        out_of_range="Must be from 1 to MAX_SEATS_PER_HOLD, which is max_seats_per_hold in GET /config.",
        metadata={"description": "Number of adjacent seats in one row"},
    )
    seat_type = Slug(
        metadata={
            "description": "Type of all these seats; `wheelchair`: one wheelchair place, and companion seats beside it."
            " If not given, any, with wheelchair places and companion seats last"
        },
    )
    ticket_type_ids = fields.List(
        Id(),
        validate=validate.Length(1, HIGHEST_MAX_SEATS),
        metadata={"description": "The ticket types of the seats from left to right, as many as `quantity`"},
    )
    reference = Text(REFERENCE_CHARS, metadata={"description": "Your own, such as the number of an order"})
    metadata = JsonObject(
        most_bytes=METADATA_BYTES,
        metadata={"description": f"Your own; up to {METADATA_BYTES} bytes without white space between tokens"},
    )
    customer = fields.Nested(
        CustomerInput(), metadata={"description": "For staff and administrators: whose reservation it becomes"}
    )


def load_fast(body: Json) -> dict[str, Any] | None:
    """Load what most holds send, `seat_ids` or `quantity` alone, as HoldInput does; None leaves a body to HoldInput.

    Marshmallow takes some 70 us for it.
    """
    if not isinstance(body, dict) or len(body) != 1:
        return None
    quantity = body.get("quantity")
    ids: Any = body.get("seat_ids")
    if isinstance(ids, list):
        valid = (
            1 <= len(ids) <= HIGHEST_MAX_SEATS
            and {*map(type, ids)} == {int}
            and min(ids) >= 1
            and max(ids) <= MAX_ID
            and len(set(ids)) == len(ids)
        )
    else:
        valid = type(quantity) is int and 1 <= quantity <= HIGHEST_MAX_SEATS
    return body if valid else None


def tickets_of(body: dict[str, Any]) -> WantedTickets:
    if seats := body.get("seats"):
        type_ids = [seat["ticket_type_id"] for seat in seats]
        return WantedTickets(type_ids, "/seats/{}/ticket_type_id", "/seats/{}/seat_id")
    if type_ids := body.get("ticket_type_ids", []):
        if len(type_ids) != body["quantity"]:
            raise Invalid("/ticket_type_ids", "Must have as many items as quantity says.")
        return WantedTickets(type_ids, "/ticket_type_ids/{}")
    return ALL_STANDARD


def _details(request: web.Request, body: dict[str, Any]) -> HoldDetails:
    context = request.app[BOOKING_CONTEXT]
    return HoldDetails(
        body.get("reference"),
        body.get("metadata"),
        tickets_of(body),
        limits_of(context, request[CALLER]),
        count_of(context, request),
        CallerAdmission(request),
        seats_of_address(context, request),
    )


async def replayed_hold(request: web.Request, first: FirstOutcome) -> SingleWriteResponse:
    """The first answer to a hold, whatever has become of it."""
    held = first_hold(first)
    customer = await customer_of(request, held.id) if "customer" in request[BODY] else None
    return hold_response(request, held, customer)


@routes.add(
    "POST",
    "/showtimes/{showtime_id}/holds",
    body=HoldInput(),
    fast_load=load_fast,
    status=201,
    output=ReservationOutput(),
    raises=(
        SeatsUnavailable,
        LimitReached,
        TooManyAttempts,
        TooManyRequests,
        *NOT_ON_SALE,
        HoldsUnavailable,
        Forbidden,
        AdmissionRequired,
    ),
    needs_admission=True,
    replay=replayed_hold,
)
async def create_hold(request: web.Request) -> web.StreamResponse:
    """Hold seats of a showtime: all of them or none.

    The hold expires at expires_at unless it is confirmed before. Seats can be held from the showtime's on_sale_at until
    its sales_end_at; a hold made in time can be confirmed after it. 409 `seats_unavailable` names every seat that is
    not available, and why.

    With `quantity`, the service chooses adjacent seats of one row, near the auditorium's focal row and the middle of
    their row, and avoids to leave single free seats. It never splits a group: if no row has that many adjacent seats
    left, 409 `seats_unavailable` names no seats.

    A showtime with `waiting_room` needs the header `Admission-Token`, with the admission of its waiting room; 403
    `admission_required` without. Staff, administrators and API keys need none.

    With `customer`, staff and administrators hold for the account with that e-mail address, or for a guest if there is
    none, and the answer has the `customer`; 403 `forbidden` for others.

    409 `limit_reached` is for a customer who has MAX_HOLDS_PER_USER live holds, or would have more than
    MAX_SEATS_PER_USER_PER_SHOWTIME seats of the showtime, held and booked; 429 `too_many_attempts` for an address with
    HOLDS_PER_MINUTE_PER_ADDRESS holds in a minute, and 429 `too_many_requests` for one that would have more than
    HELD_SEATS_PER_ADDRESS seats of the showtime in live holds. Staff and administrators have none of these limits; an
    API key has those of its `limits`, and for what is not there those of its account, but not the last one.
    """
    body: dict[str, Any] = request[BODY]
    seats, quantity = body.get("seats", ()), body.get("quantity", 0)
    seat_ids = body.get("seat_ids", ()) or [seat["seat_id"] for seat in seats]
    app, caller = request.app, request[CALLER]
    most = app[SETTINGS].max_seats_per_hold
    if max(len(seat_ids), quantity) > most:
        given = "/quantity" if quantity else "/seats" if seats else "/seat_ids"
        raise Invalid(given, f"At most {most} seats can be held at once.")
    customer, showtime_id = body.get("customer"), path_id(request, "showtime_id")
    user_id = caller.user_id if customer is None else await customer_id(request, **customer)
    context, key = app[BOOKING_CONTEXT], request[IDEMPOTENCY_KEY]
    details = _details(request, body)
    try:
        if quantity:
            kind = body.get("seat_type")
            held = await app[BEST_AVAILABLE].hold(
                user_id=user_id,
                showtime_id=showtime_id,
                quantity=quantity,
                seat_type=kind,
                details=details,
                idempotency_key=key,
            )
        else:
            held = await hold(
                context,
                user_id=user_id,
                showtime_id=showtime_id,
                seat_ids=seat_ids,
                details=details,
                idempotency_key=key,
            )
    except DomainError as error:
        count_refusal(error)
        raise
    HOLDS_PLACED.value += 1
    return hold_response(request, held, None if customer is None else await customer_of(request, held.id))
