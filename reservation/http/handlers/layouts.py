"""The layout of an auditorium."""

from aiohttp import web
from marshmallow import Schema, fields

from ...runtime.fields import Id, Slug
from ..app_keys import ROOM_LAYOUTS
from ..input.path_ids import path_id
from ..output.compression import MIN_BYTES, encoded_response, known_tag, unchanged_response, wants_gzip
from ..output.schemas import POSITION, SEAT_TYPE
from ..routes import Routes

routes = Routes("Seat map")


class LayoutSeatOutput(Schema):
    """A seat of an auditorium, and its position in the drawing, null where none was given."""

    id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    seat_type = Slug(required=True, metadata=SEAT_TYPE)
    x = fields.Integer(required=True, allow_none=True, metadata=POSITION["x"])
    y = fields.Integer(required=True, allow_none=True, metadata=POSITION["y"])


class LayoutOutput(Schema):
    """The seats of an auditorium, in row then number order; every change of them raises the version."""

    auditorium_id = Id(required=True)
    version = fields.Integer(
        required=True, metadata={"description": "The `layout_version` of the maps that belong to this layout"}
    )
    seats = fields.List(fields.Nested(LayoutSeatOutput()), required=True)


@routes.add("GET", "/auditoriums/{auditorium_id}/layout", output=LayoutOutput(), etag=True)
async def get_layout(request: web.Request) -> web.StreamResponse:
    """The layout of an auditorium, for `GET /showtimes/{showtime_id}/seats?fields=status`.

    Keep it for as long as the maps have its version as their `layout_version`. Before it uses a copy, a cache asks with
    If-None-Match, and gets 304 while no seat of the auditorium has changed.
    """
    layout = await request.app[ROOM_LAYOUTS].current(path_id(request, "auditorium_id"))
    tag = known_tag(request, layout.etag)
    if tag is not None:
        return unchanged_response(etag=tag)
    gzip = len(layout.body) >= MIN_BYTES and wants_gzip(request)
    response = encoded_response(layout.compressed_body if gzip else layout.body, etag=layout.etag, gzip=gzip)
    if request.headers.get("If-None-Match") == "*":
        return unchanged_response(etag=response.headers["ETag"])
    return response
