"""The customers' own books: what they were answered, and what must therefore be so.

A seat that was answered as sold belongs to that reservation until its cancel is sent: from then on the service may give
it to somebody else before the answer arrives. What was never answered is not held against the service.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["held", "confirming", "confirmed", "unknown", "cancelled"]
MAX_VIOLATIONS = 100
MAX_PAST = 2000  # cancelled reservations that the audit may look at


@dataclass(slots=True)
class Booking:
    """A reservation of one of our customers."""

    id: str
    user: int
    showtime_id: int
    seats: tuple[int, ...]
    state: State = "held"


@dataclass(slots=True)
class Ledger:
    """All reservations that may be alive, who owns which seat, and what was wrong."""

    bookings: dict[str, Booking] = field(default_factory=dict)
    owners: dict[tuple[int, int], str] = field(default_factory=dict)
    past: list[Booking] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def granted(self, answer: Any, *, user: int, showtime_id: int, asked: tuple[int, ...]) -> Booking:
        """Enter a hold that was answered 201."""
        seats = tuple(seat["seat_id"] for seat in answer["seats"])
        booking = Booking(str(answer["id"]), user, showtime_id, seats)
        self.counts["held"] += 1
        if sorted(seats) != sorted(asked):
            self.violate(f"hold {booking.id}: asked for seats {sorted(asked)}, was answered {sorted(seats)}")
        for seat in seats:
            owner = self.owners.get((showtime_id, seat))
            if owner is not None:
                self.violate(
                    f"showtime {showtime_id}, seat {seat}: held for {booking.id} while {owner} had it confirmed"
                )
        self.bookings[booking.id] = booking
        return booking

    def confirmed(self, booking: Booking, answer: Any) -> None:
        """Enter a confirm that was answered 200: from now on nobody else may be sold these seats."""
        self.counts["confirmed"] += 1
        if answer["status"] != "confirmed":
            self.violate(f"reservation {booking.id}: confirm was answered 200 with status {answer['status']}")
        if sorted(seat["seat_id"] for seat in answer["seats"]) != sorted(booking.seats):
            self.violate(f"reservation {booking.id}: confirmed other seats than were held")
        booking.state = "confirmed"
        for clash in self.sold(booking, booking.seats):
            self.violate(clash)

    def sold(self, booking: Booking, seats: Iterable[int]) -> list[str]:
        """Enter that a reservation has these seats for good; gives those that another live one has as well."""
        clashes = []
        for seat in seats:
            owner = self.owners.setdefault((booking.showtime_id, seat), booking.id)
            if owner != booking.id:
                clashes.append(
                    f"showtime {booking.showtime_id}, seat {seat}: sold twice, to {owner} and to {booking.id}"
                )
        return clashes

    def giving_up(self, booking: Booking) -> None:
        """Note that a cancel is being sent: from now on the seats may be somebody else's."""
        for seat in booking.seats:
            if self.owners.get((booking.showtime_id, seat)) == booking.id:
                del self.owners[booking.showtime_id, seat]
        booking.state = "unknown"

    def cancelled(self, booking: Booking) -> None:
        """Enter a cancel that was answered 200."""
        self.counts["cancelled"] += 1
        booking.state = "cancelled"
        self.bookings.pop(booking.id, None)
        if len(self.past) < MAX_PAST:
            self.past.append(booking)

    def lost(self, booking: Booking) -> None:
        """Enter that a reservation is no more: its hold ran out, or was refused at the confirm."""
        self.counts["lost"] += 1
        self.bookings.pop(booking.id, None)

    def violate(self, what: str) -> None:
        """Write a broken promise down; of very many only the first ones."""
        self.counts["violations"] += 1
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(what)
