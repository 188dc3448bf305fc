"""The seat map."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...errors import HoldsUnavailable
from ...holds.store import MapState
from ...runtime.fields import MAX_ID, Id, Input, Money, WholeText
from ..app_keys import BOOKING_CONTEXT, LIVE, QUERY, SEAT_MAPS
from ..responses import unchanged, versioned
from ..routes import Routes, path_id

routes = Routes("Seat map")

_NOTHING_NEW = b'{"showtime_id":%d,"version":%d,"since":%d,"seats":[]}'
SEAT_TYPES = ("regular", "premium", "wheelchair")
AVAILABILITIES = ("available", "held", "booked")


class SeatStatusOutput(Schema):
    """A seat of a showtime, its price there, and whether it can be had."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = fields.String(required=True, validate=validate.OneOf(SEAT_TYPES))
    price = Money(required=True)
    status = fields.String(required=True, validate=validate.OneOf(AVAILABILITIES))


class SeatMapQuery(Input):
    """What the client has already."""

    since = WholeText(0, MAX_ID, metadata={"description": "A version: only the seats that may have changed since"})


class SeatMapOutput(Schema):
    """The seats of a showtime, in row then number order; the version counts up with every change."""

    showtime_id = Id(required=True)
    version = fields.Integer(required=True)
    since = fields.Integer(
        allow_none=True,
        metadata={"description": "With ?since: the same if these are the changes since, null if these are all seats"},
    )
    seats = fields.List(fields.Nested(SeatStatusOutput()), required=True)


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/seats",
    query=SeatMapQuery(),
    answer=SeatMapOutput(),
    raises=(HoldsUnavailable,),
    etag=True,
)
async def get_seat_map(request: web.Request) -> web.StreamResponse:
    """The seat map: what can be had, what is held, what is booked.

    The ETag is the map's version; If-None-Match with it answers 304 while nothing has changed. With `since`, the answer
    has only the seats that may have changed since that version, as long as this is remembered: while somebody follows
    the showtime live, and a little longer. Otherwise it has all of them, and says so with `"since": null`.
    """
    showtime_id = path_id(request, "showtime_id")
    app = request.app
    state = await app[BOOKING_CONTEXT].holds.state(showtime_id)
    known = request.headers.get("If-None-Match")
    if known is not None and _is_known(request, known, state.version):
        return unchanged(etag=state.version)
    since: int | None = request[QUERY].get("since")
    if since is not None:
        return await _since(app, showtime_id, state, since)
    seat_map = await app[SEAT_MAPS].at(showtime_id, state)
    if known == "*":  # any representation will do, but there has to be one
        return unchanged(etag=seat_map.state.version)
    return versioned(seat_map.body, etag=seat_map.state.version)


async def _since(app: web.Application, showtime_id: int, state: MapState, since: int) -> web.StreamResponse:
    """What has changed since a version; all of the map where nobody knows."""
    changes = await app[LIVE].body_since(showtime_id, since, at_least=state.version)
    if changes is not None:
        version, body = changes
        return versioned(body, etag=f"{version}-{since}")  # not all of that version
    seat_map = await app[SEAT_MAPS].at(showtime_id, state)
    version = seat_map.state.version
    if since == version:
        return versioned(_NOTHING_NEW % (showtime_id, version, since), etag=f"{version}-{since}")
    head = b'{"showtime_id":%d,"version":%d,' % (showtime_id, version)
    return versioned(b'%b"since":null,%b' % (head, seat_map.body.removeprefix(head)), etag=version)


def _is_known(request: web.Request, header: str, version: int) -> bool:
    """Whether If-None-Match names the version; most often it is just that."""
    if header == f'"{version}"':
        return True
    return str(version) in {tag.value for tag in request.if_none_match or ()}
