"""The seat map."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...errors import HoldsUnavailable, Invalid
from ...runtime.fields import MAX_ID, Id, Input, IntegerParameter, Money, Slug
from ...seatmap.drawing import compress
from ...seatmap.seat_maps import SeatMap
from ..app_keys import BOOKING_CONTEXT, LIVE, QUERY, SEAT_MAPS
from ..input.path_ids import path_id
from ..output.compression import MIN_BYTES, encoded_response, known_tag, unchanged_response, wants_gzip
from ..output.responses import SingleWriteResponse
from ..output.schemas import SEAT_STATUSES, SEAT_TYPE
from ..routes import Routes

routes = Routes("Seat map")

MIN_SEATS = 10  # of a map of more than MIN_BYTES
_NO_CHANGES = b'{"showtime_id":%d,"version":%d,"since":%d,"seats":[]}'


class SeatStatusOutput(Schema):
    """A seat of a showtime with its price and status."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = Slug(required=True, metadata=SEAT_TYPE)
    price = Money(required=True)
    status = fields.String(required=True, validate=validate.OneOf(SEAT_STATUSES))


class SeatMapQuery(Input):
    """What the client has, and what it wants."""

    since = IntegerParameter(
        0, MAX_ID, metadata={"description": "A version of the map: only the seats that may have changed since then"}
    )
    wanted = fields.String(
        data_key="fields",
        validate=validate.OneOf(("status",)),
        metadata={"description": "`status`: only a letter for each seat; not along with `since`"},
    )


class SeatMapOutput(Schema):
    """The seats of a showtime, in row then number order; every change raises the version."""

    showtime_id = Id(required=True)
    version = fields.Integer(required=True)
    since = fields.Integer(
        allow_none=True,
        metadata={
            "description": "Only with `?since=`: its value if these are the changes since then, null if all seats"
        },
    )
    seats = fields.List(fields.Nested(SeatStatusOutput()), required=True)


class SeatStatusesOutput(Schema):
    """With `?fields=status`: the statuses of a showtime's seats, in the order of `GET /auditoriums/{id}/layout`."""

    showtime_id = Id(required=True)
    version = fields.Integer(required=True)
    auditorium_id = Id(
        required=True,
        metadata={"description": "The auditorium of the layout of the letters: if it is another, read that layout"},
    )
    layout_version = fields.Integer(
        required=True,
        metadata={"description": "The `version` of the layout of the letters: if it is another, read that again"},
    )
    statuses = fields.String(
        required=True,
        validate=validate.Regexp("^[ahbx]*$"),
        metadata={"description": "A letter for each seat: a available, h held, b booked, x blocked"},
    )


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/seats",
    query=SeatMapQuery(),
    output=SeatMapOutput(),
    other_output=SeatStatusesOutput(),
    raises=(HoldsUnavailable,),
    etag=True,
)
async def get_seat_map(request: web.Request) -> web.StreamResponse:
    """The seat map: the status of every seat.

    The ETag is made of the map's version; If-None-Match with it gives 304 while nothing has changed. With `since`, the
    response has only the seats that may have changed since that version, if the service still knows them: while clients
    follow the showtime's events, and a little longer. Otherwise it has all seats, and `"since": null`. With
    `fields=status` it has a letter for each seat of the layout, and nothing else of them.
    """
    showtime_id = path_id(request, "showtime_id")
    maps, query = request.app[SEAT_MAPS], request[QUERY]
    suffix = "-status" if "wanted" in query else ""
    if suffix and "since" in query:
        raise Invalid("/since", "Must not be given along with fields.")
    if "If-None-Match" not in request.headers and "since" not in query:
        return _whole(request, await maps.current(showtime_id), suffix)
    version = (await request.app[BOOKING_CONTEXT].holds.state(showtime_id)).version
    tag = known_tag(request, f"{version}{suffix}")
    if tag is not None:
        return unchanged_response(etag=tag)
    if "since" in query:
        return await _since(request, showtime_id, version, query["since"])
    response = _whole(request, await maps.at(showtime_id, version), suffix)
    if request.headers["If-None-Match"] == "*":  # any representation matches, but the showtime has to exist
        return unchanged_response(etag=response.headers["ETag"])
    return response


def _whole(request: web.Request, seat_map: SeatMap, suffix: str) -> SingleWriteResponse:
    """The map, or its statuses."""
    maps, gzip = request.app[SEAT_MAPS], wants_gzip(request)
    if suffix:
        gzip = gzip and len(seat_map.statuses) >= MIN_BYTES
        body = maps.statuses(seat_map, compressed=gzip)
    else:
        gzip = gzip and len(seat_map.statuses) >= MIN_SEATS
        body = maps.body(seat_map, compressed=gzip)
    return encoded_response(body, etag=f"{seat_map.version}{suffix}", gzip=gzip)


async def _since(request: web.Request, showtime_id: int, version: int, since: int) -> web.StreamResponse:
    """The changes since a version, or the whole map if they are not known."""
    maps, gzip = request.app[SEAT_MAPS], wants_gzip(request)
    changes = await request.app[LIVE].body_since(showtime_id, since, at_least=version)
    if changes is None:
        seat_map = await maps.at(showtime_id, version)
        if since != seat_map.version:
            gzip = gzip and len(seat_map.statuses) >= MIN_SEATS
            body = maps.body_without_since(seat_map, compressed=gzip)
            return encoded_response(body, etag=f"{seat_map.version}-all", gzip=gzip)
        changes = since, _NO_CHANGES % (showtime_id, since, since)
    version, body = changes
    gzip = gzip and len(body) >= MIN_BYTES
    # Another ETag than the whole map's.
    return encoded_response(compress(body) if gzip else body, etag=f"{version}-{since}", gzip=gzip)
