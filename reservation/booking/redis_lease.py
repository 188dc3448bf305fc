"""Checks that Redis keeps the seats of a hold until it ends in PostgreSQL, before the hold is answered.

A hold is in Redis first and in PostgreSQL afterwards, and each store may pause, die or be restored in between. Then
PostgreSQL may have a later end than Redis, or Redis may have lost the seats when PostgreSQL did not have them yet, and
another customer may take them. Three comparisons show that neither has happened:

- Redis's epoch (holds/redis_server.py) is the one from before the take. It increments when the connection ends, and
  when Redis reports that holds were forgotten.
- The hold ends in PostgreSQL, at the latest, before its keys in Redis expire. Redis got REDIS_MARGIN_MS more; so the
  statement may take that long. The worker's monotonic clock measures it: PostgreSQL computes the end when it runs the
  statement, so the end is not later than the answer plus the hold's life.
- The take is at most UNVERIFIED_S old. Redis's notice of a loss may reach this worker after it has answered. After a
  loss each worker waits for READ_AFTER_LOSS_S, which is longer, before it reads the live holds from PostgreSQL and
  loads Redis with them. This hold is committed by then, so it is one of them.

Otherwise the seats are taken again, now that PostgreSQL has the hold and Redis would be primed with it. If another
reservation holds one of them, or has bought it, this hold is cancelled in PostgreSQL, and the answer is that the seats
are not available. So it is if PostgreSQL has another live hold on one of them (other_holds.py).
"""

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from ..db.repository import reservations
from ..db.repository.idempotency import IdempotencyKey
from ..errors import SeatsUnavailable, Unavailable
from ..holds.redis_server import UNVERIFIED_S
from ..holds.release_calls import HoldRelease
from .after_commit import after_commit
from .context import BookingContext
from .metrics import HOLDS_UNDONE
from .other_holds import find_other_holds, hand_over_or_release, held_by

# Seats are free so long after the end of their hold. With less, more holds that wait for PostgreSQL under load would be
# taken again.
REDIS_MARGIN_MS = 200
CLOCKS_DIFFER_S = 0.05  # of the margin: by how much the stores' clocks may drift apart during a hold


class HeldSeats(NamedTuple):
    """The seats of a hold that PostgreSQL has, and the idempotency key stored with it, if the request has one."""

    showtime_id: int
    reservation_id: UUID
    user_id: int
    seat_ids: Sequence[int]
    idempotency_key: IdempotencyKey | None = None


class RedisLease:
    """What is known of a take for `ttl_ms`, which is sent after this is made, or after `renew`.

    Redis keeps the seats until `ends`, on the monotonic clock, if its epoch is the same.
    """

    __slots__ = ("_holds", "_ttl_ms", "ends", "epoch", "sent_at")

    def __init__(self, context: BookingContext, ttl_ms: int) -> None:
        self._holds, self._ttl_ms = context.holds, ttl_ms
        self.renew()

    def renew(self) -> None:
        """Before the take is sent again."""
        self.epoch = self._holds.epoch
        self.sent_at = monotonic()
        self.ends = self.sent_at + self._ttl_ms / 1000

    @property
    def has_same_epoch(self) -> bool:
        """Whether Redis has kept what was written to it since the take, as far as is known."""
        return self.epoch == self._holds.epoch

    def covers(self, life_s: float) -> bool:
        """Whether Redis keeps the seats as long as PostgreSQL, as far as can be known without asking it again.

        PostgreSQL's answer came just now: the hold ends there at most `life_s` from now.
        """
        now = monotonic()
        return (
            now - self.sent_at <= UNVERIFIED_S and self.ends >= now + life_s + CLOCKS_DIFFER_S and self.has_same_epoch
        )


async def ensure_held(context: BookingContext, seats: HeldSeats, lease: RedisLease, *, life_s: float) -> None:
    """Return when Redis keeps the seats as long as PostgreSQL, whose answer came just now: at most `life_s` from now.

    Raises SeatsUnavailable if another reservation has taken some of them, and HoldsUnavailable.
    """
    if not lease.covers(life_s):
        await take_for(context, seats, life_s)


async def take_for(context: BookingContext, seats: HeldSeats, life_s: float) -> None:
    """Take the seats of a hold that PostgreSQL has, for its life from now; raises as `take_again` does.

    Once is enough: a Redis that loses its data from here on is loaded with this hold from PostgreSQL.
    """
    await take_again(context, seats, max(1, round((life_s + CLOCKS_DIFFER_S) * 1000)) + REDIS_MARGIN_MS)


async def take_again(context: BookingContext, seats: HeldSeats, ttl_ms: int) -> None:
    """Take the seats of a hold that PostgreSQL has; raises SeatsUnavailable and cancels it if others have them.

    If it was confirmed or cancelled meanwhile, its seats may have been taken after their release, so they are released.
    """
    held = await context.holds.extend(
        showtime_id=seats.showtime_id, reservation_id=seats.reservation_id, seat_ids=seats.seat_ids, ttl_ms=ttl_ms
    )
    if held:
        await undo_hold(context, seats)
        with after_commit():
            taken = await context.batches.find_booked(seats.showtime_id, seats.seat_ids)
        raise SeatsUnavailable(held=held, booked=taken.booked, blocked=taken.blocked)
    # Those who bought a seat while Redis did not keep it for this hold have no key there any more. This is read before
    # the status: as long as that is `held`, no seat is booked by this reservation.
    taken = await context.batches.find_booked(seats.showtime_id, seats.seat_ids)
    async with context.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=seats.reservation_id, user_id=seats.user_id, max_s=context.hold_max_s
        )
    if found is None or found.status != "held":
        await context.pending_updates.release([HoldRelease(seats.showtime_id, seats.reservation_id, seats.seat_ids)])
    elif found.showtime_id != seats.showtime_id or not {*seats.seat_ids} <= {*found.seat_ids}:
        await release_given_up(context, seats)
    elif taken.booked:
        await undo_hold(context, seats)
        raise SeatsUnavailable(booked=taken.booked, blocked=taken.blocked)


async def release_given_up(context: BookingContext, seats: HeldSeats) -> None:
    """Release those of the seats that a hold has given up, and has not got again by now.

    A request that gives the hold a seat takes it again after its commit, and `kept` changes. So if `kept` is read
    before that, nothing is released, and if it is read after that, the seat is among those that are read then. What is
    not released here, because a store does not answer, release_orphans finds.
    """
    with suppress(Unavailable):
        kept = await context.holds.kept(showtime_id=seats.showtime_id, reservation_id=seats.reservation_id)
        async with context.database.connection() as conn:
            found = await reservations.find_hold(
                conn, reservation_id=seats.reservation_id, user_id=seats.user_id, max_s=context.hold_max_s
            )
        has_some = found is not None and found.status == "held" and found.showtime_id == seats.showtime_id
        own = found.seat_ids if found is not None and has_some else ()
        given_up = [seat_id for seat_id in seats.seat_ids if seat_id not in own]
        if given_up:
            release = HoldRelease(seats.showtime_id, seats.reservation_id, given_up, undo=True, kept=kept)
            await context.pending_updates.release([release])


async def require_sole_hold(context: BookingContext, seats: HeldSeats) -> None:
    """Return if PostgreSQL has no other live hold on the seats of a hold that was taken again and is not answered yet.

    Otherwise this hold is cancelled, and SeatsUnavailable raised: the other one may be answered. A hold that comes to
    PostgreSQL after this was taken before Redis lost its data, and gives way in its turn.
    """
    others = await find_other_holds(context, HoldRelease(seats.showtime_id, seats.reservation_id, seats.seat_ids))
    if others:
        await undo_hold(context, seats)
        raise held_by(others)


async def undo_hold(context: BookingContext, seats: HeldSeats, *, after_loss: bool = True) -> None:
    """Cancel a hold in PostgreSQL, then release in Redis what it still has there.

    `after_loss`: Redis may have lost its data since the seats were taken, so that PostgreSQL may have another live hold
    of them. If PostgreSQL does not answer, it may still have this hold, and its seats stay taken.
    """
    undone = None
    try:
        async with context.database.write_for(seats.user_id) as conn:
            undone = await reservations.undo_hold(
                conn,
                reservation_id=seats.reservation_id,
                showtime_id=seats.showtime_id,
                user_id=seats.user_id,
                idempotency_key=seats.idempotency_key,
            )
        HOLDS_UNDONE.value += undone
    finally:
        context.log.warning(
            "hold_undone", showtime_id=seats.showtime_id, reservation_id=str(seats.reservation_id), was_held=undone
        )
    release = HoldRelease(seats.showtime_id, seats.reservation_id, seats.seat_ids)
    if after_loss:
        await hand_over_or_release(context, release, margin_ms=REDIS_MARGIN_MS)
    else:
        await context.pending_updates.release([release])
