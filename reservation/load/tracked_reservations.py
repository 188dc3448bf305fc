"""The customers' reservations by the answers: their states, the owner of each sold seat, and contradictions.

A seat that was answered as sold belongs to that reservation until its cancel is sent: from then on the service may sell
it to another customer before the answer arrives. A request without an answer is no contradiction.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["held", "confirming", "confirmed", "unknown", "cancelled"]
MAX_VIOLATIONS = 100
MAX_PAST = 2000  # cancelled reservations that the audit may look at


@dataclass(slots=True)
class TrackedReservation:
    """A reservation of one of the customers."""

    id: str
    user: int
    showtime_id: int
    seats: tuple[int, ...]
    state: State = "held"


@dataclass(slots=True)
class ReservationTracker:
    """Reservations by id, the owner of each sold seat by showtime and seat, and contradictions."""

    reservations: dict[str, TrackedReservation] = field(default_factory=dict)
    owners: dict[tuple[int, int], str] = field(default_factory=dict)
    past: list[TrackedReservation] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lost_holds: set[int] = field(default_factory=set)  # customers who may have a hold whose answer was lost

    def record_hold(self, answer: Any, *, user: int, showtime_id: int, asked: tuple[int, ...]) -> TrackedReservation:
        """Record a hold that was answered 201."""
        seats = tuple(seat["seat_id"] for seat in answer["seats"])
        held = TrackedReservation(str(answer["id"]), user, showtime_id, seats)
        self.counts["held"] += 1
        if sorted(seats) != sorted(asked):
            self.add_violation(f"hold {held.id}: asked for seats {sorted(asked)}, was answered {sorted(seats)}")
        for seat in seats:
            if owner := self.owners.get((showtime_id, seat)):
                self.add_violation(
                    f"showtime {showtime_id}, seat {seat}: held for {held.id} while {owner} had it confirmed"
                )
        self.reservations[held.id] = held
        return held

    def record_confirm(self, reservation: TrackedReservation, answer: Any) -> None:
        """Record a confirm that was answered 200: from now on no other reservation may get these seats."""
        self.counts["confirmed"] += 1
        if answer["status"] != "confirmed":
            self.add_violation(f"reservation {reservation.id}: confirm was answered 200 with status {answer['status']}")
        if sorted(seat["seat_id"] for seat in answer["seats"]) != sorted(reservation.seats):
            self.add_violation(f"reservation {reservation.id}: confirmed other seats than were held")
        reservation.state = "confirmed"
        for clash in self.record_sale(reservation, reservation.seats):
            self.add_violation(clash)

    def record_sale(self, reservation: TrackedReservation, seats: Iterable[int]) -> list[str]:
        """Record that a reservation owns these seats; gives a message for each that another one owns."""
        showtime_id = reservation.showtime_id
        owners = {seat: self.owners.setdefault((showtime_id, seat), reservation.id) for seat in seats}
        return [
            f"showtime {showtime_id}, seat {seat}: sold twice, to {owner} and to {reservation.id}"
            for seat, owner in owners.items()
            if owner != reservation.id
        ]

    def record_cancel_sent(self, reservation: TrackedReservation) -> None:
        """Record that a cancel is being sent: from now on the seats may be sold again."""
        for seat in reservation.seats:
            if self.owners.get((reservation.showtime_id, seat)) == reservation.id:
                del self.owners[reservation.showtime_id, seat]
        reservation.state = "unknown"

    def record_cancel(self, reservation: TrackedReservation, *, counted_as: str = "cancelled") -> None:
        """Record a cancel that was answered 200."""
        self.counts[counted_as] += 1
        reservation.state = "cancelled"
        self.reservations.pop(reservation.id, None)
        if len(self.past) < MAX_PAST:
            self.past.append(reservation)

    def record_end(self, reservation: TrackedReservation) -> None:
        """Record that a reservation ended: its hold expired, or its confirm was refused."""
        self.counts["lost"] += 1
        self.reservations.pop(reservation.id, None)

    def add_violation(self, what: str) -> None:
        """Record a violation; of very many only the first ones."""
        self.counts["violations"] += 1
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(what)
