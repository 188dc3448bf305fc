"""The seat map."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ..errors import HoldsUnavailable
from .fields import Id, Money
from .keys import SEAT_MAPS, STORES
from .responses import unchanged, versioned
from .routes import Routes, path_id

routes = Routes("Seat map")

SEAT_TYPES = ("regular", "premium", "wheelchair")


class SeatStatusOutput(Schema):
    """A seat of a showtime, its price there, and whether it can be had."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = fields.String(required=True, validate=validate.OneOf(SEAT_TYPES))
    price = Money(required=True)
    status = fields.String(required=True, validate=validate.OneOf(("available", "held", "booked")))


class SeatMapOutput(Schema):
    """All seats of a showtime, in row then number order; the version counts up with every change."""

    showtime_id = Id(required=True)
    version = fields.Integer(required=True)
    seats = fields.List(fields.Nested(SeatStatusOutput()), required=True)


@routes.add("GET", "/showtimes/{showtime_id}/seats", answer=SeatMapOutput(), raises=(HoldsUnavailable,), etag=True)
async def get_seat_map(request: web.Request) -> web.StreamResponse:
    """The seat map: what can be had, what is held, what is booked.

    The ETag is the map's version; If-None-Match with it answers 304 while nothing has changed.
    """
    showtime_id = path_id(request, "showtime_id")
    app = request.app
    state = await app[STORES].holds.state(showtime_id)
    known = request.headers.get("If-None-Match")
    if known is not None and _is_known(request, known, state.version):
        return unchanged(etag=state.version)
    seat_map = await app[SEAT_MAPS].at(showtime_id, state)
    if known == "*":  # any representation will do, but there has to be one
        return unchanged(etag=seat_map.state.version)
    return versioned(seat_map.body, etag=seat_map.state.version)


def _is_known(request: web.Request, header: str, version: int) -> bool:
    """Whether If-None-Match names the version; most often it is just that."""
    if header == f'"{version}"':
        return True
    return str(version) in {tag.value for tag in request.if_none_match or ()}
