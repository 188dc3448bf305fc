"""Batches: concurrent holds and confirms share one statement, in which each succeeds or fails by itself."""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from ..db.change_author import acts_for_another
from ..db.pool import Connection, Database
from ..db.postgresql_errors import is_single_item_error, is_violation
from ..db.repository import confirms, idempotency, reservations
from ..db.repository.confirm_outcomes import ConfirmRequest
from ..db.repository.confirms import PaymentRules
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import HoldToInsert
from ..errors import IdempotencyKeyUsed, NotFound, Overloaded, RowLocked
from ..holds.pending_updates import PendingUpdates
from ..holds.release_calls import HoldRelease
from ..runtime.batching import Batcher
from ..runtime.timing import count_commit
from ..seatmap.layouts import Layouts
from .batch_outcomes import Outcome, answer, first_per_key, may_run_singly, shared_outcome, unless_not_final

# A batch of 16 has most of the gain; with more than about 64 the wait for the whole batch costs more than it saves.
MAX_BATCH = 64
# Statements of one item run after a batch failed; few at once, so that many that wait for locks leave connections free.
SINGLES_AT_ONCE = 2
CODE_KEY = "reservations_code_key"
CODE_TRIES = 3  # with 10 million reservations one in 100,000 new codes is taken
CONFIRM_TRIES = 3  # one that loses a seat while it runs finds it booked the next time
PREPARE_TRIES = 10
LOCKED_S = 0.3  # for so long a showtime is taken to be locked after a wait for it failed


class BookedSeats(NamedTuple):
    """Seats that are booked, and those of them that are blocked."""

    booked: frozenset[int]
    blocked: frozenset[int]


class BookingBatches:
    """The statements of booking that run in batches; each method raises what a statement for it alone would raise.

    A batch never waits for a reservation or showtime that another session has locked. It returns None for an item that
    has to run alone: it needs such a row, it shares its reservation or idempotency key with another item, or one of the
    items made the batch fail.
    """

    def __init__(
        self, database: Database, pending_updates: PendingUpdates, layouts: Layouts, payment_rules: PaymentRules
    ) -> None:
        self._database = database
        self._pending_updates = pending_updates
        self._layouts = layouts
        self.payment_rules = payment_rules
        self._locked_until: dict[int, float] = {}  # showtimes for which a wait has failed, on the monotonic clock
        self._insert_connection = database.kept_connection()
        self._confirm_connection = database.kept_connection()
        self._lookup_connection = database.kept_connection()
        self._inserts: Batcher[HoldToInsert, Reservation | None] = Batcher(
            self._insert_batch, max_batch=MAX_BATCH, name="holds"
        )
        self._single_inserts: Batcher[HoldToInsert, Reservation] = Batcher(
            self._insert_single, max_batch=1, name="single_holds", lanes=SINGLES_AT_ONCE
        )
        self._confirms: Batcher[ConfirmRequest, Reservation | None] = Batcher(
            self._confirm_batch, max_batch=MAX_BATCH, name="confirms", after_batch=self._release_confirmed
        )
        self._single_confirms: Batcher[ConfirmRequest, Reservation] = Batcher(
            self._confirm_single,
            max_batch=1,
            name="single_confirms",
            lanes=SINGLES_AT_ONCE,
            after_batch=self._release_confirmed,
        )
        self._lookups: Batcher[tuple[int, Sequence[int]], BookedSeats] = Batcher(
            self._find_booked, max_batch=MAX_BATCH, name="booked_seats"
        )

    async def prepare(self) -> None:
        """Run each statement once without items, on the connection that keeps it prepared, and those of the layouts.

        Raises DatabaseUnavailable. On a new connection PostgreSQL reads its catalogue and makes a plan first, for some
        40 ms, for which all of the first batch would wait. On a busy machine it takes longer to connect
        than a request may wait for a connection: then it is tried again.
        """
        for _ in range(PREPARE_TRIES - 1):
            try:
                await self._prepare()
            except Overloaded:
                continue
            return
        await self._prepare()

    async def _prepare(self) -> None:
        async with self._insert_connection as connection:
            await reservations.insert_held(connection, holds=[])
        async with self._confirm_connection as connection:
            await self._run_confirm(connection, [])
        async with self._lookup_connection as connection:
            await reservations.find_booked(connection, seats=[])
        await self._layouts.prepare()

    async def aclose(self) -> None:
        """Release the connections that the batches keep."""
        for kept in (self._insert_connection, self._confirm_connection, self._lookup_connection):
            await kept.stop_keeping()

    async def insert_held(self, hold: HoldToInsert) -> Reservation:
        """Insert a hold that Redis has granted.

        Raises SeatsUnavailable (some are booked), ShowtimeChanged, LimitReached, IdempotencyKeyUsed, RowLocked, and
        Overloaded after the deadline of the hold. One that staff make for a customer runs alone, since it is recorded.
        """
        if acts_for_another(hold.user_id):
            inserted = answer(await self._insert_single([hold]))
        elif hold.idempotency_key is not None and hold.idempotency_key.is_of_another(hold.user_id):
            inserted = await self._single_inserts.submit(hold)  # as for confirm
        else:
            inserted = await self._inserts.submit(hold) or await self._single_inserts.submit(hold)
        self._pending_updates.changed_showtimes.add(hold.showtime_id)
        count_commit()
        return inserted

    async def find_booked(self, showtime_id: int, seat_ids: Sequence[int]) -> BookedSeats:
        """Which of these seats are booked or blocked."""
        return await self._lookups.submit((showtime_id, seat_ids))

    async def confirm(self, request: ConfirmRequest) -> Reservation:
        """Confirm a hold, or leave it confirmed; it is committed, and its seats are released in Redis.

        The reservation has no showtime if that has changed since its layout was read.
        Raises NotFound, HoldExpired, ReservationCancelled, SeatsUnavailable, PaymentRequired, NothingToPay,
        IdempotencyKeyUsed and RowLocked. One by staff for a customer runs alone, since it is recorded.
        """
        if acts_for_another(request.user_id):
            outcomes = await self._confirm_single([request])
            await self._release_confirmed(outcomes)
            return answer(outcomes)
        if request.idempotency_key is not None and request.idempotency_key.is_of_another(request.user_id):
            confirmed = None  # the batch's statement inserts the keys of owners
        else:
            confirmed = await self._confirms.submit(request)
        if confirmed is None:
            confirmed = await self._single_confirms.submit(request)
        count_commit()
        return confirmed

    async def confirm_locked(self, conn: Connection, request: ConfirmRequest) -> Outcome:
        """Confirm a hold in a transaction that has locked it and its showtime, which the request names."""
        outcomes = await self._run_confirm(conn, [request])
        return outcomes[request[:2]]

    async def _insert_batch(self, holds: Sequence[HoldToInsert]) -> Sequence[Outcome | None]:
        now = started = monotonic()
        in_time = first_per_key([hold for hold in holds if hold.deadline > now])
        outcomes: dict[int, Outcome | None] = {}
        for tries_left in reversed(range(CODE_TRIES if in_time else 0)):
            try:
                async with self._insert_connection as conn:
                    started = monotonic()
                    inserted = await reservations.insert_held(conn, holds=in_time)
                outcomes = {
                    id(hold): unless_not_final(hold, outcome, in_time)
                    for hold, outcome in zip(in_time, inserted, strict=True)
                }
                break
            except Exception as error:
                if not may_run_singly(error, started):
                    raise
                if not (tries_left and is_violation(error, CODE_KEY)):
                    break
        return [outcomes.get(id(hold)) if hold.deadline > now else Overloaded() for hold in holds]

    async def _insert_single(self, holds: Sequence[HoldToInsert]) -> Sequence[Outcome]:
        for _ in range(CODE_TRIES):
            if holds[0].deadline <= monotonic():
                break
            try:
                async with self._database.change() as conn:
                    return await self._wait_and_insert(conn, holds[0])
            except Overloaded as error:
                if not is_violation(error, CODE_KEY):
                    raise
        raise Overloaded

    async def _wait_and_insert(self, conn: Connection, hold: HoldToInsert) -> Sequence[Outcome]:
        await self._wait_for_showtime(conn, hold.showtime_id)
        key = hold.idempotency_key
        if key is None or not key.is_of_another(hold.user_id):
            return await reservations.insert_held(conn, holds=[hold])
        if not await idempotency.claim(conn, idempotency_key=key, reservation_id=hold.reservation_id):
            return [IdempotencyKeyUsed()]
        return [answer(await reservations.insert_held(conn, holds=[hold._replace(idempotency_key=None)]))]

    async def _find_booked(self, wanted: Sequence[tuple[int, Sequence[int]]]) -> Sequence[BookedSeats]:
        seats = {(showtime_id, seat_id) for showtime_id, seat_ids in wanted for seat_id in seat_ids}
        async with self._lookup_connection as conn:
            booked = await reservations.find_booked(conn, seats=sorted(seats))
        return [
            BookedSeats(
                frozenset(seat_id for seat_id in seat_ids if (showtime_id, seat_id) in booked),
                frozenset(seat_id for seat_id in seat_ids if booked.get((showtime_id, seat_id))),
            )
            for showtime_id, seat_ids in wanted
        ]

    async def _confirm_batch(self, requests: Sequence[ConfirmRequest]) -> Sequence[Outcome | None]:
        started = monotonic()
        # A client may send a confirm twice at once. With an idempotency key, the second runs alone and finds it used.
        first = {request[:2]: request for request in reversed(requests)}
        try:
            async with self._confirm_connection as conn:
                started = monotonic()
                outcomes = await self._run_confirm(conn, first_per_key(list(first.values())))
        except Exception as error:
            if not may_run_singly(error, started):
                raise
            return [None] * len(requests)
        # One without an outcome is locked or does not exist.
        return [shared_outcome(request, first[request[:2]], outcomes.get(request[:2])) for request in requests]

    async def _confirm_single(self, requests: Sequence[ConfirmRequest]) -> Sequence[Outcome]:
        for _ in range(CONFIRM_TRIES):
            try:
                return [await self._lock_and_confirm(requests[0])]
            except Overloaded as error:
                if not is_single_item_error(error):
                    raise
        raise Overloaded

    async def _lock_and_confirm(self, request: ConfirmRequest) -> Outcome:
        reservation_id, user_id, key = request[:3]
        async with self._database.change() as conn:
            locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
            if locked is None:
                return NotFound("There is no such reservation of yours.")
            if locked.status == "held":
                await self._wait_for_showtime(conn, locked.showtime_id)
            request = request._replace(showtime_id=locked.showtime_id)
            if key is None or not key.is_of_another(user_id):
                return await self.confirm_locked(conn, request)
            if not await idempotency.claim(conn, idempotency_key=key, reservation_id=reservation_id):
                return IdempotencyKeyUsed()
            return answer([await self.confirm_locked(conn, request._replace(idempotency_key=None))])

    async def _run_confirm(
        self, conn: Connection, requests: Sequence[ConfirmRequest]
    ) -> dict[tuple[UUID, int], Reservation | Exception]:
        return await confirms.confirm(
            conn, requests=requests, showtime_of=self._layouts.showtime, payment_rules=self.payment_rules
        )

    async def _wait_for_showtime(self, conn: Connection, showtime_id: int) -> None:
        """Wait for another session's lock; after a wait that failed, other waits for the showtime fail at once."""
        now = monotonic()
        if now < self._locked_until.get(showtime_id, 0):
            raise RowLocked
        try:
            await reservations.wait_for_showtime(conn, showtime_id=showtime_id)
        except RowLocked:
            still_locked = {each: until for each, until in self._locked_until.items() if until > now}
            self._locked_until = still_locked | {showtime_id: monotonic() + LOCKED_S}
            raise

    async def _release_confirmed(self, outcomes: Sequence[Outcome | None]) -> None:
        """Release the confirmed seats in Redis, also of those confirmed before: their first release may have failed."""
        confirmed = {outcome.id: outcome for outcome in outcomes if isinstance(outcome, Reservation)}
        if confirmed:
            await self._pending_updates.release(
                [
                    HoldRelease(each.showtime_id, each.id, [seat.seat_id for seat in each.seats])
                    for each in confirmed.values()
                ]
            )
