"""Holding seats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiohttp import web
from marshmallow import ValidationError, fields, validate

from .. import booking
from ..errors import HoldsUnavailable, Invalid, SeatsUnavailable, ShowtimeStarted
from ..idempotency import Done
from ..repository.reservations import Reservation
from ..settings import HIGHEST_MAX_SEATS
from .fields import Id, Input
from .keys import BODY, RESERVATION_ID, SETTINGS, STORES, USER
from .reservations import ReservationOutput
from .responses import Reply, created
from .routes import BOOKING, Access, Routes, path_id

routes = Routes("Booking", write_with=BOOKING)


@dataclass(frozen=True, slots=True)
class Hold:
    """Which seats."""

    seat_ids: list[int]


def _no_repeats(seat_ids: Sequence[int]) -> None:
    seen: set[int] = set()
    for index, seat_id in enumerate(seat_ids):
        if seat_id in seen:
            raise ValidationError({index: ["This seat is in the list already."]})
        seen.add(seat_id)


class HoldInput(Input):
    """Which seats: each once, and at most MAX_SEATS_PER_HOLD of them (10 unless the installation says otherwise)."""

    makes = Hold
    seat_ids = fields.List(
        Id(),
        required=True,
        validate=[validate.Length(1, HIGHEST_MAX_SEATS), _no_repeats],
        metadata={"uniqueItems": True},
    )


def _created(held: Reservation) -> Reply:
    return created(held, location=f"/reservations/{held.id}")


def _held(done: Done) -> Reply:
    return _created(replace(done.reservation, status="held", expires_at=done.deed.first_expires_at))


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
    """
    body: Hold = request[BODY]
    most = request.app[SETTINGS].max_seats_per_hold
    if len(body.seat_ids) > most:
        raise Invalid("/seat_ids", f"At most {most} seats can be held at once.")
    held = await booking.hold(
        request.app[STORES],
        user_id=request[USER].user_id,
        showtime_id=path_id(request, "showtime_id"),
        seat_ids=body.seat_ids,
        reservation_id=request.get(RESERVATION_ID),
    )
    return _created(held)
