"""The live feeds of seat maps: viewers subscribe to a showtime and are sent its changes.

A map with viewers is read when Redis publishes a change, once for all its viewers; what changes during a reading, or
while its event is sent, goes out with the next one. Every second each such map is watched for some seconds more, which
also makes Redis publish the holds that have expired.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from time import monotonic

from structlog.stdlib import BoundLogger

from ..db.pool import Database
from ..errors import DomainError, HoldsUnavailable, NotFound, Overloaded, Unavailable
from ..holds.map_states import Watch
from ..holds.store import Holds
from ..runtime.cancellation import cancel_and_wait
from . import metrics
from .layouts import Layouts
from .map_channels import MapChannels
from .map_history import Frame, event
from .occupancy import read_occupancies
from .viewers import MapFeed, Viewer

TICK_S = 1.0
WATCH_S = 10  # a worker that stalls for longer starts its histories again
IDLE_FEED_S = 30.0  # how long changes are kept after the last viewer has left, for clients that reconnect
MAX_IDLE_FEEDS = 100
WAIT_S = 5.0  # of a viewer, for the first reading, and for a version that Redis has counted
SINCE_WAIT_S = 1.0  # of a GET with ?since=, which can have the whole map instead
RETRY_S = 0.5
MIN_INTERVAL_S = 0.025  # between two events of a map, or as long as sending the last one took: other requests want CPU
VIEWERS_AT_ONCE = 200  # that are written to before other requests get CPU
WATCHED_AT_ONCE = 256

HEARTBEAT = Frame(b":\n")  # a comment without an empty line, which some clients would take for an event without data
RECONNECT = event(b"reconnect", b"{}")
GONE = event(b"gone", b"{}")


class LiveFeeds:
    """The feeds of this worker."""

    def __init__(
        self,
        database: Database,
        holds: Holds,
        layouts: Layouts,
        log: BoundLogger,
        *,
        channels: MapChannels,
        most_viewers: int,
        heartbeat_s: float,
    ) -> None:
        self._database, self._holds, self._layouts = database, holds, layouts
        self._log = log
        self._channels = channels
        self._most_viewers = most_viewers
        self._heartbeat_s = heartbeat_s
        self._next_heartbeat = monotonic() + heartbeat_s
        self._feeds: dict[int, MapFeed] = {}
        self._idle: OrderedDict[int, MapFeed] = OrderedDict()  # those without viewers, the longest idle first
        self._tasks: set[asyncio.Task[None]] = set()
        self._viewers = 0
        self._tick_now = asyncio.Event()
        self._closed = False
        channels.start(self.changed, self._on_connection)
        metrics.VIEWERS.read, metrics.MAPS.read = lambda: self._viewers, self._feeds.__len__

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return self._viewers

    @asynccontextmanager
    async def subscribe(self, showtime_id: int) -> AsyncIterator[MapFeed]:
        """The feed of a map for the duration of the block; raises NotFound, HoldsUnavailable and Overloaded."""
        if self._closed or self._viewers >= self._most_viewers:
            raise Overloaded("Too many follow seat maps here already: try again shortly.")
        self._viewers += 1
        try:
            feed = self._feeds.get(showtime_id) or self._open(showtime_id)
            self._idle.pop(showtime_id, None)
            try:
                with feed.in_use():
                    await self._wait_until_ready(feed)
                    yield feed
            finally:
                self._leave(feed)
        finally:
            self._viewers -= 1

    async def body_since(self, showtime_id: int, since: int, *, at_least: int) -> tuple[int, bytes] | None:
        """The changes of a map since a version, and up to which version; None where they are not known here."""
        feed = self._feeds.get(showtime_id)
        if feed is None or not feed.history.is_subscribed or not await feed.reach(at_least, SINCE_WAIT_S):
            return None
        body = feed.history.body_since(since)
        return None if body is None else (feed.history.version, body)

    async def join(self, feed: MapFeed, viewer: Viewer, known: int | None, *, at_least: int) -> None:
        """Send a viewer the changes since the version it knows, or a snapshot, and from then on every event.

        The first event has a version of `at_least` or later; if that does not come in time, the stream ends.
        """
        if not await feed.reach(at_least, WAIT_S) or self._closed:
            viewer.end(GONE if isinstance(feed.error, NotFound) else RECONNECT)
            return
        changes = None if known is None else feed.history.since(known)
        viewer.write(changes or feed.history.snapshot())
        feed.viewers.add(viewer)  # without an await since, so that no event is missed

    def _on_connection(self, showtime_id: int | None) -> None:
        """Notifications of a map, or of all, arrive from now on, or do not any more: its history starts again."""
        for feed in [*self._feeds.values()] if showtime_id is None else filter(None, [self._feeds.get(showtime_id)]):
            feed.history.unsubscribe()
            if showtime_id is not None:
                self._start(self._watch_soon(feed))
        if showtime_id is None:
            self._tick_now.set()

    def changed(self, showtime_id: int, version: int, seat_ids: Sequence[int]) -> None:
        """A notification: a map has changed, and these seats may look different."""
        feed = self._feeds.get(showtime_id)
        if feed is not None:
            feed.history.add_published(version, seat_ids)
            feed.notified_at = feed.notified_at or monotonic()
            feed.wake.set()

    async def run_forever(self) -> None:
        """Keep every map watched, and every viewer's connection alive; no failure ends it."""
        while True:
            self._tick_now.clear()
            try:
                await self._tick()
            except Unavailable as error:
                self._log.warning("live_feed_postponed", cause=repr(error))
            except Exception:
                self._log.exception("live_feed_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._tick_now.wait()

    async def close(self) -> None:
        """End every stream with the event `reconnect`."""
        self._closed = True
        for feed in list(self._feeds.values()):
            self._end(feed, Overloaded("The service stops: try again shortly."), RECONNECT)
        await cancel_and_wait(self._tasks)

    def _open(self, showtime_id: int) -> MapFeed:
        feed = self._feeds[showtime_id] = MapFeed(showtime_id)
        self._channels.open(showtime_id)
        self._start(self._run_feed(feed))
        return feed

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """In a context of its own: the task serves many requests, and has no request id or timings of one."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_soon(self, feed: MapFeed) -> None:
        with suppress(Unavailable):  # the next tick tries again
            await self._watch([feed])

    def _leave(self, feed: MapFeed) -> None:
        """A viewer has left: a feed without any is kept for a while, MAX_IDLE_FEEDS at most."""
        if feed.error is not None or feed.is_in_use:
            return
        self._idle[feed.history.showtime_id] = feed
        while len(self._idle) > MAX_IDLE_FEEDS:
            self._end(next(iter(self._idle.values())), Overloaded(), RECONNECT)

    async def _wait_until_ready(self, feed: MapFeed) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                await feed.ready.wait()
        except TimeoutError as error:
            raise type(feed.read_error or HoldsUnavailable())() from error
        if feed.error is not None:
            raise type(feed.error)(str(feed.error))

    async def _run_feed(self, feed: MapFeed) -> None:
        """Read the map whenever a change was published, and send the event."""
        is_watched = False
        while feed.error is None:
            try:
                if not is_watched:
                    await self._watch([feed])
                    is_watched = True
                await feed.wake.wait()
                feed.wake.clear()
                began, notified_at, feed.notified_at = monotonic(), feed.notified_at, None
                frame = await self._read(feed)
                feed.notify()
                if frame is not None:
                    await self._for_each(feed, partial(Viewer.send, frame=frame))
                    metrics.EVENT_LAG.observe(monotonic() - (notified_at or began))
                    await asyncio.sleep(max(MIN_INTERVAL_S, monotonic() - began))
            except NotFound as error:
                self._end(feed, error, GONE)
            except Exception as error:
                if isinstance(error, DomainError):
                    feed.read_error = error
                else:
                    self._log.exception("live_feed_read_failed", showtime_id=feed.history.showtime_id)
                await asyncio.sleep(RETRY_S)
                feed.wake.set()

    async def _read(self, feed: MapFeed) -> Frame | None:
        history = feed.history
        if not history.needs_reading:
            return history.advance()
        [reading] = await read_occupancies(self._database, self._holds, self._layouts, [history.showtime_id])
        if isinstance(reading, DomainError):
            raise reading
        frame = history.add_reading(reading)
        if history.needs_reading:
            feed.wake.set()  # it has changed since
        return frame

    def _end(self, feed: MapFeed, error: DomainError, final: Frame) -> None:
        """End a feed and its viewers' streams; its task ends by itself."""
        if self._feeds.get(feed.history.showtime_id) is feed:
            del self._feeds[feed.history.showtime_id]
            self._channels.close(feed.history.showtime_id)
        self._idle.pop(feed.history.showtime_id, None)
        feed.fail(error)
        for viewer in list(feed.viewers):
            self._call(feed, viewer, lambda viewer: viewer.end(final))

    async def _for_each(self, feed: MapFeed, function: Callable[[Viewer], None]) -> None:
        for number, viewer in enumerate(list(feed.viewers), 1):
            self._call(feed, viewer, function)
            if number % VIEWERS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _call(self, feed: MapFeed, viewer: Viewer, function: Callable[[Viewer], None]) -> None:
        """Call the function; a viewer for which it fails is dropped, and the others get their events."""
        try:
            function(viewer)
        except Exception:
            self._log.exception("viewer_failed", showtime_id=feed.history.showtime_id)
            feed.viewers.discard(viewer)
            viewer.end()

    async def _tick(self) -> None:
        now = monotonic()
        for feed in list(self._idle.values()):
            if not feed.is_idle_since(now - IDLE_FEED_S):
                break
            self._end(feed, Overloaded(), RECONNECT)
        feeds = list(self._feeds.values())
        for start in range(0, len(feeds), WATCHED_AT_ONCE):
            await self._watch(feeds[start : start + WATCHED_AT_ONCE])
        is_heartbeat = now >= self._next_heartbeat
        if is_heartbeat:
            self._next_heartbeat = now + self._heartbeat_s
        for feed in feeds:
            await self._check_viewers(feed, is_heartbeat=is_heartbeat)

    async def _watch(self, feeds: Sequence[MapFeed]) -> None:
        """Have the changes of maps published for WATCH_S, where notifications arrive."""
        channels = self._channels
        asked = [(feed, number) for feed in feeds if (number := channels.connection(feed.history.showtime_id))]
        ids = [feed.history.showtime_id for feed, _ in asked]
        watches = await self._holds.watch(ids, channel=channels.name, ttl_s=WATCH_S) if ids else []
        for (feed, number), watch in zip(asked, watches, strict=True):
            if number == channels.connection(feed.history.showtime_id):  # else the reply is from before an interruption
                self._watched(feed, watch)

    def _watched(self, feed: MapFeed, watch: Watch | DomainError) -> None:
        if isinstance(watch, NotFound):
            self._end(feed, watch, GONE)
        elif isinstance(watch, DomainError):
            self._log.warning("live_feed_postponed", cause=repr(watch), showtime_id=feed.history.showtime_id)
        else:
            feed.watched(watch.version, watch.since)

    async def _check_viewers(self, feed: MapFeed, *, is_heartbeat: bool) -> None:
        dropped = 0

        def check(viewer: Viewer) -> None:
            nonlocal dropped
            if viewer.is_slow:
                dropped += not viewer.recover(feed.history.snapshot, RECONNECT)
            elif is_heartbeat:
                viewer.send(HEARTBEAT)
            viewer.check_connection()

        await self._for_each(feed, check)
        feed.history.clear_cache()
        if dropped:
            self._log.info("slow_viewers_dropped", showtime_id=feed.history.showtime_id, viewers=dropped)
