"""Who follows seat maps live, and what they are sent.

A map that somebody follows is looked at when Redis tells of a change, once for all its followers: what changes during a
look, or while its event goes out, is told with the next. Once a second every followed map is asked to be told of for
some seconds more, which also counts up the holds that have run out by themselves.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from time import monotonic

from structlog.stdlib import BoundLogger

from ..db.pool import Database
from ..errors import DomainError, HoldsUnavailable, NotFound, Overloaded, Unavailable
from ..holds.store import Holds, Watch
from ..runtime.cancellation import cancel_and_wait
from .layouts import Layouts
from .map_history import Frame, event
from .occupancy import Occupancy, read_occupancies
from .viewers import Followed, Viewer

TICK_S = 1.0
WATCH_S = 10  # a worker that stalls for longer has to begin anew
LINGER_S = 30.0  # what has changed is remembered for those whose connection broke
MAX_LINGERING = 100  # maps without viewers; there are no more with viewers than there are viewers
PATIENCE_S = 5.0  # of a viewer, for the first look, and for a version that Redis has counted
CATCH_UP_S = 1.0  # of a GET, which can have the whole map drawn instead
RETRY_S = 0.5
REST_S = 0.025  # between two events of a map, or as long as the last took to send: other requests want their turn
MAX_IN_A_TURN = 200  # viewers that are written to before others get their turn
MAX_WATCHED_AT_ONCE = 256

HEARTBEAT = Frame(b": \n\n")
RECONNECT = event(b"reconnect", b"{}")
GONE = event(b"gone", b"{}")


class Live:
    """The followed maps of this worker, and their viewers."""

    def __init__(
        self,
        database: Database,
        holds: Holds,
        layouts: Layouts,
        log: BoundLogger,
        *,
        channel: str,
        most_viewers: int,
        heartbeat_s: float,
    ) -> None:
        self._database = database
        self._holds = holds
        self._layouts = layouts
        self._log = log
        self._channel = channel
        self._most_viewers = most_viewers
        self._heartbeat_s = heartbeat_s
        self._next_heartbeat = monotonic() + heartbeat_s
        self._followed: dict[int, Followed] = {}
        self._lingering: OrderedDict[int, Followed] = OrderedDict()  # those without viewers, the longest idle first
        self._tasks: set[asyncio.Task[None]] = set()
        self._viewers = 0
        self._connected = False
        self._subscription = 0  # how often it was made: what was asked before the last one counts for nothing
        self._tick_now = asyncio.Event()
        self._closed = False

    @asynccontextmanager
    async def following(self, showtime_id: int) -> AsyncIterator[Followed]:
        """Follow a map for the duration of the block; raises NotFound, HoldsUnavailable and Overloaded."""
        if self._closed or self._viewers >= self._most_viewers:
            raise Overloaded("Too many follow seat maps here already: try again shortly.")
        self._viewers += 1
        try:
            followed = self._followed.get(showtime_id) or self._begin(showtime_id)
            self._lingering.pop(showtime_id, None)
            try:
                with followed.in_use():
                    await self._ready(followed)
                    yield followed
            finally:
                self._left(followed)
        finally:
            self._viewers -= 1

    async def body_since(self, showtime_id: int, since: int, *, at_least: int) -> tuple[int, bytes] | None:
        """What has changed in a map since a version, and up to which; None where that is not remembered here."""
        followed = self._followed.get(showtime_id)
        if followed is None or not followed.map.is_told or not await followed.reach(at_least, CATCH_UP_S):
            return None
        body = followed.map.body_since(since)
        return None if body is None else (followed.map.version, body)

    async def join(self, followed: Followed, viewer: Viewer, known: int | None, *, at_least: int) -> None:
        """Send a viewer what it lacks, the whole map where its version is not known here, and all that follows.

        It begins with a version that is not older than `at_least`; where that does not come, the stream ends.
        """
        if not await followed.reach(at_least, PATIENCE_S) or self._closed:
            viewer.end(GONE if isinstance(followed.error, NotFound) else RECONNECT)
            return
        missing = None if known is None else followed.map.since(known)
        viewer.write(missing or followed.map.snapshot())
        followed.viewers.add(viewer)  # in the same moment, so that nothing is sent in between

    def set_connected(self, connected: bool) -> None:
        """Whether notices arrive from now on: every map begins anew."""
        self._connected = connected
        self._subscription += 1
        for followed in self._followed.values():
            followed.map.lose_track()
        self._tick_now.set()

    def changed(self, showtime_id: int, version: int, seat_ids: Sequence[int]) -> None:
        """A map has changed."""
        followed = self._followed.get(showtime_id)
        if followed is not None:
            followed.map.hear(version, seat_ids)
            followed.wake.set()

    async def tend_for_ever(self) -> None:
        """Keep every map watched, and every viewer's connection alive; no failure ends it."""
        while True:
            self._tick_now.clear()
            try:
                await self._tick()
            except Unavailable as error:
                self._log.warning("live_put_off", cause=repr(error))
            except Exception:  # whatever it is, it must not end the feeds for good and unnoticed
                self._log.exception("live_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._tick_now.wait()

    async def close(self) -> None:
        """End every stream, with the hint to connect again, and whoever waits for a first look."""
        self._closed = True
        for followed in list(self._followed.values()):
            self._end(followed, Overloaded("The service stops: try again shortly."), RECONNECT)
        await cancel_and_wait(self._tasks)

    def _begin(self, showtime_id: int) -> Followed:
        followed = self._followed[showtime_id] = Followed(showtime_id)
        # A context of its own: it works for many, and no caller's request id or timings are its.
        task = asyncio.get_running_loop().create_task(self._keep_up(followed), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return followed

    def _left(self, followed: Followed) -> None:
        """A viewer has gone: a map without any lingers for a while, but not too many do."""
        if followed.is_gone or followed.is_in_use:
            return
        self._lingering[followed.map.showtime_id] = followed
        while len(self._lingering) > MAX_LINGERING:
            self._end(next(iter(self._lingering.values())), Overloaded(), RECONNECT)

    async def _ready(self, followed: Followed) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await followed.first_look.wait()
        except TimeoutError as error:
            raise type(followed.trouble or HoldsUnavailable())() from error
        if followed.error is not None:
            raise type(followed.error)(str(followed.error))

    async def _keep_up(self, followed: Followed) -> None:
        """Look whenever there is something to see, and send what has changed."""
        is_asked = False
        while not followed.is_gone:
            began = monotonic()
            try:
                if not is_asked:
                    await self._watch([followed])
                    is_asked = True
                await followed.wake.wait()
                followed.wake.clear()
                began = monotonic()
                told = await self._look(followed)
                followed.moved()
                if told is not None:
                    await self._each(followed, partial(_send, told))
                    await asyncio.sleep(max(REST_S, monotonic() - began))
            except NotFound as error:
                self._end(followed, error, GONE)
            except Exception as error:
                if isinstance(error, DomainError):
                    followed.trouble = error
                else:  # whatever it is, it must not end the feed for good and unnoticed
                    self._log.exception("live_look_failed", showtime_id=followed.map.showtime_id)
                await asyncio.sleep(RETRY_S)
                followed.wake.set()

    async def _look(self, followed: Followed) -> Frame | None:
        if not followed.map.is_behind:
            return followed.map.catch_up()
        [look] = await read_occupancies(self._database, self._holds, self._layouts, [followed.map.showtime_id])
        if not isinstance(look, Occupancy):
            raise look
        told = followed.map.show(look)
        if followed.map.is_behind:
            followed.wake.set()  # it has changed since
        return told

    def _end(self, followed: Followed, error: DomainError, farewell: Frame) -> None:
        """Nothing is to be expected of a map any more; its task ends by itself."""
        self._followed.pop(followed.map.showtime_id, None)
        self._lingering.pop(followed.map.showtime_id, None)
        followed.fail(error)
        for viewer in list(followed.viewers):
            self._do(followed, viewer, lambda viewer: viewer.end(farewell))

    async def _each(self, followed: Followed, act: Callable[[Viewer], None]) -> None:
        """Do something for every viewer, with a pause now and then for whatever else the worker has to do."""
        for number, viewer in enumerate(list(followed.viewers), 1):
            self._do(followed, viewer, act)
            if number % MAX_IN_A_TURN == 0:
                await asyncio.sleep(0)

    def _do(self, followed: Followed, viewer: Viewer, act: Callable[[Viewer], None]) -> None:
        try:
            act(viewer)
        except Exception:  # whatever it is, it is no matter of the other viewers, who want their events
            self._log.exception("viewer_failed", showtime_id=followed.map.showtime_id)
            followed.viewers.discard(viewer)
            viewer.give_up()

    async def _tick(self) -> None:
        now = monotonic()
        for followed in list(self._lingering.values()):
            if not followed.is_idle(now - LINGER_S):
                break
            self._end(followed, Overloaded(), RECONNECT)
        every = list(self._followed.values())
        for start in range(0, len(every), MAX_WATCHED_AT_ONCE):
            await self._watch(every[start : start + MAX_WATCHED_AT_ONCE])
        beats = now >= self._next_heartbeat
        if beats:
            self._next_heartbeat = now + self._heartbeat_s
        for followed in every:
            await self._look_after(followed, beats=beats)

    async def _watch(self, some: Sequence[Followed]) -> None:
        """Have the changes of maps told for some seconds more, if anybody hears of them."""
        if not self._connected:
            return
        subscription = self._subscription
        watches = await self._holds.watch(
            [followed.map.showtime_id for followed in some], channel=self._channel, ttl_s=WATCH_S
        )
        if subscription == self._subscription:
            for followed, watch in zip(some, watches, strict=True):
                self._watched(followed, watch)

    def _watched(self, followed: Followed, watch: Watch | DomainError) -> None:
        if isinstance(watch, NotFound):
            self._end(followed, watch, GONE)
        elif isinstance(watch, DomainError):
            self._log.warning("live_put_off", cause=repr(watch), showtime_id=followed.map.showtime_id)
        else:
            # The version of a tick ago has been told of by now, or it never will be.
            if not (watch.was_watched and followed.map.is_told) or followed.map.heard < followed.expected:
                followed.map.begin(watch.version)
            followed.expected = watch.version
            followed.wake.set()

    async def _look_after(self, followed: Followed, *, beats: bool) -> None:
        dropped = 0

        def look_after(viewer: Viewer) -> None:
            nonlocal dropped
            if viewer.is_behind:
                dropped += not viewer.catches_up(followed.map.snapshot, RECONNECT)
            elif beats:
                viewer.send(HEARTBEAT)
            viewer.notice_the_end()

        await self._each(followed, look_after)
        followed.map.spare()
        if dropped:
            self._log.info("slow_viewers_dropped", showtime_id=followed.map.showtime_id, viewers=dropped)


def _send(told: Frame, viewer: Viewer) -> None:
    viewer.send(told)
