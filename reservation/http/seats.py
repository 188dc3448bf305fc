"""The seat map."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ..errors import HoldsUnavailable
from ..repository import showtimes
from ..repository.showtimes import MapSeat
from .bodies import encode
from .catalog import find_showtime
from .fields import Id, Money
from .keys import DATABASE, STORES
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
async def get_seat_map(request: web.Request) -> web.Response:
    """The seat map: what can be had, what is held, what is booked.

    The ETag is the map's version; If-None-Match with it answers 304 while nothing has changed.
    """
    showtime_id = path_id(request, "showtime_id")
    # Redis first, PostgreSQL second: a hold that is confirmed in between is then seen held or booked, never available.
    version, held = await request.app[STORES].holds.snapshot(showtime_id)
    headers = {"ETag": f'"{version}"', "Cache-Control": "no-cache"}
    known = {tag.value for tag in request.if_none_match or ()}
    if str(version) in known:
        return web.Response(status=304, headers=headers)
    async with request.app[DATABASE].connection() as conn:
        seats = await showtimes.seat_map(conn, showtime_id=showtime_id)
    if not seats:  # a room without any, or a showtime that was deleted while Redis still knows its version
        await find_showtime(request)
    if "*" in known:  # any representation will do, but there has to be one
        return web.Response(status=304, headers=headers)
    body = {"showtime_id": showtime_id, "version": version, "seats": [_seat(seat, held) for seat in seats]}
    return web.Response(body=encode(body), content_type="application/json", headers=headers)


def _seat(seat: MapSeat, held: frozenset[int]) -> dict[str, object]:
    return {
        "id": seat.id,
        "row_label": seat.row_label,
        "seat_number": seat.seat_number,
        "seat_type": seat.seat_type,
        "price": seat.price,
        "status": "booked" if seat.booked else "held" if seat.id in held else "available",
    }
