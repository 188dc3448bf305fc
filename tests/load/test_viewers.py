"""Viewers of live maps: whose change an event shows, how late, and what becomes of a stream that ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import viewers as viewers_module
from reservation.load.showtimes import Showtime
from reservation.load.target import Target
from reservation.load.viewers import SeatChanges, Viewers, viewer_lines

SNAPSHOT = b'retry: 1000\nevent: snapshot\nid: 1\ndata: {"showtime_id":1,"version":1,"seats":[]}\n\n'
HELD = b':\nevent: seats\nid: 2\ndata: {"showtime_id":1,"version":2,"seats":[{"id":7,"status":"held"}]}\n\n'
RECONNECT = b"event: reconnect\ndata: {}\n\n"


def test_each_viewer_is_shown_a_change_once() -> None:
    changes = SeatChanges()
    changes.has_viewers = True
    changes.sent(1, [7, 8], "held", 10.0)
    assert changes.shown(0, 1, [(7, "booked"), (9, "held")]) is None  # other changes
    assert changes.shown(0, 1, [(7, "held")]) == 10.0
    assert changes.shown(0, 1, [(7, "held")]) is None
    assert changes.shown(1, 1, [(7, "held")]) == 10.0
    changes.sent(1, [7], "booked", 12.0)
    assert changes.shown(0, 1, [(8, "held"), (7, "booked")]) == 10.0  # the oldest of the event


def test_a_refused_request_is_no_change() -> None:
    changes = SeatChanges()
    changes.has_viewers = True
    changes.sent(1, [7, 8], "held", 10.0)
    changes.sent(1, [8], "held", 11.0)  # of another customer
    changes.refused(1, [7, 8], 10.0)
    assert changes.shown(0, 1, [(7, "held")]) is None
    assert changes.shown(0, 1, [(8, "held")]) == 11.0


def test_without_viewers_no_change_is_kept() -> None:
    changes = SeatChanges()
    changes.sent(1, [7], "held", 10.0)
    assert changes.shown(0, 1, [(7, "held")]) is None


@asynccontextmanager
async def streaming(*answers: tuple[int, bytes]) -> AsyncIterator[str]:
    """A server that answers each stream in turn with a status and events; it holds the last one open."""
    turns = iter(answers)
    release = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        status, events = next(turns, (200, b""))
        response = web.StreamResponse(status=status, headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(events)
        if not events:
            await release.wait()
        return response

    app = web.Application()
    app.router.add_get("/showtimes/1/events", stream)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        release.set()
        await server.close()


async def test_the_lag_is_measured_and_a_stream_that_ends_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers_module, "RETRY_S", 0.01)
    changes = SeatChanges()
    async with (
        streaming((503, b""), (200, SNAPSHOT + HELD + RECONNECT), (200, SNAPSHOT), (200, HELD)) as url,
        asyncio.timeout(60),
    ):
        made = Viewers(Target.of(url), [Showtime(1, [])], 1, changes)
        changes.sent(1, [7], "held", asyncio.get_running_loop().time())
        async with made:
            while sum(made.events.values()) < 5:
                await asyncio.sleep(0.01)
        summary = made.summary()
    assert summary["events"] == {"snapshot": 2, "seats": 2, "reconnect": 1}
    assert summary["errors"]["503"] == 1
    assert summary["errors"]["connection_lost"] >= 1  # after the third: it ended without a word
    assert (summary["asked"], summary["connected"]) == (1, 0)
    assert summary["event_lag"]["count"] == 1  # the second time it is shown nothing new
    [line] = viewer_lines(summary)
    assert line.startswith("viewers: 0 of 1 connected, 5 events, lag p50 ")
