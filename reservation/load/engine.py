"""The run: sends what the plan says at the planned instants, waits for no answer, and tracks the reservations.

Refused customers try again with the next arrival that is a hold; a confirm or a cancel goes to the reservation that has
waited longest for it. An arrival with nothing to do (no hold waits, or no seat is left) requests a seat map instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import NamedTuple

import orjson

from .client import Client
from .connection import Answer
from .measurements import Measurements
from .plan import Arrival, Fate, Operation, Plan
from .precise_timer import PreciseTimer
from .showtimes import Showtime
from .tracked_reservations import ReservationTracker, TrackedReservation

ARRIVALS_PER_WAKE = 64
MAX_TRIES = 3
MAX_RETRYING = 10_000
START_DELAY_S = 0.05
LISTS = ("/movies?limit=50", "/showtimes?limit=50")
HOLD_ENDED = {"hold_expired", "seats_unavailable", "reservation_cancelled"}


class Customer(NamedTuple):
    """The arrival that wants seats of a showtime; `refused` are the seats that refusals have named."""

    arrival: Arrival
    show: Showtime
    tries: int = 0
    refused: frozenset[int] = frozenset()

    def choose_seats(self) -> list[int]:
        """The seats to ask for, as many as wanted or all that are left; none when the showtime looks sold out."""
        arrival = self.arrival
        if arrival.hot:
            return self.show.best(arrival.seats, without=self.refused)
        return self.show.adjacent(arrival.seats, arrival.seat_draw, without=self.refused)


class Timing(NamedTuple):
    """When a request was meant to go and when it was handled; instants of time.monotonic()."""

    intended: float
    handled: float


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
    ) -> None:
        self.client, self.plan, self.shows = client, plan, shows
        self.measurements, self.tracker = Measurements(), tracker or ReservationTracker()
        self.sold_out_at_s: float | None = None
        self._tokens = tokens
        self._max_in_flight = max_in_flight
        self._retrying: deque[Customer] = deque()
        self._to_confirm: deque[tuple[TrackedReservation, Fate]] = deque()
        self._to_cancel: deque[TrackedReservation] = deque()
        self._arrivals = plan.arrivals()
        self._next: Arrival | None = None
        self._started = 0.0
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._shows_by_id = {show.id: show for show in shows}
        self._senders: Mapping[Operation, Callable[[Arrival, Timing], None]] = {
            "list": self._list,
            "map": self._map,
            "hold": self._hold,
            "confirm": self._confirm,
            "cancel": self._cancel,
        }

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

    def _post(self, path: str, user: int, done: Callable[[Answer], None], body: bytes = b"") -> None:
        request = self.client.target.request("POST", path, token=self._tokens[user], body=body)
        self.client.send(request, done)

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

    def _hold(self, arrival: Arrival, timing: Timing) -> None:
        chosen = self._choose(arrival)
        if chosen is None:
            if self.sold_out_at_s is None:
                self.sold_out_at_s = round(arrival.at_s, 3)
            self._substitute("hold", arrival, timing)
            return
        customer, seats = chosen
        customer.show.taken.update(seats)
        self._post(
            f"/showtimes/{customer.show.id}/holds",
            customer.arrival.user,
            partial(self._hold_answered, customer, tuple(seats), timing),
            orjson.dumps({"seat_ids": seats}),
        )

    def _hold_answered(self, customer: Customer, seats: tuple[int, ...], timing: Timing, answer: Answer) -> None:
        refused = answer.status == 409 and answer.code == "seats_unavailable"
        name = "hold_409" if refused else "hold"
        self.measurements.count(name, answer, *timing, expected=answer.status == 201 or refused)
        arrival, show = customer.arrival, customer.show
        if answer.status != 201:
            show.taken.difference_update(seats)
            if refused:
                self._retry(customer, seats, answer)
            elif not answer.status or answer.status >= 500:
                self.tracker.lost_holds.add(arrival.user)
            return
        reservation = self.tracker.record_hold(answer.json(), user=arrival.user, showtime_id=show.id, asked=seats)
        if arrival.fate == "release":
            self._to_cancel.append(reservation)
        elif arrival.fate == "abandon":
            self.tracker.counts["abandoned"] += 1
            show.taken.difference_update(seats)
            show.free = [seat for seat in show.free if seat not in seats]
        else:
            self._to_confirm.append((reservation, arrival.fate))

    def _retry(self, customer: Customer, seats: tuple[int, ...], answer: Answer) -> None:
        named = frozenset(seat["seat_id"] for seat in answer.json().get("seats", ()))
        if not named or not named <= set(seats):
            self.tracker.add_violation(f"a hold of seats {sorted(seats)} was refused for seats {sorted(named)}")
        tries = customer.tries + 1
        if tries < MAX_TRIES and len(self._retrying) < MAX_RETRYING:
            self._retrying.append(customer._replace(tries=tries, refused=customer.refused | named))
        else:
            self.tracker.counts["gave_up"] += 1

    def _confirm(self, arrival: Arrival, timing: Timing) -> None:
        if not self._to_confirm:
            self._substitute("confirm", arrival, timing)
            return
        reservation, fate = self._to_confirm.popleft()
        reservation.state = "confirming"
        done = partial(self._confirm_answered, reservation, fate, timing)
        self._post(f"/reservations/{reservation.id}/confirm", reservation.user, done)

    def _confirm_answered(self, reservation: TrackedReservation, fate: Fate, timing: Timing, answer: Answer) -> None:
        ended = answer.status in (409, 410) and answer.code in HOLD_ENDED
        self.measurements.count("confirm", answer, *timing, expected=answer.status == 200 or ended)
        if answer.status == 200:
            self.tracker.record_confirm(reservation, answer.json())
            if fate == "return":
                self._to_cancel.append(reservation)
        elif ended:
            self.tracker.record_end(reservation)
            self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)
        else:
            reservation.state = "unknown"

    def _cancel(self, arrival: Arrival, timing: Timing) -> None:
        if not self._to_cancel:
            self._substitute("cancel", arrival, timing)
            return
        reservation = self._to_cancel.popleft()
        self.tracker.record_cancel_sent(reservation)
        done = partial(self._cancel_answered, reservation, timing)
        self._post(f"/reservations/{reservation.id}/cancel", reservation.user, done)

    def _cancel_answered(self, reservation: TrackedReservation, timing: Timing, answer: Answer) -> None:
        self.measurements.count("cancel", answer, *timing, expected=answer.status in (200, 410))
        if answer.status == 200:
            self.tracker.record_cancel(reservation)
        elif answer.status == 410:
            self.tracker.record_end(reservation)
        self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)

    def _substitute(self, operation: Operation, arrival: Arrival, timing: Timing) -> None:
        self.measurements.substituted[operation] += 1
        self._map(arrival, timing)

    def _choose(self, arrival: Arrival) -> tuple[Customer, list[int]] | None:
        """The customer who holds now, and the seats: one who was refused before, otherwise the arrival's own."""
        while self._retrying:
            customer = self._retrying.popleft()
            if seats := customer.choose_seats():
                return customer, seats
            self.tracker.counts["gave_up"] += 1
        first = 0 if arrival.hot else int(arrival.showtime_draw * len(self.shows))
        for number in range(len(self.shows)):
            customer = Customer(arrival, self.shows[(first + number) % len(self.shows)])
            if seats := customer.choose_seats():
                return customer, seats
        return None
