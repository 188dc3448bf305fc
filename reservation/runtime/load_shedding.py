"""Load shedding: which requests a worker takes, and which it refuses at once since the others would be late.

The queues of a worker are the sockets that its event loop has not read yet, the callbacks that are due, and the batches
and connections that requests wait for. None of them has an order by importance, so this module bounds what is in them:
a request is taken if fewer than a limit are in progress. By Little's law, requests in progress / requests a second is
the time that each one takes, so a limit on the first is one on the time, and it holds from the first request on: a
burst is refused when it comes, not when its delay has been measured.

The limits follow the delay, as CoDel does (RFC 8289). What counts is the *shortest* delay of an interval: bursts make
some requests late, but only a queue that stands makes all of them late. There are two kinds of limits.

- That of the worker bounds all requests in progress, and follows the lag of the event loop, in which requests wait for
  the CPU. Lag counts as far as the loop was working: to refuse requests does not help against other programs. A lane
  may use a share of the limit (SHARES), so reports are refused first, then lists, maps, ... and confirms last; and a
  smaller share is its own (OWN_SHARES), so no lane ever stops.
- Each lane has one of its own, which follows the time that its requests take. It bounds what waits for a store that is
  slow, so that those of other lanes, which may need another store, go on.

After an interval whose shortest delay is at least the target, a limit is reduced to SHRINK of what was in progress, but
not below its floor; after any other it grows by GROWTH.
"""

import asyncio
from collections.abc import Callable, Mapping
from math import inf
from time import perf_counter, thread_time
from typing import TypeAlias

from .lanes import Lane
from .metrics import CounterBy, GaugeBy

INTERVAL_S = 0.1
TICK_S = 0.01
SHRINK, GROWTH = 0.8, 1.1
WATCH_FROM = 16  # requests in progress: with fewer there is nothing to measure, and no timer runs
# A full batch of holds or confirms is in progress at least: fewer would make each of them more expensive.
FLOOR, MOST_OF_LANE, MOST = 64, 256, 512
# Of the worker's limit: up to this share, counting all lanes, a lane takes requests ...
SHARES = {Lane.CONFIRM: 1.0, Lane.HOLD: 0.85, Lane.ACCOUNT: 0.75, Lane.MAP: 0.7, Lane.LIST: 0.5, Lane.REPORT: 0.4}
# ... and up to this one, counting the lane's own: customers need a seat map before they can hold.
OWN_SHARES = {Lane.CONFIRM: 0.3, Lane.HOLD: 0.2, Lane.ACCOUNT: 0.03, Lane.MAP: 0.2, Lane.LIST: 0.04, Lane.REPORT: 0.02}
# These take long by themselves: passwords are hashed by few threads, reports read much. Both have queues of their own.
SLOW_BY_NATURE = frozenset({Lane.ACCOUNT, Lane.REPORT})
LAG_SHARE = 0.25  # of the target: a request takes some four rounds of the event loop
EVENT_LOOP = "event_loop"

REFUSED = CounterBy(
    "reservation_requests_refused",
    "Requests answered 503 at their arrival, since the worker is overloaded.",
    "lane",
    known=[lane.label for lane in Lane],
)
IN_PROGRESS = GaugeBy("reservation_requests_in_progress", "Requests that workers have taken and not answered.", "lane")
DELAY = GaugeBy(
    "reservation_shortest_delay_seconds",
    "Shortest time of the last 0.1 s that a request took, or that the event loop was late; 0 if few are in progress.",
    "queue",
    merge="livemax",
)


class DelayLimit:
    """A number of requests that adapts to the shortest delay of each interval; `target_s` is what may be exceeded."""

    __slots__ = (
        "_fewest",
        "_last",
        "delay_s",
        "floor",
        "most",
        "peak",
        "shortest_s",
        "target_s",
        "value",
        "without_answer_s",
    )

    def __init__(self, *, floor: int, most: int, target_s: float) -> None:
        self.floor, self.most, self.target_s = floor, most, target_s
        self.value = float(most)
        self.shortest_s = inf  # of this interval; of requests that were answered in it
        self.peak = 0  # most requests in progress, of this interval
        self._fewest: float = inf  # of this interval, its beginning included
        self._last: float = inf  # how many were in progress at the last sample
        self.without_answer_s = 0.0  # that of the intervals up to now in which requests waited and none was answered
        self.delay_s = 0.0  # of the last interval

    def begin(self) -> None:
        """Begin to measure: how many requests were in progress before is not known, and what was noted is too old."""
        self.shortest_s = self._fewest = self._last = inf
        self.peak, self.without_answer_s = 0, 0.0

    def sample(self, in_progress: int) -> None:
        """Note how many requests are in progress."""
        self.peak = max(self.peak, in_progress)
        self._fewest = min(self._fewest, in_progress)
        self._last = in_progress

    def adapt(self) -> None:
        """End an interval.

        If requests were in progress all the time and none was answered, its delay is at least the time that none has
        been answered: those of a burst have waited only since they came. With fewer requests than the floor there is no
        queue, however long each of them takes.
        """
        is_silent = self.shortest_s == inf and 0 < self._fewest < inf
        self.without_answer_s = self.without_answer_s + INTERVAL_S if is_silent else 0.0
        self.delay_s = self.without_answer_s if self.shortest_s == inf else self.shortest_s
        if self.peak >= self.floor and self.delay_s >= self.target_s:
            self.value = max(float(self.floor), min(self.value, self.peak) * SHRINK)
        else:
            self.value = min(float(self.most), self.value * GROWTH)
        self.shortest_s, self.peak, self._fewest = inf, 0, self._last


class Gate:
    """The entrance of a lane: `enter` before a request is served; if it returns True, `leave` and `note` afterwards."""

    __slots__ = ("_own_share", "_share", "_shedding", "in_progress", "lane", "limit", "refused")

    def __init__(self, shedding: "LoadShedding", lane: Lane, limit: DelayLimit) -> None:
        self._shedding = shedding
        self._share, self._own_share = SHARES[lane], OWN_SHARES[lane]
        self.lane, self.limit = lane, limit
        self.in_progress = 0
        self.refused = 0  # in this interval

    def is_open(self) -> bool:
        """Whether a request would be taken now."""
        number, shedding = self.in_progress, self._shedding
        limit = shedding.limit.value
        return number < self.limit.value and (
            shedding.in_progress < limit * self._share or number < limit * self._own_share
        )

    def enter(self) -> bool:
        """Take a request, if `is_open` would be true, or count that it is refused."""
        mine, shedding = self.in_progress, self._shedding
        number = shedding.in_progress  # with fewer than WATCH_FROM no share of the worker's limit is used up
        if mine >= self.limit.value or (number >= WATCH_FROM and not self.is_open()):
            self.refuse()
            return False
        self.in_progress = mine + 1
        shedding.in_progress = number = number + 1
        if number >= WATCH_FROM and not shedding.is_watching:
            shedding.watch()
        return True

    def come_back(self) -> None:
        """Count a request again that has left before its end, whether or not the gate is open."""
        self.in_progress += 1
        self._shedding.in_progress += 1

    def refuse(self) -> None:
        """Count a request that is refused."""
        self.refused += 1
        self._shedding.is_tight = True
        if not self._shedding.is_watching:
            self._shedding.watch()

    def leave(self) -> None:
        """A request that was taken has ended."""
        self.in_progress -= 1
        self._shedding.in_progress -= 1

    def note(self, elapsed_s: float) -> None:
        """Note the time that a request took; not that of one which was refused while it waited."""
        limit = self.limit
        if elapsed_s < limit.shortest_s:  # noqa: PLR1730 - min() costs twice as much, for each request
            limit.shortest_s = elapsed_s


class FreeGate:
    """The entrance of requests that are never refused."""

    lane: Lane | None = None

    def is_open(self) -> bool:
        """It is."""
        return True

    def enter(self) -> bool:
        """Take a request."""
        return True

    def come_back(self) -> None:
        """It is not counted."""

    def refuse(self) -> None:
        """It never is."""

    def leave(self) -> None:
        """It has ended."""

    def note(self, elapsed_s: float) -> None:
        """Its time does not count."""


FREE = FreeGate()
AnyGate: TypeAlias = Gate | FreeGate


class LoadShedding:
    """The gates of a worker.

    `target_s`: a delay that is no queue yet. `list_connections`: how many lists can read from PostgreSQL at once; more
    than these only wait. `on_refused` is called after an interval with the number of refused requests by lane.
    """

    def __init__(
        self,
        *,
        target_s: float,
        list_connections: int,
        on_refused: Callable[[Mapping[Lane, int]], None] | None = None,
        clock: Callable[[], float] = perf_counter,
        work_clock: Callable[[], float] = thread_time,
    ) -> None:
        self.limit = DelayLimit(floor=FLOOR, most=MOST, target_s=target_s * LAG_SHARE)
        self.gates = {lane: Gate(self, lane, _limit_of(lane, target_s, list_connections)) for lane in Lane}
        self.in_progress = 0
        self.is_tight = False  # whether a request was refused in this interval or the last one
        self.is_watching = False
        self._on_refused = on_refused
        self._clock, self._work_clock = clock, work_clock
        self._tick_at = self._adapt_at = self._worked_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Begin to measure: a timer runs until few requests are in progress and every limit is back at its most."""
        self.is_watching = True
        for limit in self._limits():
            limit.begin()
        now = self._clock()
        self._adapt_at = now + INTERVAL_S
        self._schedule(now)

    def stop(self) -> None:
        """Stop the timer, if it runs."""
        self.is_watching = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def measure(self, lag_s: float) -> None:
        """Take a sample of the event loop's lag, and of what is in progress."""
        limit = self.limit
        limit.shortest_s = min(limit.shortest_s, lag_s)
        limit.sample(self.in_progress)
        for gate in self.gates.values():
            gate.limit.sample(gate.in_progress)

    def adapt(self) -> None:
        """End an interval."""
        refused = {lane: gate.refused for lane, gate in self.gates.items() if gate.refused}
        self.is_tight = bool(refused)
        self.limit.adapt()
        DELAY.values[EVENT_LOOP] = self.limit.delay_s
        for lane, gate in self.gates.items():
            label = lane.label
            REFUSED.counts[label] += gate.refused
            gate.refused = 0
            gate.limit.adapt()
            DELAY.values[label] = gate.limit.delay_s
        if refused and self._on_refused is not None:
            self._on_refused(refused)

    def publish(self) -> None:
        """Set the gauges."""
        for lane, gate in self.gates.items():
            IN_PROGRESS.values[lane.label] = gate.in_progress

    def _tick(self) -> None:
        now = self._clock()
        worked_s = self._work_clock() - self._worked_s
        self.measure(min(max(0.0, now - self._tick_at), worked_s))
        if now >= self._adapt_at:
            self.adapt()
            self._adapt_at = now + INTERVAL_S
            if self._is_quiet():
                DELAY.values.update(dict.fromkeys(DELAY.values, 0.0))
                self.stop()
                return
        self._schedule(now)

    def _schedule(self, now: float) -> None:
        self._tick_at, self._worked_s = now + TICK_S, self._work_clock()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _is_quiet(self) -> bool:
        is_at_most = all(limit.value >= limit.most for limit in self._limits())
        return self.in_progress < WATCH_FROM and not self.is_tight and is_at_most

    def _limits(self) -> list[DelayLimit]:
        return [self.limit, *(gate.limit for gate in self.gates.values())]


def _limit_of(lane: Lane, target_s: float, list_connections: int) -> DelayLimit:
    floor = list_connections if lane is Lane.LIST else FLOOR
    return DelayLimit(floor=floor, most=MOST_OF_LANE, target_s=inf if lane in SLOW_BY_NATURE else target_s)
