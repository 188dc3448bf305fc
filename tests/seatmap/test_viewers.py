"""A viewer's stream, whatever becomes of its connection; and how many there may be."""

import asyncio
import resource

import uvloop

from reservation.resources import SPARE_FILES, most_viewers
from reservation.seatmap.map_history import Frame, event
from reservation.seatmap.viewers import MAX_UNREAD_BYTES, Viewer


def test_frames_are_chunks_of_http() -> None:
    made = event(b"seats", b"{}", 7)
    assert made.plain == b"event: seats\nid: 7\ndata: {}\n\n"
    assert made.chunked == b"1d\r\n" + made.plain + b"\r\n"
    assert event(b"gone", b"{}").plain == b"event: gone\ndata: {}\n\n"
    assert made.chunked is made.chunked  # one for all viewers


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _use_after_the_end() -> None:
    """What a fan-out meets whose viewer has just gone."""
    server = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    viewer = Viewer(writer.transport, chunked=True)
    while not (reader.at_eof() and writer.is_closing()):
        await asyncio.sleep(0.01)
        writer.transport.abort()
    assert not viewer.ended.done()
    viewer.send(Frame(b"a"))
    assert viewer.ended.done()
    viewer.write(Frame(b"b"))
    assert viewer.catches_up(lambda: Frame(b"c"), Frame(b"d"))
    viewer.end(Frame(b"e"))
    server.close()
    await server.wait_closed()


def test_a_viewer_that_has_gone_disturbs_nobody() -> None:
    for make_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(_use_after_the_end())


async def test_what_waits_to_be_read_is_bounded() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, there: accepted.put(there), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1024)
    viewer, one = Viewer(writer.transport, chunked=False), Frame(b"x" * 50_000)
    there = await accepted.get()
    there.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(1000):
        viewer.send(one)
    assert viewer.is_behind
    assert writer.transport.get_write_buffer_size() <= MAX_UNREAD_BYTES + 50_000
    assert viewer.catches_up(lambda: Frame(b"the map"), Frame(b"bye"))
    assert viewer.is_behind
    there.transport.abort()
    writer.transport.abort()
    server.close()


def test_viewers_leave_connections_for_others() -> None:
    assert most_viewers(10_000, 1_000_000) == 10_000
    assert most_viewers(10_000, 5_000) == 5_000 - SPARE_FILES
    assert most_viewers(10_000, 800) == 400
    assert most_viewers(10_000, resource.RLIM_INFINITY) == 10_000
