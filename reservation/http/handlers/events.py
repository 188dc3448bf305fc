"""The live feed of a seat map: Server-Sent Events."""

import random
from time import perf_counter

from aiohttp import HttpVersion11, web

from ...errors import HoldsUnavailable, Overloaded, TooManyRequests
from ...runtime.fields import MAX_ID, Input, IntegerParameter
from ...runtime.timing import streaming
from ...seatmap.viewers import Viewer
from ..app_keys import BOOKING_CONTEXT, LIVE, QUERY, SEAT_MAPS, STREAM_LIMIT, WAITING_STREAMS
from ..input.client_address import client_address
from ..input.path_ids import path_id
from ..output.streams import begin_stream
from ..routes import Event, Routes
from .seats import SeatMapOutput

routes = Routes("Seat map")

EVENT_STREAM = "text/event-stream"
# Milliseconds after which a browser reconnects: random, so that clients that were disconnected together, by a restart,
# do not reconnect together.
RETRY_MS = (1000, 5000)


class FollowQuery(Input):
    """The start of the feed, for clients that cannot send Last-Event-ID."""

    since = IntegerParameter(
        0, MAX_ID, metadata={"description": "The version that the client has; Last-Event-ID takes precedence"}
    )


@routes.add(
    "GET",
    "/showtimes/{showtime_id}/events",
    query=FollowQuery(),
    content_type=EVENT_STREAM,
    events={
        "snapshot": Event("The whole map: put it in place of the one that you have.", SeatMapOutput()),
        "seats": Event("Seats that may have changed: put them in place of those that you have.", SeatMapOutput()),
        "reconnect": Event("The service ends the stream: connect again after `retry` milliseconds."),
        "gone": Event("The showtime was deleted: do not connect again."),
    },
    raises=(HoldsUnavailable, Overloaded, TooManyRequests),
)
async def follow_seat_map(request: web.Request) -> web.StreamResponse:
    """Changes of the seat map, as Server-Sent Events.

    An event `snapshot` has the whole map, in the form of `GET /showtimes/{showtime_id}/seats`. An event `seats` has the
    same form with only the seats that may have changed since the event before, or since the version in Last-Event-ID.
    The id of both is the map's version. `reconnect` is sent before the service ends the stream, and `gone` when the
    showtime is deleted.
    """
    started = perf_counter()
    showtime_id = path_id(request, "showtime_id")
    known = _known(request)
    state = await request.app[BOOKING_CONTEXT].holds.state(showtime_id)
    if request.method == "HEAD":
        await request.app[SEAT_MAPS].at(showtime_id, state.version)
        return await _begin(request, started)
    live = request.app[LIVE]
    with request.app[STREAM_LIMIT].count(client_address(request)):
        async with live.subscribe(showtime_id) as feed:
            response, viewer = await begin_viewer(request, started)
            if viewer is not None:
                try:
                    await live.join(feed, viewer, known, at_least=state.version)
                    with streaming(started):  # as long as its viewer stays
                        await viewer.ended
                finally:
                    feed.viewers.discard(viewer)
    return response


async def begin_viewer(request: web.Request, started: float) -> tuple[web.StreamResponse, Viewer | None]:
    """Begin a stream; the viewer on its connection, or None if the client has disconnected."""
    response = await _begin(request, started)
    # A line of the first event: an event of its own would have no data.
    await response.write(b"retry: %d\n" % random.randint(*RETRY_MS))  # noqa: S311 - to spread, not to be secret
    transport = request.transport
    # Write the same bytes for every viewer directly to the transport: aiohttp's write() would frame them for each
    # client, and wait for it.
    return response, None if transport is None else Viewer(transport, chunked=request.version >= HttpVersion11)


async def end_streams(app: web.Application) -> None:
    """Close all streams, so that the service can stop."""
    await app[LIVE].close()
    app[WAITING_STREAMS].close()


async def _begin(request: web.Request, started: float) -> web.StreamResponse:
    headers = {"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"}
    return await begin_stream(request, started, headers)


def _known(request: web.Request) -> int | None:
    """The version that the client has; an invalid Last-Event-ID is ignored."""
    text = request.headers.get("Last-Event-ID", "")
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)):
        return int(text)
    since: int | None = request[QUERY].get("since")
    return since
