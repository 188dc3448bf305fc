"""The seat map."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...errors import HoldsUnavailable
from ...holds.store import MapState
from ...runtime.fields import MAX_ID, Id, Input, IntegerParameter, Money
from ..app_keys import BOOKING_CONTEXT, LIVE, QUERY, SEAT_MAPS
from ..input.path_ids import path_id
from ..output.responses import cacheable_response, not_modified
from ..output.schemas import SEAT_STATUSES, SEAT_TYPES
from ..routes import Routes

routes = Routes("Seat map")

_NO_CHANGES = b'{"showtime_id":%d,"version":%d,"since":%d,"seats":[]}'


class SeatStatusOutput(Schema):
    """A seat of a showtime with its price and status."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = fields.String(required=True, validate=validate.OneOf(SEAT_TYPES))
    price = Money(required=True)
    status = fields.String(required=True, validate=validate.OneOf(SEAT_STATUSES))


class SeatMapQuery(Input):
    """The version of the map that the client has."""

    since = IntegerParameter(
        0, MAX_ID, metadata={"description": "A version of the map: only the seats that may have changed since then"}
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


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/seats",
    query=SeatMapQuery(),
    output=SeatMapOutput(),
    raises=(HoldsUnavailable,),
    etag=True,
)
async def get_seat_map(request: web.Request) -> web.StreamResponse:
    """The seat map: the status of every seat.

    The ETag is the map's version; If-None-Match with it gives 304 while nothing has changed. With `since`, the response
    has only the seats that may have changed since that version, if the service still knows them: while clients follow
    the showtime's events, and a little longer. Otherwise it has all seats, and `"since": null`.
    """
    showtime_id = path_id(request, "showtime_id")
    app = request.app
    state = await app[BOOKING_CONTEXT].holds.state(showtime_id)
    known = request.headers.get("If-None-Match")
    if known is not None and _is_known(request, known, state.version):
        return not_modified(etag=state.version)
    since: int | None = request[QUERY].get("since")
    if since is not None:
        return await _since(app, showtime_id, state, since)
    seat_map = await app[SEAT_MAPS].at(showtime_id, state)
    if known == "*":  # any representation matches, but the showtime has to exist
        return not_modified(etag=seat_map.state.version)
    return cacheable_response(seat_map.body, etag=seat_map.state.version)


async def _since(app: web.Application, showtime_id: int, state: MapState, since: int) -> web.StreamResponse:
    """The changes since a version, or the whole map if they are not known."""
    changes = await app[LIVE].body_since(showtime_id, since, at_least=state.version)
    if changes is not None:
        version, body = changes
        return cacheable_response(body, etag=f"{version}-{since}")  # another ETag than the whole map's
    seat_map = await app[SEAT_MAPS].at(showtime_id, state)
    version = seat_map.state.version
    if since == version:
        return cacheable_response(_NO_CHANGES % (showtime_id, version, since), etag=f"{version}-{since}")
    head = b'{"showtime_id":%d,"version":%d,' % (showtime_id, version)
    return cacheable_response(b'%b"since":null,%b' % (head, seat_map.body.removeprefix(head)), etag=version)


def _is_known(request: web.Request, header: str, version: int) -> bool:
    """Whether If-None-Match has the version's ETag; mostly it has only that one."""
    return header == f'"{version}"' or str(version) in {tag.value for tag in request.if_none_match or ()}
