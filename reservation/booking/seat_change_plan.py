"""What a change of seats needs: the reservation as it is, the seats that are new to it, and those that it gives up."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..db.repository import reservations
from ..db.repository.hold_limits import HoldLimits
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import ReservedSeat
from ..db.repository.reservations import HoldToExtend, LockedReservation
from ..errors import (
    HoldExpired,
    Invalid,
    NotFound,
    ReservationCancelled,
    ReservationConfirmed,
    TooLateToCancel,
)
from ..holds.take_calls import AddressSeats
from ..seatmap.layouts import Layout
from ..seatmap.ticket_types import ALL_STANDARD, ChosenTickets, WantedTickets
from .admission import Admission, require_admission
from .context import BookingContext
from .hold import layout_with, seats_of
from .lookup import find_archived
from .redis_lease import HeldSeats


@dataclass(frozen=True, slots=True)
class SeatChange:
    """The seats that a reservation is to have, of its own showtime if none is given; with `adds`, more seats of it."""

    user_id: int
    reservation_id: UUID
    seat_ids: Sequence[int]
    most_seats: int
    tickets: WantedTickets = ALL_STANDARD
    changed_by: str = "customer"
    limits: HoldLimits | None = None
    admission: Admission | None = None
    of_address: AddressSeats | None = None
    showtime_id: int | None = None
    adds: bool = False
    idempotency_key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class SeatChangePlan:
    """A reservation as it was read, and what it will have: which seats it needs, and which it gives up."""

    asked: SeatChange
    before: HoldToExtend
    showtime_id: int
    layout: Layout
    tickets: ChosenTickets | None
    new: Sequence[int]
    given_up: Sequence[int]

    @property
    def seat_count(self) -> int:
        """How many seats the reservation will have."""
        return len(self.before.seat_ids) - len(self.given_up) + len(self.new)

    @property
    def is_held(self) -> bool:
        """Whether it is a hold."""
        return self.before.status == "held"

    def is_of(self, found: HoldToExtend | LockedReservation) -> bool:
        """Whether the reservation is as it was when the change was planned."""
        before = self.before
        return (found.status, found.showtime_id, found.seat_ids) == (
            before.status,
            before.showtime_id,
            before.seat_ids,
        )

    def held_seats(self, showtime_id: int, seat_ids: Sequence[int]) -> HeldSeats:
        """Some of the reservation's seats."""
        return HeldSeats(
            showtime_id, self.asked.reservation_id, self.asked.user_id, seat_ids, self.asked.idempotency_key
        )


async def find_changeable(context: BookingContext, asked: SeatChange) -> HoldToExtend:
    """The reservation as it is, if its seats can be changed; raises what change_seats says of its status."""
    async with context.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=asked.reservation_id, user_id=asked.user_id, max_s=context.hold_max_s
        )
    if found is None:
        status = (await find_archived(context.database, asked.user_id, asked.reservation_id)).status
    else:
        status = found.status
    if status == "expired":
        raise HoldExpired
    if status == "cancelled":
        raise ReservationCancelled
    if status == "confirmed" and asked.adds:
        raise ReservationConfirmed("The reservation is confirmed: exchange its seats instead.")
    if found is None:
        raise TooLateToCancel
    return found


async def plan_change(context: BookingContext, asked: SeatChange, before: HoldToExtend) -> SeatChangePlan:
    """What the change needs and gives up; raises Invalid, AdmissionRequired and those of NOT_ON_SALE."""
    showtime_id = asked.showtime_id or before.showtime_id
    own = before.seat_ids if showtime_id == before.showtime_id else ()
    new = [seat_id for seat_id in asked.seat_ids if seat_id not in own]
    wanted = {*own, *new} if asked.adds else {*asked.seat_ids}
    if len(wanted) > asked.most_seats:
        raise Invalid(
            asked.tickets.seat_pointer.partition("/{")[0], f"A reservation can have at most {asked.most_seats} seats."
        )
    try:
        layout = await layout_with(context, showtime_id, asked.seat_ids, asked.tickets)
    except NotFound as error:
        raise Invalid("/showtime_id", "There is no such showtime.") from error
    if layout.sale.waiting_room and showtime_id != before.showtime_id:
        await require_admission(context, layout, asked.admission)
    kept = wanted if own else ()
    given_up = [seat_id for seat_id in before.seat_ids if seat_id not in kept]
    tickets = await context.ticket_types.choose(asked.tickets)
    return SeatChangePlan(asked, before, showtime_id, layout, tickets, new, given_up)


def planned_seats(plan: SeatChangePlan, own: Sequence[ReservedSeat]) -> Sequence[ReservedSeat]:
    """What the reservation will have, in the order of the seat map."""
    asked = plan.asked
    seats = seats_of(plan.layout, asked.seat_ids, plan.tickets)
    if not asked.adds:
        return seats
    seats = (*own, *(seat for seat in seats if seat.seat_id in plan.new))
    return sorted(seats, key=lambda seat: (len(seat.row_label), seat.row_label, seat.seat_number))
