"""The run: sends what the plan says when it says so, waits for nobody, and keeps the customers' books.

A customer is one hold with all that comes of it. Customers that were refused come again first, with the next arrival
that is a hold; a confirm or a cancel is sent for the reservation that has waited longest for one. An arrival that finds
nothing to do, because no hold waits or no seat is left, looks at a seat map instead and is counted as substituted.
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
from .measurements import TIMEOUTS, Measures
from .plan import Arrival, Fate, Operation, Plan
from .precise_timer import Alarm
from .showtimes import Show
from .tracked_reservations import Booking, Ledger

ARRIVALS_A_TURN = 64
MAX_TRIES = 3
MAX_RETURNING = 10_000
START_DELAY_S = 0.05
GONE = {"hold_expired", "seats_unavailable", "reservation_cancelled"}


class Customer(NamedTuple):
    """Somebody who wants seats of a showtime; `refused` are those that the last refusal named."""

    user: int
    show: Show
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
        self, client: Client, plan: Plan, shows: Sequence[Show], tokens: Sequence[str], *, max_in_flight: int
    ) -> None:
        self.client, self.plan, self.shows = client, plan, shows
        self.measures, self.ledger = Measures(), Ledger()
        self.sold_out_at_s: float | None = None
        self._tokens = tokens
        self._max_in_flight = max_in_flight
        self._returning: deque[Customer] = deque()
        self._to_confirm: deque[tuple[Booking, Fate]] = deque()
        self._to_cancel: deque[Booking] = deque()
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

        Raises what an answer that makes no sense has led to, a KeyError for example.
        """
        self._started = monotonic() + START_DELAY_S
        self._next = next(self._arrivals, None)
        alarm = Alarm(self._loop, lambda: self._wake(alarm))
        alarm.set(self._started)
        ticking = self._loop.create_task(self._tick(each_second))
        try:
            await self._over.wait()
            await self.client.quiet()
        finally:
            alarm.close()
            ticking.cancel()
            await asyncio.wait([ticking])
        if self.client.broken is not None:
            raise self.client.broken
        for row in self.measures.seconds:
            row.close(row.in_flight)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return max(monotonic() - self._started, 0.0)

    async def _tick(self, each_second: Callable[[int], None]) -> None:
        gone = 0
        while True:
            await asyncio.sleep(max(self._started + gone + 1 - monotonic(), 0))
            self.measures.second(gone).close(self.client.in_flight)
            gone += 1
            each_second(gone)

    def _wake(self, alarm: Alarm) -> None:
        """Send all that is due, then sleep until the next; the event loop would only print an exception and go on."""
        try:
            self._send_due(alarm)
        except Exception as error:
            self.client.broken = self.client.broken or error
            self._over.set()

    def _send_due(self, alarm: Alarm) -> None:
        for _ in range(ARRIVALS_A_TURN):
            arrival = self._next
            if arrival is None:
                if self.elapsed_s >= self.plan.duration_s:
                    self._over.set()
                else:
                    alarm.set(self._started + self.plan.duration_s)
                return
            now = monotonic()
            intended = self._started + arrival.at_s
            if intended > now:
                alarm.set(intended)
                return
            self._next = next(self._arrivals, None)
            self.measures.offer(arrival.at_s, now - self._started)
            if self.client.in_flight >= self._max_in_flight:
                self.measures.drop(arrival.at_s)
                continue
            self._senders[arrival.operation](arrival, _Sent(intended, now))
        # Answers must be read, too, when the generator is behind.
        self._loop.call_soon(self._wake, alarm)

    def _count(self, name: str, sent: _Sent, answer: Answer, *, expected: bool) -> None:
        if answer.status or answer.fault in TIMEOUTS:
            self.measures.connection_wait.add(answer.sent_at - sent.handled)
        self.measures.answer(
            name,
            answer.status,
            answer.code,
            intended_s=sent.intended - self._started,
            sent_s=answer.sent_at - self._started,
            ended_s=answer.ended_at - self._started,
            expected=expected,
        )

    def _list(self, arrival: Arrival, sent: _Sent) -> None:
        request = self.client.target.request("GET", self._lists[int(arrival.where * len(self._lists))])
        self.client.send(request, lambda answer: self._count("list", sent, answer, expected=answer.status == 200))

    def _map(self, arrival: Arrival, sent: _Sent) -> None:
        show = self._show(arrival)
        etag = show.etag if arrival.conditional else ""
        request = self.client.target.request("GET", f"/showtimes/{show.id}/seats", etag=etag)
        self.client.send(request, partial(self._mapped, show, sent))

    def _mapped(self, show: Show, sent: _Sent, answer: Answer) -> None:
        if answer.status == 200:
            show.see(answer)
        self._count("map_304" if answer.status == 304 else "map", sent, answer, expected=answer.status in (200, 304))

    def _hold(self, arrival: Arrival, sent: _Sent) -> None:
        customer, chosen = self._choose(arrival)
        if not chosen:
            if self.sold_out_at_s is None:
                self.sold_out_at_s = round(arrival.at_s, 3)
            self._instead("hold", arrival, sent)
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
        booking = self.ledger.granted(answer.json(), user=customer.user, showtime_id=customer.show.id, asked=seats)
        if customer.fate == "release":
            self._to_cancel.append(booking)
        elif customer.fate == "abandon":
            self.ledger.counts["abandoned"] += 1
            self.ledger.bookings.pop(booking.id)
            customer.show.taken.difference_update(seats)
            customer.show.free = [seat for seat in customer.show.free if seat not in seats]
        else:
            self._to_confirm.append((booking, customer.fate))

    def _refused(self, customer: Customer, seats: tuple[int, ...], answer: Answer) -> None:
        named = frozenset(seat["seat_id"] for seat in answer.json().get("seats", ()))
        if not named or not named <= set(seats):
            self.ledger.violate(f"a hold of seats {sorted(seats)} was refused for seats {sorted(named)}")
        tries = customer.tries + 1
        if tries < MAX_TRIES and len(self._returning) < MAX_RETURNING:
            self._returning.append(customer._replace(tries=tries, refused=customer.refused | named))
        else:
            self.ledger.counts["gave_up"] += 1

    def _confirm(self, arrival: Arrival, sent: _Sent) -> None:
        if not self._to_confirm:
            self._instead("confirm", arrival, sent)
            return
        booking, fate = self._to_confirm.popleft()
        booking.state = "confirming"
        path = f"/reservations/{booking.id}/confirm"
        request = self.client.target.request("POST", path, token=self._tokens[booking.user])
        self.client.send(request, partial(self._confirmed, booking, fate, sent))

    def _confirmed(self, booking: Booking, fate: Fate, sent: _Sent, answer: Answer) -> None:
        gone = answer.status in (409, 410) and answer.code in GONE
        self._count("confirm", sent, answer, expected=answer.status == 200 or gone)
        if answer.status == 200:
            self.ledger.confirmed(booking, answer.json())
            if fate == "return":
                self._to_cancel.append(booking)
        elif gone:
            self.ledger.lost(booking)
            self._shows_by_id[booking.showtime_id].taken.difference_update(booking.seats)
        else:
            booking.state = "unknown"

    def _cancel(self, arrival: Arrival, sent: _Sent) -> None:
        if not self._to_cancel:
            self._instead("cancel", arrival, sent)
            return
        booking = self._to_cancel.popleft()
        self.ledger.giving_up(booking)
        path = f"/reservations/{booking.id}/cancel"
        request = self.client.target.request("POST", path, token=self._tokens[booking.user])
        self.client.send(request, partial(self._cancelled, booking, sent))

    def _cancelled(self, booking: Booking, sent: _Sent, answer: Answer) -> None:
        gone = answer.status == 410
        self._count("cancel", sent, answer, expected=answer.status == 200 or gone)
        if answer.status == 200:
            self.ledger.cancelled(booking)
        elif gone:
            self.ledger.lost(booking)
        self._shows_by_id[booking.showtime_id].taken.difference_update(booking.seats)

    def _instead(self, operation: Operation, arrival: Arrival, sent: _Sent) -> None:
        self.measures.substituted[operation] += 1
        self._map(arrival, sent)

    def _choose(self, arrival: Arrival) -> tuple[Customer, list[int]]:
        """Who asks now and for which seats: whoever was refused before, else the arrival's own customer."""
        while self._returning:
            customer = self._returning.popleft()
            chosen = self._seats(customer)
            if chosen:
                return customer, chosen
            self.ledger.counts["gave_up"] += 1
        first = 0 if arrival.hot else int(arrival.where * len(self.shows))
        customer = self._customer(arrival, self.shows[first])
        chosen = self._seats(customer)
        for number in range(1, len(self.shows)):
            if chosen:
                break
            customer = self._customer(arrival, self.shows[(first + number) % len(self.shows)])
            chosen = self._seats(customer)
        return customer, chosen

    def _customer(self, arrival: Arrival, show: Show) -> Customer:
        return Customer(arrival.user, show, arrival.seats, arrival.hot, arrival.which, arrival.fate)

    def _seats(self, customer: Customer) -> list[int]:
        """The seats to ask for, as many as wanted or all that are left; none when the showtime looks sold out."""
        if customer.hot:
            return customer.show.best(customer.seats, but=customer.refused)
        return customer.show.somewhere(customer.seats, customer.which, but=customer.refused)

    def _show(self, arrival: Arrival) -> Show:
        """The showtime whose map is looked at: the hot one, which is the first with seats left, or any."""
        if arrival.hot:
            return next((show for show in self.shows if show.look()), self.shows[0])
        return self.shows[int(arrival.where * len(self.shows))]
