"""The run: sends what the plan says at the planned instants, and waits for no answer."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from .bookings import Bookings
from .client import Client
from .connection import Answer
from .limits import HoldLimits
from .measurements import Measurements, Timing
from .plan import Arrival, Plan
from .precise_timer import PreciseTimer
from .showtimes import Showtime
from .tracked_reservations import ReservationTracker
from .viewers import SeatChanges

ARRIVALS_PER_WAKE = 64
START_DELAY_S = 0.05
LISTS = ("/movies?limit=50", "/showtimes?limit=50")


class Engine:
    """One run against one target."""

    def __init__(
        self,
        client: Client,
        plan: Plan,
        shows: Sequence[Showtime],
        tokens: Sequence[str],
        *,
        max_in_flight: int,
        tracker: ReservationTracker | None = None,
        limits: HoldLimits | None = None,
        changes: SeatChanges | None = None,
    ) -> None:
        self.client, self.plan, self.shows = client, plan, shows
        self.measurements, self.tracker = Measurements(), tracker or ReservationTracker()
        self.bookings = Bookings(
            client,
            shows,
            tokens,
            self.measurements,
            self.tracker,
            limits or HoldLimits(),
            changes or SeatChanges(),
            self._map,
        )
        self._max_in_flight = max_in_flight
        self._arrivals = plan.arrivals()
        self._next: Arrival | None = None
        self._started = 0.0
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._senders = {"list": self._list, "map": self._map, **self.bookings.senders}

    async def run(self, each_second: Callable[[int], None]) -> None:
        """Send everything and wait for the last answer; `each_second` is called with the number of seconds gone.

        Raises the exception that an invalid answer led to, a KeyError for example.
        """
        self._started = self.measurements.started = monotonic() + START_DELAY_S
        self._next = next(self._arrivals, None)
        timer = PreciseTimer(self._loop, lambda: self._wake(timer))
        timer.set(self._started)
        ticking = self._loop.create_task(self._tick(each_second))
        try:
            await self._over.wait()
            await self.client.idle()
        finally:
            timer.close()
            ticking.cancel()
            await asyncio.wait([ticking])
        if self.client.broken is not None:
            raise self.client.broken
        for row in self.measurements.seconds:
            row.close(row.in_flight)

    async def _tick(self, each_second: Callable[[int], None]) -> None:
        gone = 0
        while True:
            await asyncio.sleep(max(self._started + gone + 1 - monotonic(), 0))
            self.measurements.second(self._started + gone).close(self.client.in_flight)
            gone += 1
            each_second(gone)

    def _wake(self, timer: PreciseTimer) -> None:
        """Send what is due and set the timer for the next; an exception ends the run (the loop would only log it)."""
        try:
            self._send_due(timer)
        except Exception as error:
            self.client.broken = self.client.broken or error
            self._over.set()

    def _send_due(self, timer: PreciseTimer) -> None:
        for _ in range(ARRIVALS_PER_WAKE):
            arrival, now = self._next, monotonic()
            due = self._started + (self.plan.duration_s if arrival is None else arrival.at_s)
            if due > now:
                timer.set(due)
                return
            if arrival is None:
                self._over.set()
                return
            self._next = next(self._arrivals, None)
            self.measurements.offer(due, now)
            if self.client.in_flight >= self._max_in_flight:
                self.measurements.drop(due)
            else:
                self._senders[arrival.operation](arrival, Timing(due, now))
        # Through the loop, which also reads answers when the generator is behind.
        self._loop.call_soon(self._wake, timer)

    def _list(self, arrival: Arrival, timing: Timing) -> None:
        request = self.client.target.request("GET", LISTS[int(arrival.showtime_draw * len(LISTS))])
        count = self.measurements.count
        self.client.send(request, lambda answer: count("list", answer, *timing, expected=answer.status == 200))

    def _map(self, arrival: Arrival, timing: Timing) -> None:
        if arrival.hot:
            show = next((show for show in self.shows if show.free_seats()), self.shows[0])
        else:
            show = self.shows[int(arrival.showtime_draw * len(self.shows))]
        etag = show.etag if arrival.conditional else ""
        request = self.client.target.request("GET", f"/showtimes/{show.id}/seats", etag=etag)
        self.client.send(request, partial(self._map_answered, show, timing))

    def _map_answered(self, show: Showtime, timing: Timing, answer: Answer) -> None:
        if answer.status == 200:
            show.keep_map(answer)
        name = "map_304" if answer.status == 304 else "map"
        self.measurements.count(name, answer, *timing, expected=answer.status in (200, 304))
