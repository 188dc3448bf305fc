"""The reference model: what two customers may be answered about two seats, and what a map may show.

It is a set of possible states, since an operation takes effect at some moment between its request and its answer, and
one without an answer may have taken effect or not. An answer leaves the states in which it can be given; if there is
none, it breaks a promise.

Time is a whole number: a hold lasts for TERM, and extended for at most LONGEST from its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

TERM = 2
LONGEST = 4
SHOWN = frozenset({"available", "held", "booked"})

Seats = frozenset[int]
Kind = Literal["hold", "extend", "confirm", "cancel", "read", "map"]
Status = Literal["held", "confirmed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation that a customer was answered, or is about to be; `number` is that of its hold's operation."""

    number: int
    customer: str
    seats: Seats
    status: Status
    made: int
    until: int

    def shown_at(self, now: int) -> str:
        """What its customer reads."""
        return "expired" if self.status == "held" and self.until <= now else self.status


@dataclass(frozen=True, slots=True)
class Operation:
    """A request of a customer: of seats, or of the reservation that the hold of this number has made."""

    number: int
    kind: Kind
    customer: str
    seats: Seats
    target: int = 0

    def __str__(self) -> str:
        of = f" of hold {self.target}" if self.target else ""
        return f"{self.number}. {self.customer}: {self.kind}{of}, seats {sorted(self.seats)}"


State = frozenset[Reservation]
# With the operations that have taken effect and are not answered yet: their numbers and answers.
Configuration = tuple[State, frozenset[tuple[int, str]]]


class NotAllowed(AssertionError):
    """An answer that is possible in none of the states."""


class ReferenceModel:
    """The possible states.

    `perhaps_held`: until when a seat may be held by what is no answered hold, such as one whose answer was lost. It may
    be shown as held, and be refused, and need not. `perhaps_late`: seats of which a map may be behind, because the
    worker that changed them was killed before it told Redis.
    """

    def __init__(self) -> None:
        self.now = 0
        self.perhaps_held: dict[int, int] = {}
        self.perhaps_late: Seats = frozenset()
        self._running: list[Operation] = []
        self._possible: set[Configuration] = {(frozenset(), frozenset())}

    @property
    def states(self) -> frozenset[State]:
        """The possible states."""
        return frozenset(state for state, _ in self._possible)

    def begin(self, operation: Operation) -> None:
        """It was sent."""
        self._running.append(operation)

    def end(self, operation: Operation, answer: str | None) -> None:
        """It was answered, or failed: None. Raises NotAllowed."""
        self._take_effect()
        self._running.remove(operation)
        kept: set[Configuration] = set()
        allowed: set[str] = set()
        for state, answers in self._possible:
            own = {each for each in answers if each[0] == operation.number}
            given = {said for _, said in own}
            allowed |= given
            if answer is None:  # a hold without an answer is no promise
                kept.add((_without(state, operation.number) if operation.kind == "hold" else state, answers - own))
            elif answer in given:
                kept.add((state, answers - own))
        if answer is None:
            self.disturb(operation.seats)
        if not kept:
            states = " or ".join(sorted(_text(state) for state in self.states))
            raise NotAllowed(f"{operation}: answered {answer}, allowed are {sorted(allowed)}; at {self.now}: {states}")
        self._possible = kept

    def pass_time(self, steps: int) -> None:
        """Time passes; what was sent before may have taken effect before."""
        self._take_effect()
        self.now += steps

    def disturb(self, seats: Seats) -> None:
        """Something failed in a request for these seats: what it has left in Redis lasts for a hold's time at most."""
        self.perhaps_held.update(dict.fromkeys(seats, self.now + TERM))

    def reservation(self, number: int) -> Reservation | None:
        """The reservation of a hold's number in one of the states."""
        return next((each for state in self.states for each in state if each.number == number), None)

    def _take_effect(self) -> None:
        """Each operation under way may have taken effect by now, in any order."""
        new = [*self._possible]
        while new:
            state, answers = new.pop()
            decided = {number for number, _ in answers}
            for operation in self._running:
                if operation.number not in decided:
                    for answer, after in self._outcomes(operation, state):
                        reached = (after, answers | {(operation.number, answer)})
                        if reached not in self._possible:
                            self._possible.add(reached)
                            new.append(reached)

    def _outcomes(self, operation: Operation, state: State) -> Iterator[tuple[str, State]]:
        """The answers that are allowed in a state, each with the state after it."""
        if operation.kind == "map":
            yield from ((shown, state) for shown in self._maps(operation.seats, state))
        elif operation.kind == "hold":
            yield from self._of_hold(operation, state)
        else:
            found = next((each for each in state if each.number == operation.target), None)
            if found is None or found.customer != operation.customer:
                yield "404 not_found", state
            elif operation.kind == "read":
                yield f"200 {_with_end(found, self.now)}", state
            else:
                yield from self._of_change(operation, state, found)

    def _of_hold(self, operation: Operation, state: State) -> Iterator[tuple[str, State]]:
        if self._are_taken(operation.seats, state):
            yield "409 seats_unavailable", state
            return
        if self._may_be_held(operation.seats):
            yield "409 seats_unavailable", state
        until = self.now + TERM
        held = Reservation(operation.number, operation.customer, operation.seats, "held", self.now, until)
        yield f"201 held until {until}", state | {held}

    def _of_change(self, operation: Operation, state: State, found: Reservation) -> Iterator[tuple[str, State]]:
        others, status = state - {found}, found.shown_at(self.now)
        if operation.kind == "extend":
            if status == "held":
                until = max(found.until, min(self.now + TERM, found.made + LONGEST))
                yield f"200 held until {until}", others | {replace(found, until=until)}
            else:
                yield {"expired": "410 hold_expired"}.get(status, f"409 reservation_{status}"), state
        elif operation.kind == "cancel":
            if status == "expired":
                yield "410 hold_expired", state
            else:
                yield "200 cancelled", others | {replace(found, status="cancelled")}
        elif status == "cancelled":
            yield "409 reservation_cancelled", state
        else:
            is_taken = status == "expired" and self._are_taken(found.seats, others)
            if not is_taken:
                yield "200 confirmed", others | {replace(found, status="confirmed")}
            if is_taken or (status == "expired" and self._may_be_held(found.seats)):
                yield "410 hold_expired", state

    def _maps(self, seats: Seats, state: State) -> Iterator[str]:
        """All that a map may show of these seats, in the order of their numbers."""
        shown = {""}
        for seat in sorted(seats):
            of_seat = SHOWN if seat in self.perhaps_late else self._shown(seat, state)
            shown = {f"{before} {each}".strip() for before in shown for each in of_seat}
        yield from shown

    def _shown(self, seat: int, state: State) -> set[str]:
        statuses = {each.shown_at(self.now) for each in state if seat in each.seats}
        if "confirmed" in statuses:
            return {"booked"}
        if "held" in statuses:
            return {"held"}
        return {"available", "held"} if self._may_be_held(frozenset({seat})) else {"available"}

    def _are_taken(self, seats: Seats, state: State) -> bool:
        return any(each.seats & seats and each.shown_at(self.now) in {"held", "confirmed"} for each in state)

    def _may_be_held(self, seats: Seats) -> bool:
        return any(self.perhaps_held.get(seat, 0) > self.now for seat in seats)


def _without(state: State, number: int) -> State:
    return frozenset(each for each in state if each.number != number)


def _with_end(found: Reservation, now: int) -> str:
    status = found.shown_at(now)
    return f"held until {found.until}" if status == "held" else status


def _text(state: State) -> str:
    each = [
        f"{found.customer}'s hold {found.number} of {sorted(found.seats)} {found.status} until {found.until}"
        for found in state
    ]
    return f"({'; '.join(sorted(each)) or 'nothing'})"
