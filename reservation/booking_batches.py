"""What concurrent holds and confirms share: one statement for a whole batch, in which each stands or falls alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from .batching import Batcher
from .database import Connection, Database, may_be_of_one
from .errors import DomainError, HoldExpired, NotFound, Overloaded, ReservationCancelled, SeatsUnavailable
from .holds import Settlement
from .repository import reservations
from .repository.reservations import Confirmation, NewHold, Reservation
from .settling import Settling

# A batch of 16 has most of the gain; beyond some sixty the wait for the batch's end outweighs what is left of it.
MOST_IN_A_BATCH = 64
NOBODY: frozenset[int] = frozenset()
CONFIRM_TRIES = 3  # a seat that was lost while one ran is seen to be sold by the next; to lose to a third is an outage

Written = Reservation | frozenset[int]
Asked = tuple[UUID, int]
SeatOf = tuple[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Granted:
    """A hold that Redis has granted until `ends`, to be written down by `by`; both on the monotonic clock."""

    reservation_id: UUID
    user_id: int
    showtime_id: int
    seat_ids: Sequence[int]
    ends: float
    by: float

    def to_write(self) -> NewHold:
        """With what is left of it now, so that both stores let go at once: time spent on the way is not added."""
        left_ms = max(1, round((self.ends - monotonic()) * 1000))
        return NewHold(self.reservation_id, self.user_id, self.showtime_id, self.seat_ids, left_ms)


class BookingBatches:
    """The statements of booking that run in batches; each method raises what a statement of its own would.

    What a batch leaves open, because one of it may have been in the way of the others, its caller does alone.
    """

    def __init__(self, database: Database, settling: Settling) -> None:
        self._database = database
        self._settling = settling
        self._inserts: Batcher[Granted, Written | None] = Batcher(self._insert_held, most=MOST_IN_A_BATCH)
        self._confirms: Batcher[Asked, Reservation | None] = Batcher(
            self._confirm, most=MOST_IN_A_BATCH, then=self._settle
        )
        self._looks: Batcher[SeatOf, frozenset[int]] = Batcher(self._find_booked, most=MOST_IN_A_BATCH)

    async def insert_held(self, hold: Granted) -> Written:
        """Write down a hold that Redis has granted, or answer the booked seats that stand against it.

        An empty answer means that the showtime has started, is gone, or has changed its room. Raises Overloaded when
        its turn has not come in time: nobody knows then how much longer Redis holds it.
        """
        written = await self._inserts.submit(hold)
        if written is not None:
            return written
        if monotonic() >= hold.by:
            raise Overloaded
        [alone] = await self._insert_together([hold])
        return alone

    async def find_booked(self, showtime_id: int, seat_ids: Sequence[int]) -> frozenset[int]:
        """Which of these seats are booked."""
        return await self._looks.submit((showtime_id, seat_ids))

    async def confirm(self, *, reservation_id: UUID, user_id: int) -> Reservation:
        """Confirm a hold, or leave it confirmed: committed when this answers, and Redis told.

        Raises NotFound, HoldExpired, ReservationCancelled and SeatsUnavailable.
        """
        asked = (reservation_id, user_id)
        confirmed = await self._confirms.submit(asked)
        if confirmed is None:
            confirmed = await self._confirm_alone(asked)
            await self._settle([confirmed])
        return confirmed

    async def _insert_held(self, granted: Sequence[Granted]) -> Sequence[Written | Exception | None]:
        now = monotonic()
        in_time = [hold for hold in granted if hold.by > now]
        outcomes: list[Written] | list[None] = []
        try:
            if in_time:
                outcomes = await self._insert_together(in_time)
        except Exception as error:
            if len(in_time) == 1 or not may_be_of_one(error):
                raise
            outcomes = [None] * len(in_time)
        each = iter(outcomes)
        return [next(each) if hold.by > now else Overloaded() for hold in granted]

    async def _insert_together(self, granted: Sequence[Granted]) -> list[Written]:
        async with self._database.connection() as conn:
            return await reservations.insert_held(conn, holds=[hold.to_write() for hold in granted])

    async def _find_booked(self, asked: Sequence[SeatOf]) -> Sequence[frozenset[int]]:
        seats = {(showtime_id, seat_id) for showtime_id, seat_ids in asked for seat_id in seat_ids}
        async with self._database.connection() as conn:
            booked = await reservations.find_booked(conn, seats=sorted(seats))
        return [
            frozenset(seat_id for seat_id in seat_ids if (showtime_id, seat_id) in booked)
            for showtime_id, seat_ids in asked
        ]

    async def _confirm(self, asked: Sequence[Asked]) -> Sequence[Reservation | Exception | None]:
        different = list(dict.fromkeys(asked))  # a client may send a confirm twice at once
        try:
            async with self._database.connection() as conn:
                outcomes = await _confirm(conn, different)
        except DomainError as error:
            if not may_be_of_one(error):
                raise
            return [None] * len(asked)
        # What was not found may be locked.
        return [None if isinstance(outcomes[one], NotFound) else outcomes[one] for one in asked]

    async def _settle(self, outcomes: Sequence[Reservation | Exception | None]) -> None:
        """Tell Redis what is confirmed: first the version, then the keys, so that a map in between shows them held.

        What was confirmed before, too: the first time may have been cut off between its commit and this.
        """
        confirmed = {outcome.id: outcome for outcome in outcomes if isinstance(outcome, Reservation)}
        if confirmed:
            await self._settling.settle(
                [
                    Settlement(one.showtime_id, one.id, [seat.seat_id for seat in one.seats])
                    for one in confirmed.values()
                ]
            )

    async def _confirm_alone(self, asked: Asked) -> Reservation:
        """Wait for the reservation's lock, which a batch does not, and confirm it where nobody else is to blame."""
        reservation_id, user_id = asked
        for _ in range(CONFIRM_TRIES):
            try:
                async with self._database.transaction() as conn:
                    await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
                    outcome = (await _confirm(conn, [asked]))[asked]
            except Overloaded as error:
                if not may_be_of_one(error):
                    raise
                continue
            if isinstance(outcome, DomainError):
                raise outcome
            return outcome
        raise Overloaded


async def _confirm(conn: Connection, asked: Sequence[Asked]) -> dict[Asked, Reservation | DomainError]:
    found = await reservations.confirm(conn, wanted=asked)
    return {one: _outcome(found.get(one)) for one in asked}


def _outcome(found: Confirmation | None) -> Reservation | DomainError:
    if found is None:
        return NotFound("There is no such reservation of yours.")
    if found.confirmed:
        return found.reservation
    if found.before == "cancelled":
        return ReservationCancelled()
    if found.before == "held":
        return SeatsUnavailable(held=NOBODY, booked=found.lost)
    return HoldExpired()
