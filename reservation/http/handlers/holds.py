"""Hold seats."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from aiohttp import web
from marshmallow import ValidationError, fields, validate

from ...booking.hold import hold
from ...booking.idempotency import FirstOutcome
from ...db.repository.reservations import Reservation
from ...errors import HoldsUnavailable, Invalid, SeatsUnavailable, ShowtimeStarted
from ...runtime.fields import BoundedInteger, Id, Input
from ...settings import HIGHEST_MAX_SEATS
from ..app_keys import BEST_AVAILABLE, BODY, BOOKING_CONTEXT, CALLER, IDEMPOTENCY_KEY, SETTINGS
from ..input.path_ids import path_id
from ..output.responses import SingleWriteResponse, created_response
from ..output.schemas import SEAT_TYPES, ReservationOutput
from ..routes import BOOKING, Access, Routes

routes = Routes("Booking", write_scopes=BOOKING)


@dataclass(frozen=True, slots=True)
class Hold:
    """The seats to hold: by id, or a quantity of the best available ones, optionally of one type."""

    seat_ids: list[int] = field(default_factory=list)
    quantity: int = 0
    seat_type: str | None = None


def _no_repeats(seat_ids: Sequence[int]) -> None:
    seen: set[int] = set()
    for index, seat_id in enumerate(seat_ids):
        if seat_id in seen:
            raise ValidationError({index: ["This seat is in the list already."]})
        seen.add(seat_id)


class HoldInput(Input):
    """The seats to hold: by id, each once, or a quantity of the best available ones.

    The maximum is MAX_SEATS_PER_HOLD, 10 by default.
    """

    loads_as = Hold
    exactly_one_of = ("seat_ids", "quantity")
    depends_on: ClassVar = {"seat_type": "quantity"}
    seat_ids = fields.List(
        Id(), validate=[validate.Length(1, HIGHEST_MAX_SEATS), _no_repeats], metadata={"uniqueItems": True}
    )
    quantity = BoundedInteger(1, HIGHEST_MAX_SEATS, metadata={"description": "Number of adjacent seats in one row"})
    seat_type = fields.String(
        validate=validate.OneOf(SEAT_TYPES),
        metadata={"description": "Type of all these seats; if not given, regular or premium"},
    )


def _created(held: Reservation) -> SingleWriteResponse:
    return created_response(held, location=f"/reservations/{held.id}")


def _replay(first: FirstOutcome) -> SingleWriteResponse:
    return _created(replace(first.reservation, status="held", expires_at=first.expires_at))


@routes.add(
    "POST",
    "/showtimes/{showtime_id}/holds",
    access=Access.SIGNED_IN,
    body=HoldInput(),
    status=201,
    output=ReservationOutput(),
    raises=(SeatsUnavailable, ShowtimeStarted, HoldsUnavailable),
    replay=_replay,
)
async def create_hold(request: web.Request) -> web.StreamResponse:
    """Hold seats of a showtime: all of them or none.

    The hold expires at expires_at unless it is confirmed before. 409 `seats_unavailable` names every seat that is not
    available, and why.

    With `quantity`, the service chooses adjacent seats of one row, near the auditorium's focal row and the middle of
    their row, and avoids to leave single free seats. It never splits a group: if no row has that many adjacent seats
    left, 409 `seats_unavailable` names no seats.
    """
    body: Hold = request[BODY]
    most = request.app[SETTINGS].max_seats_per_hold
    if max(len(body.seat_ids), body.quantity) > most:
        raise Invalid("/quantity" if body.quantity else "/seat_ids", f"At most {most} seats can be held at once.")
    user_id, showtime_id = request[CALLER].user_id, path_id(request, "showtime_id")
    idempotency_key = request.get(IDEMPOTENCY_KEY)
    if body.quantity:
        held = await request.app[BEST_AVAILABLE].hold(
            user_id=user_id,
            showtime_id=showtime_id,
            quantity=body.quantity,
            seat_type=body.seat_type,
            idempotency_key=idempotency_key,
        )
    else:
        held = await hold(
            request.app[BOOKING_CONTEXT],
            user_id=user_id,
            showtime_id=showtime_id,
            seat_ids=body.seat_ids,
            idempotency_key=idempotency_key,
        )
    return _created(held)
