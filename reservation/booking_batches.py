"""What concurrent holds and confirms share: one statement for a whole batch, in which each stands or falls alone."""

from collections.abc import Sequence, Set
from time import monotonic
from uuid import UUID

from .batching import Batcher
from .database import Database, broke_a_constraint
from .errors import DomainError, HoldExpired, NotFound, Overloaded, ReservationCancelled, SeatsUnavailable
from .repository import reservations
from .repository.reservations import Confirmation, NewHold, Reservation

# A batch of 16 has most of the gain; beyond some sixty the wait for the batch's end outweighs what is left of it.
MOST_IN_A_BATCH = 64
# While one batch is in PostgreSQL, the answers of the one before are on their way out.
LANES = 1
NOBODY: frozenset[int] = frozenset()

Written = Reservation | frozenset[int]
Granted = tuple[NewHold, float]
Asked = tuple[UUID, int]
SeatOf = tuple[int, Sequence[int]]


class BookingBatches:
    """The statements of booking that run in batches; each method raises what a statement of its own would."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inserts: Batcher[Granted, Written] = Batcher(self._insert_held, most=MOST_IN_A_BATCH, lanes=LANES)
        self._confirms: Batcher[Asked, Reservation] = Batcher(self._confirm, most=MOST_IN_A_BATCH, lanes=LANES)
        self._looks: Batcher[SeatOf, frozenset[int]] = Batcher(self._find_booked, most=MOST_IN_A_BATCH, lanes=LANES)

    async def insert_held(self, hold: NewHold, *, by: float) -> Written:
        """Write down a hold that Redis has granted, or answer the booked seats that stand against it.

        An empty answer means that the showtime has started, is gone, or has changed its room. Raises Overloaded when
        its turn has not come `by` then, on the monotonic clock: nobody knows how much longer Redis holds it.
        """
        return await self._inserts.submit((hold, by))

    async def find_booked(self, showtime_id: int, seat_ids: Sequence[int]) -> frozenset[int]:
        """Which of these seats are booked."""
        return await self._looks.submit((showtime_id, seat_ids))

    async def confirm(self, *, reservation_id: UUID, user_id: int) -> Reservation:
        """Confirm a hold, or leave it confirmed: committed when this answers.

        Raises NotFound, HoldExpired, ReservationCancelled and SeatsUnavailable.
        """
        return await self._confirms.submit((reservation_id, user_id))

    async def _insert_held(self, granted: Sequence[Granted]) -> Sequence[Written | Exception]:
        now = monotonic()
        in_time = [hold for hold, by in granted if by > now]
        written = iter(await self._insert_each(in_time) if in_time else [])
        return [next(written) if by > now else Overloaded() for _, by in granted]

    async def _insert_each(self, holds: Sequence[NewHold]) -> Sequence[Written | Exception]:
        try:
            return await self._insert_together(holds)
        except Exception as error:
            if len(holds) == 1 or not broke_a_constraint(error):
                raise
        # One of them broke a constraint, and with it the statement of all: each alone finds out who it was.
        return [await self._insert_alone(hold) for hold in holds]

    async def _insert_alone(self, hold: NewHold) -> Written | Exception:
        try:
            [written] = await self._insert_together([hold])
        except Exception as error:
            return error
        return written

    async def _insert_together(self, holds: Sequence[NewHold]) -> list[Written]:
        async with self._database.connection() as conn:
            return await reservations.insert_held(conn, holds=holds)

    async def _find_booked(self, asked: Sequence[SeatOf]) -> Sequence[frozenset[int]]:
        seats = {(showtime_id, seat_id) for showtime_id, seat_ids in asked for seat_id in seat_ids}
        async with self._database.connection() as conn:
            booked = await reservations.find_booked(conn, seats=sorted(seats))
        return [
            frozenset(seat_id for seat_id in seat_ids if (showtime_id, seat_id) in booked)
            for showtime_id, seat_ids in asked
        ]

    async def _confirm(self, asked: Sequence[Asked]) -> Sequence[Reservation | Exception]:
        outcomes = await self._confirm_together(list(dict.fromkeys(asked)))  # a client may send a confirm twice at once
        if len(outcomes) > 1:
            # A denial is provisional: a batch-mate that fell may have caused it. Alone, there is nobody to blame.
            for one, outcome in list(outcomes.items()):
                if isinstance(outcome, SeatsUnavailable):
                    outcomes |= await self._confirm_together([one])
        return [outcomes[one] for one in asked]

    async def _confirm_together(self, asked: Sequence[Asked]) -> dict[Asked, Reservation | DomainError]:
        """One transaction; what was claimed for a reservation that cannot be confirmed is given back in it."""
        given_back: frozenset[tuple[UUID, int]] = frozenset()
        async with self._database.transaction() as conn:
            found = await reservations.confirm(conn, wanted=asked)
            fallen = [key for (key, _), one in found.items() if one.before == "held" and not one.confirmed]
            if fallen:
                given_back = await reservations.give_back(conn, reservation_ids=fallen)
        return {one: _outcome(found.get(one), given_back) for one in asked}


def _outcome(found: Confirmation | None, given_back: Set[tuple[UUID, int]]) -> Reservation | DomainError:
    if found is None:
        return NotFound("There is no such reservation of yours.")
    if found.confirmed:
        return found.reservation
    if found.before == "cancelled":
        return ReservationCancelled()
    wanted = {seat.seat_id for seat in found.reservation.seats}
    lost = {seat_id for seat_id in wanted if (found.reservation.id, seat_id) not in given_back}
    if found.before == "held" and lost:
        return SeatsUnavailable(held=NOBODY, booked=frozenset(lost))
    return HoldExpired()  # before the statement, or while it waited for a lock
