"""The layout of an auditorium."""

from aiohttp import web
from marshmallow import Schema, fields

from ...runtime.fields import MAX_ID, Id, Input, IntegerParameter, Money, Slug
from ..app_keys import QUERY, ROOM_LAYOUTS
from ..input.path_ids import path_id
from ..output.compression import MIN_BYTES, REVALIDATE, encoded_response, known_tag, unchanged_response, wants_gzip
from ..output.schemas import POSITION, SEAT_TYPE
from ..routes import Routes

routes = Routes("Seat map")

# Of the layout at its version, which the URL has: a day, since after a restore of PostgreSQL a version may come again.
OF_VERSION = "public, max-age=86400, immutable"
OF_NOW = "public, max-age=60"


class LayoutSeatOutput(Schema):
    """A seat of an auditorium, and its position in the drawing, null where none was given."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = Slug(required=True, metadata=SEAT_TYPE)
    price_modifier = Money(
        required=True, metadata={"description": "Factor on the price of a ticket", "examples": ["1.50"]}
    )
    x = fields.Integer(required=True, allow_none=True, metadata=POSITION["x"])
    y = fields.Integer(required=True, allow_none=True, metadata=POSITION["y"])


class LayoutOutput(Schema):
    """The seats of an auditorium, in row then number order; every change of them raises the version."""

    auditorium_id = Id(required=True)
    version = fields.Integer(
        required=True, metadata={"description": "The `layout_version` of the maps that belong to this layout"}
    )
    seats = fields.List(fields.Nested(LayoutSeatOutput()), required=True)


class LayoutQuery(Input):
    """The version of a layout."""

    version = IntegerParameter(
        1, MAX_ID, metadata={"description": "The `layout_version` of a map, so that caches keep the layout for long"}
    )


@routes.add("GET", "/auditoriums/{auditorium_id}/layout", query=LayoutQuery(), output=LayoutOutput(), etag=True)
async def get_layout(request: web.Request) -> web.StreamResponse:
    """The layout of an auditorium, for `GET /showtimes/{showtime_id}/seats?fields=status`.

    Keep it for as long as the maps have its version as their `layout_version`. Ask for it with that `version`: then
    caches keep it for a day, and otherwise for a minute. If the layout has another version by now, it is answered as
    it is, and caches do not use it again unasked. With If-None-Match it is 304 while no seat of the room has changed.
    """
    layout = await request.app[ROOM_LAYOUTS].current(path_id(request, "auditorium_id"))
    asked = request[QUERY].get("version")
    kept = OF_NOW if asked is None else OF_VERSION if asked == layout.version else REVALIDATE
    tag = known_tag(request, layout.etag)
    if tag is not None:
        return unchanged_response(etag=tag, cache_control=kept)
    gzip = len(layout.body) >= MIN_BYTES and wants_gzip(request)
    body = layout.compressed_body if gzip else layout.body
    response = encoded_response(body, etag=layout.etag, gzip=gzip, cache_control=kept)
    if request.headers.get("If-None-Match") == "*":
        return unchanged_response(etag=response.headers["ETag"], cache_control=kept)
    return response
