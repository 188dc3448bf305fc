"""The live feed of places: each second, customers who follow a queue are told where they are.

The first of a queue are told each second, the others less often, as their places matter less to them. All of one
showtime are looked up in one script, so 10,000 of them cost Redis some milliseconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time

import orjson
from structlog.stdlib import BoundLogger

from ..errors import DomainError, Overloaded, Unavailable
from ..seatmap.map_history import Frame, event
from ..seatmap.viewers import Viewer
from .metrics import FOLLOWERS
from .room import ASKS_LEFT, Place, WaitingRooms

TICK_S = 1.0
LONGEST_S = 15.0  # between two look-ups of a customer who is connected
AT_ONCE = 500  # customers of one script, so that holds in Redis do not wait for it
ENTER_AT_ONCE = 100
HEARTBEAT = Frame(b":\n")
CLOSING = event(b"closing", b"{}")


@dataclass(slots=True, eq=False)
class Follower:
    """A customer who follows a place; the times are of the monotonic clock."""

    showtime_id: int
    user_id: int
    ticket: str
    viewer: Viewer
    next_at: float
    sent_at: float
    told: Frame | None = None
    told_position: int | None = -1  # as no place has it


class WaitingStreams:
    """The followers of this worker; `others` says how many other streams it has, which count towards `most`."""

    def __init__(
        self, rooms: WaitingRooms, log: BoundLogger, *, most: int, heartbeat_s: float, others: Callable[[], int]
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._most = most
        self._heartbeat_s = heartbeat_s
        self._others = others
        self._followers: dict[int, set[Follower]] = {}
        self._count = 0
        self._closed = False
        FOLLOWERS.read = lambda: self._count

    def require_room(self) -> None:
        """Raise Overloaded if there are as many streams as there may be."""
        if self._closed or self._count + self._others() >= self._most:
            raise Overloaded("Too many follow their places here already: try again shortly, or poll.")

    async def follow(self, place: Place, user_id: int, viewer: Viewer) -> None:
        """Tell a customer the place, and each change of it, until the admission or the end of the connection."""
        if place.queue_ticket is None:
            viewer.end(_frame(b"admitted", place))
            return
        now = monotonic()
        follower = Follower(place.showtime_id, user_id, place.queue_ticket, viewer, now + _interval(place), now)
        _tell(follower, place, now)
        followers = self._followers.setdefault(place.showtime_id, set())
        followers.add(follower)
        self._count += 1
        try:
            await viewer.ended
        finally:
            self._count -= 1
            followers.discard(follower)
            if not followers and self._followers.get(place.showtime_id) is followers:
                del self._followers[place.showtime_id]

    async def run_forever(self) -> None:
        """Look the places up each second; no failure ends it."""
        while True:
            began = monotonic()
            for showtime_id in list(self._followers):
                try:
                    await self._tick(showtime_id)
                except Unavailable as error:
                    self._log.warning("places_not_told", cause=repr(error), showtime_id=showtime_id)
                except DomainError:  # the sale has ended, the showtime is gone or has no waiting room any more
                    self._end(showtime_id)
                except Exception:
                    self._log.exception("places_not_told", showtime_id=showtime_id)
            await asyncio.sleep(max(0.0, began + TICK_S - monotonic()))

    def close(self) -> None:
        """End every stream with the event `closing`."""
        self._closed = True
        for showtime_id in list(self._followers):
            self._end(showtime_id)

    def _end(self, showtime_id: int) -> None:
        for follower in list(self._followers.get(showtime_id, ())):
            follower.viewer.end(CLOSING)

    async def _tick(self, showtime_id: int) -> None:
        now = monotonic()
        followers = self._followers.get(showtime_id, set())
        for follower in list(followers):
            self._check(follower, now)
        due = [each for each in followers if each.next_at <= now and not each.viewer.ended.done()]
        for start in range(0, max(len(due), 1), AT_ONCE):  # also for none: the script admits those who are due
            await self._look(showtime_id, due[start : start + AT_ONCE])

    async def _look(self, showtime_id: int, due: Sequence[Follower]) -> None:
        room, now_us, waiting, before = await self._rooms.look(showtime_id, [each.user_id for each in due])
        now, absent = monotonic(), list[Follower]()
        for follower, ahead in zip(due, before, strict=True):
            if ahead < 0:
                absent.append(follower)
            else:
                place = self._rooms.place(
                    showtime_id, follower.ticket, room, now_us=now_us, before=ahead, waiting=waiting
                )
                _tell(follower, place, now)
        for start in range(0, len(absent), ENTER_AT_ONCE):
            await asyncio.gather(*map(self._enter, absent[start : start + ENTER_AT_ONCE]))

    async def _enter(self, follower: Follower) -> None:
        """Tell one who is not in the queue of the admission, or of the place that the ticket has restored."""
        with suppress(Unavailable):  # the next tick asks again
            place = await self._rooms.enter(follower.showtime_id, follower.user_id, follower.ticket)
            if place.queue_ticket is None:
                follower.viewer.end(_frame(b"admitted", place))
            else:
                follower.ticket = place.queue_ticket
                _tell(follower, place, monotonic())

    def _check(self, follower: Follower, now: float) -> None:
        viewer = follower.viewer
        if viewer.is_slow:
            viewer.recover(lambda: follower.told or HEARTBEAT, CLOSING)
        elif now - follower.sent_at >= self._heartbeat_s:
            follower.sent_at = now
            viewer.send(HEARTBEAT)
        viewer.check_connection()


def _tell(follower: Follower, place: Place, now: float) -> None:
    follower.next_at = now + _interval(place) - TICK_S / 2  # of two ticks, the nearer one
    if place.position != follower.told_position:
        follower.told_position, follower.sent_at = place.position, now
        follower.told = _frame(b"place", place)
        follower.viewer.send(follower.told)


def _interval(place: Place) -> float:
    if place.expected_seconds is None:
        return min(float(place.poll_after_seconds), LONGEST_S)
    return min(max(place.expected_seconds / ASKS_LEFT, TICK_S), LONGEST_S)


def _frame(name: bytes, place: Place) -> Frame:
    return event(name, orjson.dumps(place, option=orjson.OPT_UTC_Z), version=int(time() * 1000))
