"""Who follows seat maps live, and what they are sent.

A map that somebody follows is looked at when Redis tells of a change, once for all its followers: what changes during a
look, or while its event goes out, is told with the next. Once a second every followed map is asked to be told of for
some seconds more, which also counts up the holds that have run out by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from time import monotonic

from structlog.stdlib import BoundLogger

from .database import Database
from .errors import DomainError, HoldsUnavailable, NotFound, Overloaded, Unavailable
from .followed_map import Frame, event, frame
from .followers import Followed, Viewer
from .holds import Holds, Watch
from .layouts import Layouts
from .occupancy import Occupancy, read_occupancies

TICK_S = 1.0
WATCH_S = 10  # a worker that stalls for longer has to begin anew
LINGER_S = 30.0  # what has changed is remembered for those whose connection broke
PATIENCE_S = 5.0  # for the first look
CATCH_UP_S = 1.0  # for a version that Redis has counted
RETRY_S = 0.5
REST_S = 0.025  # between two events of a map, or as long as the last took to send: other requests want their turn
MOST_IN_A_TURN = 200  # viewers that are written to before others get their turn
MOST_WATCHED_AT_ONCE = 256

HEARTBEAT = frame(b": \n\n")
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
        self._viewers = 0
        self._hears = False
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
            with followed.in_use():
                await self._ready(followed)
                yield followed
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

        It begins with a version that is not older than `at_least`, unless something is amiss.
        """
        await followed.reach(at_least, CATCH_UP_S)
        if followed.is_gone or self._closed:
            viewer.end(GONE if followed.is_gone else RECONNECT)
            return
        missing = None if known is None else followed.map.since(known)
        viewer.write(missing or followed.map.snapshot())
        followed.viewers.add(viewer)  # in the same moment, so that nothing is sent in between

    def hears(self, hears: bool) -> None:
        """Whether notices arrive from now on: every map begins anew."""
        self._hears = hears
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
        """End every stream, with the hint to connect again."""
        self._closed = True
        for followed in list(self._followed.values()):
            for viewer in list(followed.viewers):
                viewer.end(RECONNECT)
            if followed.task is not None:
                followed.task.cancel()

    def _begin(self, showtime_id: int) -> Followed:
        followed = self._followed[showtime_id] = Followed(showtime_id)
        # A context of its own: it works for many, and no caller's request id or timings are its.
        followed.task = asyncio.get_running_loop().create_task(self._keep_up(followed), context=Context())
        return followed

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
        with suppress(Unavailable):  # then it is tried again with the next tick
            await self._watch([followed])
        while not followed.is_gone:
            await followed.wake.wait()
            followed.wake.clear()
            began = monotonic()
            try:
                told = await self._look(followed)
                followed.moved()
                if told is not None:
                    await self._send(followed, told)
                    await asyncio.sleep(max(REST_S, monotonic() - began))
            except NotFound as error:
                self._end(followed, error)
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

    def _end(self, followed: Followed, error: DomainError) -> None:
        """The showtime is gone, or was never there."""
        self._followed.pop(followed.map.showtime_id, None)
        followed.fail(error)
        for viewer in list(followed.viewers):
            viewer.end(GONE)

    async def _send(self, followed: Followed, told: Frame) -> None:
        """Write to every viewer, with a pause now and then for whatever else the worker has to do."""
        for number, viewer in enumerate(list(followed.viewers), 1):
            viewer.send(told)
            if number % MOST_IN_A_TURN == 0:
                await asyncio.sleep(0)

    async def _tick(self) -> None:
        now = monotonic()
        for followed in list(self._followed.values()):
            if followed.is_idle(now - LINGER_S):
                del self._followed[followed.map.showtime_id]
                followed.fail(Overloaded())
                if followed.task is not None:
                    followed.task.cancel()
        every = list(self._followed.values())
        for start in range(0, len(every), MOST_WATCHED_AT_ONCE):
            await self._watch(every[start : start + MOST_WATCHED_AT_ONCE])
        beats = now >= self._next_heartbeat
        if beats:
            self._next_heartbeat = now + self._heartbeat_s
        for followed in every:
            await self._look_after(followed, beats=beats)

    async def _watch(self, some: Sequence[Followed]) -> None:
        """Have the changes of maps told for some seconds more, if anybody hears of them."""
        if not self._hears:
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
            self._end(followed, watch)
        elif isinstance(watch, DomainError):
            self._log.warning("live_put_off", cause=repr(watch), showtime_id=followed.map.showtime_id)
        else:
            # The version of a tick ago has been told of by now, or it never will be.
            if not (watch.goes_on and followed.map.is_told) or followed.map.heard < followed.expected:
                followed.map.begin(watch.version)
            followed.expected = watch.version
            followed.wake.set()

    async def _look_after(self, followed: Followed, *, beats: bool) -> None:
        dropped = 0
        for number, viewer in enumerate(list(followed.viewers), 1):
            if viewer.is_behind:
                dropped += not viewer.catches_up(followed.map.snapshot(), RECONNECT)
            elif beats:
                viewer.send(HEARTBEAT)
            viewer.notice_the_end()
            if number % MOST_IN_A_TURN == 0:
                await asyncio.sleep(0)
        if dropped:
            self._log.info("slow_viewers_dropped", showtime_id=followed.map.showtime_id, viewers=dropped)
