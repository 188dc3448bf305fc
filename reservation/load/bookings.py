"""What customers do with seats: hold, confirm, cancel, and repeat requests that have an Idempotency-Key.

Refused customers try again with the next arrival that is a hold by seats; a confirm or a cancel goes to the reservation
that has waited longest for it. An arrival with nothing to do, or that the target's limits leave no room for, requests a
seat map instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import orjson

from .client import Client
from .connection import Answer
from .limits import HoldLimits
from .measurements import Measurements, Timing
from .plan import Arrival, Fate, Operation
from .showtimes import Showtime
from .tracked_reservations import ReservationTracker, TrackedReservation
from .viewers import SeatChanges

MAX_TRIES = 3
MAX_WAITING = 10_000  # refused customers, and keyed holds that may be repeated
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


class Hold(NamedTuple):
    """A hold that was sent: `user` makes it for the customer; `seats` are those asked for, of `best` how many."""

    operation: Operation
    customer: Customer
    user: int
    seats: Sequence[int]
    timing: Timing
    request: bytes


class Bookings:
    """The customers' holds and reservations in one run; `substitute` requests a map in place of an operation."""

    def __init__(
        self,
        client: Client,
        shows: Sequence[Showtime],
        tokens: Sequence[str],
        measurements: Measurements,
        tracker: ReservationTracker,
        limits: HoldLimits,
        changes: SeatChanges,
        substitute: Callable[[Arrival, Timing], None],
    ) -> None:
        self.sold_out_at_s: float | None = None
        self.senders: Mapping[Operation, Callable[[Arrival, Timing], None]] = {
            "hold": self._hold,
            "best": self._hold,
            "keyed": self._hold,
            "repeat": self._repeat,
            "confirm": self._confirm,
            "cancel": self._cancel,
        }
        self._client, self._shows, self._tokens = client, shows, tokens
        self._measurements, self._tracker = measurements, tracker
        self.limits, self._changes, self._substitute = limits, changes, substitute
        self._run = uuid4().hex  # in keys: those of an earlier run with the same seed would be replayed
        self._retrying: deque[Customer] = deque()
        self._to_repeat: deque[tuple[Hold, str]] = deque(maxlen=MAX_WAITING)
        self._to_confirm: deque[tuple[TrackedReservation, Fate]] = deque()
        self._to_cancel: deque[TrackedReservation] = deque()
        self._shows_by_id = {show.id: show for show in shows}
        self._keys = 0

    def _post(self, path: str, user: int, done: Callable[[Answer], None]) -> None:
        self._client.send(self._client.target.request("POST", path, token=self._tokens[user]), done)

    def _nothing_to_do(self, arrival: Arrival, timing: Timing) -> None:
        self._measurements.substituted[arrival.operation] += 1
        self._substitute(arrival, timing)

    def _hold(self, arrival: Arrival, timing: Timing) -> None:
        chosen = self._choose(arrival)
        if chosen is None and self.sold_out_at_s is None:
            self.sold_out_at_s = round(arrival.at_s, 3)
        hold = None if chosen is None else self._allowed(arrival.operation, *chosen, timing)
        if hold is None:
            self._nothing_to_do(arrival, timing)
            return
        show = hold.customer.show
        if hold.operation != "best":
            show.taken.update(hold.seats)
            self._changes.sent(show.id, hold.seats, "held", timing.handled)
        self._client.send(hold.request, partial(self._hold_answered, hold))

    def _allowed(self, operation: Operation, customer: Customer, seats: Sequence[int], timing: Timing) -> Hold | None:
        """The hold, by a customer who is within the target's limits; None if they leave no room."""
        show, wanted = customer.show, customer.arrival.user
        user = self.limits.take_customer(wanted, len(self._tokens), show.id, len(seats))
        if user is None:
            return None
        if not self.limits.take_turn(timing.handled):
            self.limits.end(user, show.id, len(seats))
            return None
        key = ""
        if operation == "keyed":
            self._keys += 1
            key = f"load-{self._run}-{self._keys}"
        body = {"quantity": len(seats)} if operation == "best" else {"seat_ids": seats}
        path = f"/showtimes/{show.id}/holds"
        request = self._client.target.request(
            "POST", path, token=self._tokens[user], body=orjson.dumps(body), idempotency_key=key
        )
        return Hold(operation, customer, user, tuple(seats), timing, request)

    def _hold_answered(self, hold: Hold, answer: Answer) -> None:
        refused = answer.status == 409 and answer.code == "seats_unavailable"
        name = f"{hold.operation}_409" if refused else hold.operation
        self._measurements.count(name, answer, *hold.timing, expected=answer.status == 201 or refused)
        if answer.status == 201:
            self._held(hold, answer)
            return
        show = hold.customer.show
        if hold.operation != "best":
            show.taken.difference_update(hold.seats)
            self._changes.refused(show.id, hold.seats, hold.timing.handled)
        if not answer.status or answer.status >= 500:
            self._tracker.lost_holds.add(hold.user)  # it may have been made
            return
        self.limits.end(hold.user, show.id, len(hold.seats))
        if answer.status == 429:
            self.limits.pause(answer.ended_at + answer.retry_after_s(0))
        if refused:
            self._retry(hold, answer)

    def _held(self, hold: Hold, answer: Answer) -> None:
        body, show, fate = answer.json(), hold.customer.show, hold.customer.arrival.fate
        asked = hold.seats
        if hold.operation == "best":
            given = tuple(seat["seat_id"] for seat in body["seats"])
            if len(given) != len(asked):
                self._tracker.add_violation(f"hold {body['id']}: asked for {len(asked)} seats, got {len(given)}")
            asked = given
            show.taken.update(given)
        reservation = self._tracker.record_hold(body, user=hold.user, showtime_id=show.id, asked=tuple(asked))
        if hold.operation == "keyed":
            self._to_repeat.append((hold, reservation.id))
        if fate == "release":
            self._to_cancel.append(reservation)
        elif fate == "abandon":
            self._tracker.counts["abandoned"] += 1
            show.taken.difference_update(asked)
            show.free = [seat for seat in show.free if seat not in asked]
            # A second later than it expires: then it counts no more against its customer's limits.
            asyncio.get_running_loop().call_later(self.limits.hold_ttl_s + 1, self._expire, reservation)
        else:
            self._to_confirm.append((reservation, fate))

    def _expire(self, reservation: TrackedReservation) -> None:
        if reservation.state == "held":  # it was not released at the end of a run
            self._tracker.record_end(reservation)
            self.limits.end(reservation.user, reservation.showtime_id, len(reservation.seats))

    def _retry(self, hold: Hold, answer: Answer) -> None:
        named = frozenset(seat["seat_id"] for seat in answer.json().get("seats", ()))
        if hold.operation != "best" and (not named or not named <= set(hold.seats)):
            asked = sorted(hold.seats)
            self._tracker.add_violation(f"a hold of seats {asked} was refused for seats {sorted(named)}")
        customer = hold.customer
        tries = customer.tries + 1
        if hold.operation != "best" and tries < MAX_TRIES and len(self._retrying) < MAX_WAITING:
            self._retrying.append(customer._replace(tries=tries, refused=customer.refused | named))
        else:
            self._tracker.counts["gave_up"] += 1

    def _repeat(self, arrival: Arrival, timing: Timing) -> None:
        if not self._to_repeat or not self.limits.take_turn(timing.handled):
            self._nothing_to_do(arrival, timing)
            return
        hold, reservation_id = self._to_repeat.popleft()
        self._client.send(hold.request, partial(self._repeat_answered, reservation_id, timing))

    def _repeat_answered(self, reservation_id: str, timing: Timing, answer: Answer) -> None:
        self._measurements.count("repeat", answer, *timing, expected=answer.status == 201)
        if answer.status == 201:
            found, replayed = str(answer.json()["id"]), answer.header("Idempotent-Replayed")
            if found != reservation_id or replayed != "true":
                self._tracker.add_violation(
                    f"a repeated hold of reservation {reservation_id} was answered {found}, "
                    f"Idempotent-Replayed: {replayed}"
                )

    def _confirm(self, arrival: Arrival, timing: Timing) -> None:
        if not self._to_confirm:
            self._nothing_to_do(arrival, timing)
            return
        reservation, fate = self._to_confirm.popleft()
        reservation.state = "confirming"
        self._changes.sent(reservation.showtime_id, reservation.seats, "booked", timing.handled)
        done = partial(self._confirm_answered, reservation, fate, timing)
        self._post(f"/reservations/{reservation.id}/confirm", reservation.user, done)

    def _confirm_answered(self, reservation: TrackedReservation, fate: Fate, timing: Timing, answer: Answer) -> None:
        ended = answer.status in (409, 410) and answer.code in HOLD_ENDED
        self._measurements.count("confirm", answer, *timing, expected=answer.status == 200 or ended)
        if answer.status == 200:
            self._tracker.record_confirm(reservation, answer.json())
            self.limits.sell(reservation.user)
            if fate == "return":
                self._to_cancel.append(reservation)
        elif ended:
            self._tracker.record_end(reservation)
            self.limits.end(reservation.user, reservation.showtime_id, len(reservation.seats))
            self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)
        else:
            reservation.state = "unknown"

    def _cancel(self, arrival: Arrival, timing: Timing) -> None:
        if not self._to_cancel:
            self._nothing_to_do(arrival, timing)
            return
        reservation = self._to_cancel.popleft()
        was_held = reservation.state == "held"
        self._tracker.record_cancel_sent(reservation)
        self._changes.sent(reservation.showtime_id, reservation.seats, "available", timing.handled)
        done = partial(self._cancel_answered, reservation, timing, was_held)
        self._post(f"/reservations/{reservation.id}/cancel", reservation.user, done)

    def _cancel_answered(self, reservation: TrackedReservation, timing: Timing, was_held: bool, answer: Answer) -> None:
        self._measurements.count("cancel", answer, *timing, expected=answer.status in (200, 410))
        if answer.status == 200:
            self._tracker.record_cancel(reservation)
        elif answer.status == 410:
            self._tracker.record_end(reservation)
        if answer.status in (200, 410):
            self.limits.end(reservation.user, reservation.showtime_id, len(reservation.seats), was_held=was_held)
        self._shows_by_id[reservation.showtime_id].taken.difference_update(reservation.seats)

    def _choose(self, arrival: Arrival) -> tuple[Customer, list[int]] | None:
        """The customer who holds now, and the seats: one who was refused before, otherwise the arrival's own."""
        while self._retrying and arrival.operation != "best":
            customer = self._retrying.popleft()
            if seats := customer.choose_seats():
                return customer, seats
            self._tracker.counts["gave_up"] += 1
        first = 0 if arrival.hot else int(arrival.showtime_draw * len(self._shows))
        for number in range(len(self._shows)):
            customer = Customer(arrival, self._shows[(first + number) % len(self._shows)])
            if seats := customer.choose_seats():
                return customer, seats
        return None
