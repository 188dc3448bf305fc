"""Holding seats."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from aiohttp import web
from marshmallow import ValidationError, fields, validate

from ...booking.hold import hold
from ...booking.idempotency import Done
from ...db.repository.reservations import Reservation
from ...errors import HoldsUnavailable, Invalid, SeatsUnavailable, ShowtimeStarted
from ...runtime.fields import Id, Input, Whole
from ...settings import HIGHEST_MAX_SEATS
from ..app_keys import BEST_AVAILABLE, BODY, BOOKING_CONTEXT, CLAIM, SETTINGS, USER
from ..responses import Reply, created
from ..routes import BOOKING, Access, Routes, path_id
from .reservations import ReservationOutput
from .seats import SEAT_TYPES

routes = Routes("Booking", write_with=BOOKING)


@dataclass(frozen=True, slots=True)
class Hold:
    """Which seats: these, or a quantity of the best, of a type if one is given."""

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
    """Which seats: either these, each once, or how many of the best that are available.

    At most MAX_SEATS_PER_HOLD of them (10 unless the installation says otherwise).
    """

    makes = Hold
    one_of = ("seat_ids", "quantity")
    only_with: ClassVar = {"seat_type": "quantity"}
    seat_ids = fields.List(
        Id(), validate=[validate.Length(1, HIGHEST_MAX_SEATS), _no_repeats], metadata={"uniqueItems": True}
    )
    quantity = Whole(1, HIGHEST_MAX_SEATS, metadata={"description": "How many adjacent seats of one row"})
    seat_type = fields.String(
        validate=validate.OneOf(SEAT_TYPES),
        metadata={"description": "Of which type all of them are to be; without it, regular or premium"},
    )


def _created(held: Reservation) -> Reply:
    return created(held, location=f"/reservations/{held.id}")


def _held(done: Done) -> Reply:
    return _created(replace(done.reservation, status="held", expires_at=done.first_expires_at))


@routes.add(
    "POST",
    "/showtimes/{showtime_id}/holds",
    access=Access.SIGNED_IN,
    body=HoldInput(),
    status=201,
    answer=ReservationOutput(),
    raises=(SeatsUnavailable, ShowtimeStarted, HoldsUnavailable),
    replay=_held,
)
async def create_hold(request: web.Request) -> web.StreamResponse:
    """Hold seats of a showtime: all of them or none.

    The hold ends by itself at expires_at unless it is confirmed before. A refusal names every seat that stands
    against it, and why.

    With a quantity instead of seats, the service chooses: adjacent seats of one row, near the room's focal row and
    the middle of their row, without leaving a single free seat where that can be avoided. A group is never split: when
    no row has so many adjacent seats left, the refusal names no seats.
    """
    body: Hold = request[BODY]
    most = request.app[SETTINGS].max_seats_per_hold
    if max(len(body.seat_ids), body.quantity) > most:
        raise Invalid("/quantity" if body.quantity else "/seat_ids", f"At most {most} seats can be held at once.")
    user_id, showtime_id = request[USER].user_id, path_id(request, "showtime_id")
    claim = request.get(CLAIM)
    if body.quantity:
        held = await request.app[BEST_AVAILABLE].hold(
            user_id=user_id,
            showtime_id=showtime_id,
            quantity=body.quantity,
            seat_type=body.seat_type,
            claim=claim,
        )
    else:
        held = await hold(
            request.app[BOOKING_CONTEXT],
            user_id=user_id,
            showtime_id=showtime_id,
            seat_ids=body.seat_ids,
            claim=claim,
        )
    return _created(held)
