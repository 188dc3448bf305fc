"""The on-sale drill: thousands of customers want the seats of one showtime at the same instant.

A refused customer reads the map again and requests other seats while any are left; a customer with a hold confirms it.
A request that fails for another reason is sent again. With fewer connections than customers, a customer keeps one until
done; the others wait, and the wait counts as latency.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any

from .client import Client
from .connection import Answer
from .measurements import Measurements
from .showtimes import Showtime
from .tracked_reservations import ReservationTracker, TrackedReservation

MAX_TRIES = 200
PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0  # before a request is repeated: without Retry-After, and at most
FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class SeatRequest:
    """A customer's request for a seat, or to confirm it; `until` is when it was refused, or never."""

    customer: int
    sent_at: float
    until: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer 409: which seats it named, and why each."""

    customer: int
    sent_at: float
    ended_at: float
    asked: frozenset[int]
    named: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class Drill:
    """One drill; instants are time.monotonic()'s, and the measurements begin with the release."""

    client: Client
    show: Showtime
    tokens: Sequence[str]
    per_customer: tuple[int, int]  # seats, from the fewest to the most
    seed: int
    measurements: Measurements = field(default_factory=Measurements)
    tracker: ReservationTracker = field(default_factory=ReservationTracker)
    requests: dict[int, list[SeatRequest]] = field(default_factory=dict)
    confirms: dict[int, SeatRequest] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    sales_s: list[float] = field(default_factory=list)
    buyers: int = 0
    saw_sold_out: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Release all customers at once and wait until all are done."""
        self.measurements.queueing_is_expected = True
        limit = self.client.limit
        # Connect before the release: customers have the page open already.
        await asyncio.gather(*(self.client.call("GET", "/health") for _ in range(limit)))
        connections = asyncio.Semaphore(limit)
        customers = [asyncio.create_task(self._customer(number, connections)) for number in range(len(self.tokens))]
        await asyncio.sleep(0)  # now each waits for the gate
        self.measurements.started = monotonic()
        self.gate.set()
        await asyncio.gather(*customers)
        for row in self.measurements.seconds:
            row.close(0)

    async def _customer(self, number: int, connections: asyncio.Semaphore) -> None:
        chance = Random(f"customer {self.seed} {number}")  # noqa: S311 - to be repeatable
        wanted = chance.randint(*self.per_customer)
        seats = _adjacent(self.show.free_seats(), wanted, chance)
        await self.gate.wait()
        self.measurements.offer(self.measurements.started, monotonic())
        async with connections:
            await self._shop(number, seats, wanted, chance)

    async def _shop(self, number: int, seats: list[int], wanted: int, chance: Random) -> None:
        """Request seats until some are held, then confirm; or until none is left."""
        since = self.measurements.started
        for _ in range(MAX_TRIES):
            answer = await self._hold(number, seats, since)
            if answer.status == 201:
                await self._confirm(number, self._record_hold(number, answer.json(), seats))
                return
            if answer.status != 409:
                await _pause(answer)
                held_already = await self._find_hold(number)  # the lost answer may have been a 201
                if held_already is not None:
                    await self._confirm(number, held_already)
                    return
            free = await self._read_map(number)
            if free is not None and not free:
                self.saw_sold_out += 1
                return
            seats = _adjacent(free, wanted, chance) if free else seats
            since = self._offered_now()
        self.tracker.add_violation(f"customer {number + 1} tried {MAX_TRIES} times while seats were left")

    async def _hold(self, number: int, seats: Sequence[int], since: float) -> Answer:
        path = f"/showtimes/{self.show.id}/holds"
        answer = await self.client.call("POST", path, token=self.tokens[number], body={"seat_ids": seats})
        refused = answer.status == 409 and answer.code == "seats_unavailable"
        self._count("hold_409" if refused else "hold", since, answer, expected=refused or answer.status == 201)
        until = answer.ended_at if 400 <= answer.status < 500 else FOREVER
        for seat in seats:
            self.requests.setdefault(seat, []).append(SeatRequest(number, answer.sent_at, until))
        if refused:
            named = tuple((seat["seat_id"], seat["reason"]) for seat in answer.json().get("seats", ()))
            self.refusals.append(Refusal(number, answer.sent_at, answer.ended_at, frozenset(seats), named))
        return answer

    async def _confirm(self, number: int, reservation: TrackedReservation) -> None:
        """Confirm until there is an answer that is no fault."""
        path = f"/reservations/{reservation.id}/confirm"
        reservation.state = "confirming"
        for _ in range(MAX_TRIES):
            since = self._offered_now()
            for seat in reservation.seats:
                self.confirms.setdefault(seat, SeatRequest(number, since, FOREVER))
            answer = await self.client.call("POST", path, token=self.tokens[number])
            self._count("confirm", since, answer, expected=answer.status == 200)
            if answer.status == 200:
                self.tracker.record_confirm(reservation, answer.json())
                self.sales_s.append(answer.ended_at - self.measurements.started)
                self.buyers += 1
                return
            if 400 <= answer.status < 500:
                self.tracker.add_violation(
                    f"hold {reservation.id} could not be confirmed: {answer.status} {answer.code}"
                )
                return
            await _pause(answer)

    async def _read_map(self, number: int) -> Sequence[int] | None:
        """The seats that are free now; None if the map was not answered."""
        since = self._offered_now()
        answer = await self.client.call("GET", f"/showtimes/{self.show.id}/seats", token=self.tokens[number])
        self._count("map", since, answer, expected=answer.status == 200)
        if answer.status != 200:
            await _pause(answer)
            return None
        if b'"available"' not in answer.body:  # thousands read a sold-out map: spare them the parsing
            return ()
        return [seat["id"] for seat in answer.json()["seats"] if seat["status"] == "available"]

    async def _find_hold(self, number: int) -> TrackedReservation | None:
        """A hold of this customer that the service knows."""
        answer = await self.client.call("GET", "/reservations?status=held", token=self.tokens[number])
        for found in (answer.json() or {}).get("items", ()):
            if found["showtime_id"] == self.show.id:
                return self._record_hold(number, found, [seat["seat_id"] for seat in found["seats"]])
        return None

    def _record_hold(self, number: int, hold: Any, seats: Sequence[int]) -> TrackedReservation:
        return self.tracker.record_hold(hold, user=number, showtime_id=self.show.id, asked=tuple(seats))

    def _offered_now(self) -> float:
        """Count a request that follows from an answer, and so is meant to be sent at once."""
        now = monotonic()
        self.measurements.offer(now, now)
        return now

    def _count(self, name: str, since: float, answer: Answer, *, expected: bool) -> None:
        self.measurements.count(name, answer, since, since, expected=expected)


def false_refusals(drill: Drill) -> list[str]:
    """The refusals that named a seat which was not asked for, or which no other customer can have had at that time."""
    wrong: list[str] = []
    for refusal in drill.refusals:
        if not refusal.named:
            wrong.append(f"customer {refusal.customer + 1} was refused, and no seat was named")
        for seat, reason in refusal.named:
            if seat not in refusal.asked:
                wrong.append(f"customer {refusal.customer + 1} was refused for seat {seat}, which was not asked for")
            elif not _was_taken(drill, refusal, seat, reason):
                wrong.append(f"customer {refusal.customer + 1} was refused for seat {seat} as {reason}; it was free")
    return wrong


def _was_taken(drill: Drill, refusal: Refusal, seat: int, reason: str) -> bool:
    """Whether another customer may have had the seat between the request and its answer."""
    if reason == "booked":
        sale = drill.confirms.get(seat)
        return sale is not None and sale.customer != refusal.customer and sale.sent_at < refusal.ended_at
    return reason == "held" and any(
        other.customer != refusal.customer and other.sent_at < refusal.ended_at and other.until > refusal.sent_at
        for other in drill.requests.get(seat, ())
    )


def _adjacent(free: Sequence[int], wanted: int, chance: Random) -> list[int]:
    """Seats next to each other in the list of the free ones; all of them when fewer are left."""
    start = chance.randrange(len(free))
    return [free[(start + number) % len(free)] for number in range(min(wanted, len(free)))]


async def _pause(answer: Answer) -> None:
    await asyncio.sleep(min(answer.retry_after_s(PAUSE_S), LONGEST_PAUSE_S))
