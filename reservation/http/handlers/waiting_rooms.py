"""Wait for the sale of a showtime: join its waiting room, and poll or follow the place."""

from time import perf_counter

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...errors import HoldsUnavailable, Overloaded, SalesEnded, ShowtimeCancelled, TooManyRequests
from ...runtime.fields import Id, Input, Instant
from ...runtime.timing import streaming
from ...waiting.room import Place
from ..app_keys import CALLER, QUERY, STREAM_LIMIT, WAITING_ROOMS, WAITING_STREAMS
from ..hold_limits import limited_address
from ..input.client_address import client_address
from ..input.path_ids import path_id
from ..output.responses import json_response
from ..routes import BOOKING, Access, Event, Routes
from .events import EVENT_STREAM, begin_viewer

STATUSES = ("before_sale", "waiting", "admitted")

routes = Routes("Waiting room", Access.SIGNED_IN, read_scopes=BOOKING, write_scopes=BOOKING)


class TicketQuery(Input):
    """The queue ticket of the answer before."""

    ticket = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "The `queue_ticket` of the last answer that had one"},
    )


class PlaceOutput(Schema):
    """A customer's place in the waiting room of a showtime, or the admission."""

    showtime_id = Id(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata={"description": "`before_sale`: at on_sale_at a lot decides on the order of all who wait then"},
    )
    queue_ticket = fields.String(
        required=True, allow_none=True, metadata={"description": "Keeps the place; null when admitted"}
    )
    position = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "1 is admitted next; null before the sale and when admitted", "examples": [120]},
    )
    waiting = fields.Integer(
        required=True, metadata={"description": "How many wait, with this customer", "examples": [4000]}
    )
    expected_seconds = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Until the admission; null before the sale and when admitted", "examples": [3]},
    )
    poll_after_seconds = fields.Integer(
        required=True,
        metadata={"description": "When to ask again; when admitted, when the admission ends", "examples": [2]},
    )
    on_sale_at = Instant(required=True, allow_none=True)
    admission_token = fields.String(
        required=True, allow_none=True, metadata={"description": "For the header Admission-Token; null until admitted"}
    )
    admission_expires_at = Instant(required=True, allow_none=True)


async def _enter(request: web.Request, showtime_id: int, ticket: str | None = None) -> Place:
    user_id, address = request[CALLER].user_id, limited_address(request)
    return await request.app[WAITING_ROOMS].enter(showtime_id, user_id, ticket, address=address)


@routes.add(
    "POST",
    "/showtimes/{showtime_id}/waiting-room",
    output=PlaceOutput(),
    raises=(HoldsUnavailable, ShowtimeCancelled, SalesEnded, TooManyRequests),
)
async def join_waiting_room(request: web.Request) -> web.StreamResponse:
    """Join the waiting room of a showtime; an account that waits already keeps its place.

    Before the sale begins, `position` is null: at `on_sale_at` a lot decides on the order of all who wait. Who joins
    later comes after them, in the order of joining. ADMISSIONS_PER_SECOND customers are admitted a second. An account
    that has not asked for 90 seconds is left out, and gets its place again with its queue ticket.
    404 `not_found` if the showtime has no waiting room; 429 `too_many_requests` if as many as
    WAITING_PLACES_PER_ADDRESS wait from one address already.
    """
    showtime_id = path_id(request, "showtime_id")
    return json_response(await _enter(request, showtime_id))


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/waiting-room",
    query=TicketQuery(),
    output=PlaceOutput(),
    raises=(HoldsUnavailable, ShowtimeCancelled, SalesEnded, TooManyRequests),
)
async def get_place(request: web.Request) -> web.StreamResponse:
    """The place that a queue ticket keeps, or the admission once it is due.

    Ask again after `poll_after_seconds`. An admission that has ended is spent: the account then waits again, as the
    last, with a new ticket.
    """
    showtime_id, ticket = path_id(request, "showtime_id"), request[QUERY]["ticket"]
    return json_response(await _enter(request, showtime_id, ticket))


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/waiting-room/events",
    query=TicketQuery(),
    content_type=EVENT_STREAM,
    events={
        "place": Event("The place, whenever it changes.", PlaceOutput()),
        "admitted": Event("The admission; the stream ends.", PlaceOutput()),
        "closing": Event("The service ends the stream: connect again, unless the sale has ended."),
    },
    raises=(HoldsUnavailable, Overloaded, ShowtimeCancelled, SalesEnded, TooManyRequests),
)
async def follow_place(request: web.Request) -> web.StreamResponse:
    """The place and the admission, as Server-Sent Events.

    The id of an event is the time in milliseconds. A client that connects again sends the `queue_ticket` of the last
    event. One address may have STREAMS_PER_ADDRESS streams at once; 429 `too_many_requests` beyond them.
    """
    started, streams = perf_counter(), request.app[WAITING_STREAMS]
    showtime_id, user_id = path_id(request, "showtime_id"), request[CALLER].user_id
    streams.require_room()
    place = await _enter(request, showtime_id, request[QUERY]["ticket"])
    with request.app[STREAM_LIMIT].count(client_address(request)):
        response, viewer = await begin_viewer(request, started)
        if viewer is not None and request.method != "HEAD":
            with streaming(started):  # as long as its customer waits
                await streams.follow(place, user_id, viewer)
    return response
