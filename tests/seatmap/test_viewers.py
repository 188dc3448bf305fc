"""A viewer's stream when its connection closes or is slow, and the number of viewers."""

import asyncio
import resource

import uvloop

from reservation.http.stream_limit import SPARE_FILES, most_viewers
from reservation.seatmap.map_history import Frame, event
from reservation.seatmap.viewers import MAX_BACKLOG_BYTES, Viewer


def test_a_frame_is_made_as_plain_bytes_and_as_an_http_chunk() -> None:
    made = event(b"seats", b"{}", 7)
    assert made.plain == b"event: seats\nid: 7\ndata: {}\n\n"
    assert made.chunked == b"1d\r\n" + made.plain + b"\r\n"
    assert event(b"gone", b"{}").plain == b"event: gone\ndata: {}\n\n"
    assert made.chunked is made.chunked  # one for all viewers


async def _disconnect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _use_after_disconnect() -> None:
    """Send events to a viewer that has just disconnected."""
    server = await asyncio.start_server(_disconnect, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    viewer = Viewer(writer.transport, chunked=True)
    while not (reader.at_eof() and writer.is_closing()):
        await asyncio.sleep(0.01)
        writer.transport.abort()
    assert not viewer.ended.done()
    viewer.send(Frame(b"a"))
    assert viewer.ended.done()
    viewer.write(Frame(b"b"))
    assert viewer.recover(lambda: Frame(b"c"), Frame(b"d"))
    viewer.end(Frame(b"e"))
    server.close()
    await server.wait_closed()


def test_writing_to_a_disconnected_viewer_ends_its_stream_without_an_error() -> None:
    for make_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(_use_after_disconnect())


async def test_the_backlog_of_a_slow_viewer_is_bounded() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, there: accepted.put(there), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1024)
    viewer, one = Viewer(writer.transport, chunked=False), Frame(b"x" * 50_000)
    there = await accepted.get()
    there.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(1000):
        viewer.send(one)
    assert viewer.is_slow
    assert writer.transport.get_write_buffer_size() <= MAX_BACKLOG_BYTES + 50_000
    assert viewer.recover(lambda: Frame(b"the map"), Frame(b"bye"))
    assert viewer.is_slow
    there.transport.abort()
    writer.transport.abort()
    server.close()


def test_viewers_leave_open_files_for_other_connections() -> None:
    assert most_viewers(10_000, 1_000_000) == 10_000
    assert most_viewers(10_000, 5_000) == 5_000 - SPARE_FILES
    assert most_viewers(10_000, 800) == 400
    assert most_viewers(10_000, resource.RLIM_INFINITY) == 10_000
