"""What concurrent holds and confirms share: one statement for a whole batch, in which each stands or falls alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar
from uuid import UUID

from ..db.pool import Connection, Database, is_single_item_error
from ..db.repository import reservations
from ..db.repository.idempotency import Claim
from ..db.repository.reservations import Confirmation, ConfirmRequest, NewHold, Reservation, Written
from ..errors import DomainError, HoldExpired, KeyClaimed, NotFound, Overloaded, ReservationCancelled, SeatsUnavailable
from ..holds.pending_updates import PendingUpdates
from ..holds.store import HoldRelease
from ..runtime.batching import Batcher

# A batch of 16 has most of the gain; beyond some sixty the wait for the batch's end outweighs what is left of it.
MAX_IN_A_BATCH = 64
NO_SEATS: frozenset[int] = frozenset()
CONFIRM_TRIES = 3  # a seat that was lost while one ran is seen to be sold by the next; to lose to a third is an outage

SeatOf = tuple[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class HoldToInsert:
    """A hold that Redis has granted until `ends`, to be written down by `by`; both on the monotonic clock."""

    reservation_id: UUID
    user_id: int
    showtime_id: int
    seat_ids: Sequence[int]
    claim: Claim | None
    ends: float
    by: float

    def to_write(self) -> NewHold:
        """With what is left of it now, so that both stores let go at once: time spent on the way is not added."""
        left_ms = max(1, round((self.ends - monotonic()) * 1000))
        return NewHold(self.reservation_id, self.user_id, self.showtime_id, self.seat_ids, left_ms, self.claim)


class BookingBatches:
    """The statements of booking that run in batches; each method raises what a statement of its own would.

    What a batch leaves open, because one of it may have been in the way of the others, its caller does alone.
    """

    def __init__(self, database: Database, pending_updates: PendingUpdates) -> None:
        self._database = database
        self._pending_updates = pending_updates
        self._inserts: Batcher[HoldToInsert, Written | None] = Batcher(self._insert_held, max_batch=MAX_IN_A_BATCH)
        self._confirms: Batcher[ConfirmRequest, Reservation | None] = Batcher(
            self._confirm, max_batch=MAX_IN_A_BATCH, after_batch=self._release_confirmed
        )
        self._looks: Batcher[SeatOf, frozenset[int]] = Batcher(self._find_booked, max_batch=MAX_IN_A_BATCH)

    async def insert_held(self, hold: HoldToInsert) -> Reservation | frozenset[int]:
        """Write down a hold that Redis has granted, or answer the booked seats that stand against it.

        An empty answer means that the showtime has started, is gone, or has changed its room. Raises KeyClaimed, and
        Overloaded when its turn has not come in time: nobody knows then how much longer Redis holds it.
        """
        written: Written | None = await self._inserts.submit(hold)
        if written is None:
            if monotonic() >= hold.by:
                raise Overloaded
            [written] = await self._insert_together([hold])
        if isinstance(written, KeyClaimed):
            raise written
        return written

    async def find_booked(self, showtime_id: int, seat_ids: Sequence[int]) -> frozenset[int]:
        """Which of these seats are booked."""
        return await self._looks.submit((showtime_id, seat_ids))

    async def confirm(self, wanted: ConfirmRequest) -> Reservation:
        """Confirm a hold, or leave it confirmed: committed when this answers, and Redis told.

        Raises NotFound, HoldExpired, ReservationCancelled, SeatsUnavailable and KeyClaimed.
        """
        confirmed = await self._confirms.submit(wanted)
        if confirmed is None:
            confirmed = await self._confirm_alone(wanted)
            await self._release_confirmed([confirmed])
        return confirmed

    async def _insert_held(self, granted: Sequence[HoldToInsert]) -> Sequence[Written | Exception | None]:
        now = monotonic()
        in_time = [hold for hold in granted if hold.by > now]
        together = _first_per_key(in_time)
        outcomes: dict[int, Written] = {}
        try:
            if together:
                written = await self._insert_together(together)
                outcomes = {id(hold): outcome for hold, outcome in zip(together, written, strict=True)}
        except Exception as error:
            if len(in_time) == 1 or not is_single_item_error(error):
                raise
        return [outcomes.get(id(hold)) if hold.by > now else Overloaded() for hold in granted]

    async def _insert_together(self, granted: Sequence[HoldToInsert]) -> list[Written]:
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

    async def _confirm(self, asked: Sequence[ConfirmRequest]) -> Sequence[Reservation | Exception | None]:
        # A client may send a confirm twice at once. Under a key the second goes alone, and finds that it is one.
        once = {one[:2]: one for one in reversed(asked)}
        different = _first_per_key(list(once.values()))
        try:
            async with self._database.connection() as conn:
                outcomes = await _confirm(conn, different)
        except DomainError as error:
            if not is_single_item_error(error):
                raise
            return [None] * len(asked)
        answers = [outcomes.get(one) if one.claim is None or one is once[one[:2]] else None for one in asked]
        # What was not found may be locked.
        return [None if isinstance(answer, NotFound) else answer for answer in answers]

    async def _release_confirmed(self, outcomes: Sequence[Reservation | Exception | None]) -> None:
        """Tell Redis what is confirmed: first the version, then the keys, so that a map in between shows them held.

        What was confirmed before, too: the first time may have been cut off between its commit and this.
        """
        confirmed = {outcome.id: outcome for outcome in outcomes if isinstance(outcome, Reservation)}
        if confirmed:
            await self._pending_updates.release(
                [
                    HoldRelease(one.showtime_id, one.id, [seat.seat_id for seat in one.seats])
                    for one in confirmed.values()
                ]
            )

    async def _confirm_alone(self, wanted: ConfirmRequest) -> Reservation:
        """Wait for the reservation's lock, which a batch does not, and confirm it where nobody else is to blame."""
        for _ in range(CONFIRM_TRIES):
            try:
                async with self._database.transaction() as conn:
                    await reservations.lock_reservation(
                        conn, reservation_id=wanted.reservation_id, user_id=wanted.user_id
                    )
                    outcome = (await _confirm(conn, [wanted]))[wanted]
            except Overloaded as error:
                if not is_single_item_error(error):
                    raise
                continue
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        raise Overloaded


Keyed = TypeVar("Keyed", HoldToInsert, ConfirmRequest)


def _first_per_key(asked: Sequence[Keyed]) -> list[Keyed]:
    """The first of those that have the same key, and all that have none."""
    seen: set[tuple[int, str]] = set()
    chosen: list[Keyed] = []
    for one in asked:
        if one.claim is not None:
            if one.claim.place in seen:
                continue
            seen.add(one.claim.place)
        chosen.append(one)
    return chosen


async def _confirm(conn: Connection, wanted: Sequence[ConfirmRequest]) -> dict[ConfirmRequest, Reservation | Exception]:
    found = await reservations.confirm(conn, wanted=wanted)
    return {one: _outcome(found.get((one.reservation_id, one.user_id))) for one in wanted}


def _outcome(found: Confirmation | None) -> Reservation | Exception:
    if found is None:
        return NotFound("There is no such reservation of yours.")
    if found.repeated:
        return KeyClaimed()
    if found.confirmed:
        return found.reservation
    if found.before == "cancelled":
        return ReservationCancelled()
    if found.before == "held":
        return SeatsUnavailable(held=NO_SEATS, booked=found.lost)
    return HoldExpired()
