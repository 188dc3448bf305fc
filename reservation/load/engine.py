"""The run: sends what the plan says at the planned instants, waits for no answer, and tracks the reservations.

A customer is one hold and what follows from it. Customers that were refused try again with the next arrival that is a
hold; a confirm or a cancel goes to the reservation that has waited longest for it. An arrival with nothing to do (no
hold waits, or no seat is left) requests a seat map instead, and is counted as substituted.
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

ARRIVALS_A_TURN = 64
MAX_TRIES = 3
MAX_RETRYING = 10_000
START_DELAY_S = 0.05
GONE = {"hold_expired", "seats_unavailable", "reservation_cancelled"}


class Customer(NamedTuple):
    """A customer of a showtime; `refused` are the seats that refusals have named."""

    user: int
    show: Showtime
    seats: int
    hot: bool
    which: float
    fate: Fate
    tries: int = 0
    refused: frozenset[int] = frozenset()


class _Sent(NamedTuple):
    """When a request was meant to go and when it was dealt with; instants of time.monotonic()."""

    intended: float
    handled: float


class Engine:
    """One run against one target."""

    def __init__(
        self, client: Client, plan: Plan, shows: Sequence[Showtime], tokens: Sequence[str], *, max_in_flight: int
    ) -> None:
        self.client, self.plan, self.shows = client, plan, shows
        self.measurements, self.tracker = Measurements(), ReservationTracker()
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
        self._lists = ("/movies?limit=50", "/showtimes?limit=50")
        self._senders: Mapping[Operation, Callable[[Arrival, _Sent], None]] = {
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
        self._started = monotonic() + START_DELAY_S
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

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return max(monotonic() - self._started, 0.0)

    async def _tick(self, each_second: Callable[[int], None]) -> None:
        gone = 0
        while True:
            await asyncio.sleep(max(self._started + gone + 1 - monotonic(), 0))
            self.measurements.second(gone).close(self.client.in_flight)
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
        for _ in range(ARRIVALS_A_TURN):
            arrival = self._next
            if arrival is None:
                if self.elapsed_s >= self.plan.duration_s:
                    self._over.set()
                else:
                    timer.set(self._started + self.plan.duration_s)
                return
            now = monotonic()
            intended = self._started + arrival.at_s
            if intended > now:
                timer.set(intended)
                return
            self._next = next(self._arrivals, None)
            self.measurements.offer(arrival.at_s, now - self._started)
            if self.client.in_flight >= self._max_in_flight:
                self.measurements.drop(arrival.at_s)
                continue
            self._senders[arrival.operation](arrival, _Sent(intended, now))
        # Through the loop, which also reads answers when the generator is behind.
        self._loop.call_soon(self._wake, timer)

    def _count(self, name: str, sent: _Sent, answer: Answer, *, expected: bool) -> None:
        self.measurements.count(
            name, answer, intended=sent.intended, ready=sent.handled, started=self._started, expected=expected
        )

    def _list(self, arrival: Arrival, sent: _Sent) -> None:
        request = self.client.target.request("GET", self._lists[int(arrival.where * len(self._lists))])
        self.client.send(request, lambda answer: self._count("list", sent, answer, expected=answer.status == 200))

    def _map(self, arrival: Arrival, sent: _Sent) -> None:
        show = self._show(arrival)
        etag = show.etag if arrival.conditional else ""
        request = self.client.target.request("GET", f"/showtimes/{show.id}/seats", etag=etag)
        self.client.send(request, partial(self._mapped, show, sent))

    def _mapped(self, show: Showtime, sent: _Sent, answer: Answer) -> None:
        if answer.status == 200:
            show.see(answer)
        self._count("map_304" if answer.status == 304 else "map", sent, answer, expected=answer.status in (200, 304))

    def _hold(self, arrival: Arrival, sent: _Sent) -> None:
        customer, chosen = self._choose(arrival)
        if not chosen:
            if self.sold_out_at_s is None:
                self.sold_out_at_s = round(arrival.at_s, 3)
            self._substitute("hold", arrival, sent)
            return
        seats = tuple(chosen)
        customer.show.taken.update(seats)
        request = self.client.target.request(
            "POST",
            f"/showtimes/{customer.show.id}/holds",
            token=self._tokens[customer.user],
            body=orjson.dumps({"seat_ids": seats}),
        )
        self.client.send(request, partial(self._held, customer, seats, sent))

    def _held(self, customer: Customer, seats: tuple[int, ...], sent: _Sent, answer: Answer) -> None:
        refused = answer.status == 409 and answer.code == "seats_unavailable"
        self._count("hold_409" if refused else "hold", sent, answer, expected=answer.status == 201 or refused)
        if answer.status != 201:
            customer.show.taken.difference_update(seats)
            if refused:
                self._refused(customer, seats, answer)
            return
        reservation = self.tracker.record_hold(
            answer.json(), user=customer.user, showtime_id=customer.show.id, asked=seats
        )
        if customer.fate == "release":
            self._to_cancel.append(reservation)
        elif customer.fate == "abandon":
            self.tracker.counts["abandoned"] += 1
            self.tracker.reservations.pop(reservation.id)
            customer.show.taken.difference_update(seats)
            customer.show.free = [seat for seat in customer.show.free if seat not in seats]
        else:
            self._to_confirm.append((reservation, customer.fate))

    def _refused(self, customer: Customer, seats: tuple[int, ...], answer: Answer) -> None:
        named = frozenset(seat["seat_id"] for seat in answer.json().get("seats", ()))
        if not named or not named <= set(seats):
            self.tracker.add_violation(f"a hold of seats {sorted(seats)} was refused for seats {sorted(named)}")
        tries = customer.tries + 1
        if tries < MAX_TRIES and len(self._retrying) < MAX_RETRYING:
            self._retrying.append(customer._replace(tries=tries, refused=customer.refused | named))
        else:
            self.tracker.counts["gave_up"] += 1

    def _confirm(self, arrival: Arrival, sent: _Sent) -> None:
        if not self._to_confirm:
            self._substitute("confirm", arrival, sent)
            return
        reservation, fate = self._to_confirm.popleft()
        reservation.state = "confirming"
        path = f"/reservations/{reservation.id}/confirm"
        request = self.client.target.request("POST", path, token=self._tokens[reservation.user])
        self.client.send(request, partial(self._confirmed, reservation, fate, sent))

    def _confirmed(self, reservation: TrackedReservation, fate: Fate, sent: _Sent, answer: Answer) -> None:
        gone = answer.status in (409, 410) and answer.code in GONE
        self._count("confirm", sent, answer, expected=answer.status == 200 or gone)
        if answer.status == 200:
            self.tracker.record_confirm(reservation, answer.json())
            if fate == "return":
                self._to_cancel.append(reservation)
        elif gone:
            self.tracker.record_end(reservation)
            self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)
        else:
            reservation.state = "unknown"

    def _cancel(self, arrival: Arrival, sent: _Sent) -> None:
        if not self._to_cancel:
            self._substitute("cancel", arrival, sent)
            return
        reservation = self._to_cancel.popleft()
        self.tracker.record_cancel_sent(reservation)
        path = f"/reservations/{reservation.id}/cancel"
        request = self.client.target.request("POST", path, token=self._tokens[reservation.user])
        self.client.send(request, partial(self._cancelled, reservation, sent))

    def _cancelled(self, reservation: TrackedReservation, sent: _Sent, answer: Answer) -> None:
        gone = answer.status == 410
        self._count("cancel", sent, answer, expected=answer.status == 200 or gone)
        if answer.status == 200:
            self.tracker.record_cancel(reservation)
        elif gone:
            self.tracker.record_end(reservation)
        self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)

    def _substitute(self, operation: Operation, arrival: Arrival, sent: _Sent) -> None:
        self.measurements.substituted[operation] += 1
        self._map(arrival, sent)

    def _choose(self, arrival: Arrival) -> tuple[Customer, list[int]]:
        """The customer who holds now, and the seats: one who was refused before, else the arrival's own."""
        while self._retrying:
            customer = self._retrying.popleft()
            chosen = self._seats(customer)
            if chosen:
                return customer, chosen
            self.tracker.counts["gave_up"] += 1
        first = 0 if arrival.hot else int(arrival.where * len(self.shows))
        customer = self._customer(arrival, self.shows[first])
        chosen = self._seats(customer)
        for number in range(1, len(self.shows)):
            if chosen:
                break
            customer = self._customer(arrival, self.shows[(first + number) % len(self.shows)])
            chosen = self._seats(customer)
        return customer, chosen

    def _customer(self, arrival: Arrival, show: Showtime) -> Customer:
        return Customer(arrival.user, show, arrival.seats, arrival.hot, arrival.which, arrival.fate)

    def _seats(self, customer: Customer) -> list[int]:
        """The seats to ask for, as many as wanted or all that are left; none when the showtime looks sold out."""
        if customer.hot:
            return customer.show.best(customer.seats, but=customer.refused)
        return customer.show.somewhere(customer.seats, customer.which, but=customer.refused)

    def _show(self, arrival: Arrival) -> Showtime:
        """The showtime whose map is looked at: the hot one, which is the first with seats left, or any."""
        if arrival.hot:
            return next((show for show in self.shows if show.look()), self.shows[0])
        return self.shows[int(arrival.where * len(self.shows))]
