"""Hold, confirm, cancel: the order of the steps.

PostgreSQL is the judge of who owns a seat. Redis makes holds fast and lets them expire by themselves; whatever becomes
of it, the unique constraint of booked_seats stands between a seat and its second sale. While a connection is held,
nothing but PostgreSQL is awaited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from structlog.stdlib import BoundLogger
from uuid_utils.compat import uuid7

from ..db.pool import Connection, Database
from ..db.repository import idempotency, reservations, showtimes
from ..db.repository.idempotency import Claim
from ..db.repository.reservations import FoundHold, LockedReservation, Reservation, Wanted
from ..errors import (
    HoldExpired,
    HoldsUnavailable,
    IdempotencyInFlight,
    Invalid,
    KeyClaimed,
    NotFound,
    ReservationCancelled,
    ReservationConfirmed,
    SeatsUnavailable,
    ShowtimeStarted,
    TooLateToCancel,
)
from ..holds.pending_updates import Settling
from ..holds.store import Holds, LiveHold, Prime, Settlement
from ..seatmap.layouts import Layouts
from .batches import NOBODY, BookingBatches, Granted
from .idempotency import id_of_hold, is_on_its_way


@dataclass(frozen=True, slots=True)
class Stores:
    """Where bookings live, and the rules they follow; times in seconds."""

    database: Database
    batches: BookingBatches
    holds: Holds
    settling: Settling
    layouts: Layouts
    log: BoundLogger
    hold_ttl_s: int
    hold_max_s: int
    hold_deadline_s: float
    cancel_cutoff_s: int
    cleaning_s: int


async def hold(
    stores: Stores, *, user_id: int, showtime_id: int, seat_ids: Sequence[int], claim: Claim | None = None
) -> Reservation:
    """Hold all these seats or none.

    Raises NotFound (the showtime), ShowtimeStarted, Invalid (a seat of another room) and SeatsUnavailable, which names
    every seat that stands against it; under a claim KeyClaimed, and IdempotencyInFlight while a twin is on its way.
    """
    await _look_first(stores, showtime_id, seat_ids)
    granted = await _grant(stores, user_id, showtime_id, seat_ids, claim)
    if granted is None:  # something about the showtime changed since it was looked at: look again, and say what
        await check_seats(stores, showtime_id, seat_ids)
        raise HoldsUnavailable
    return granted


async def confirm(stores: Stores, *, user_id: int, reservation_id: UUID, claim: Claim | None = None) -> Reservation:
    """Make a hold final: its seats are the user's once this answers, and a second time changes nothing.

    Raises NotFound, HoldExpired, ReservationCancelled, and SeatsUnavailable when the hold was lost and somebody else
    confirmed first; under a claim KeyClaimed.
    """
    try:
        return await stores.batches.confirm(Wanted(reservation_id, user_id, claim))
    except NotFound:
        return _still(await _find_archived(stores.database, user_id, reservation_id), "confirmed")


async def extend(stores: Stores, *, user_id: int, reservation_id: UUID) -> Reservation:
    """Let a hold run for its whole time from now, but not past the longest life of one; it never gets shorter.

    Raises NotFound, HoldExpired, ReservationConfirmed, ReservationCancelled, and SeatsUnavailable when others have
    taken the seats meanwhile.
    """
    found = await _find_hold(stores, user_id, reservation_id)
    ttl_ms = min(stores.hold_ttl_s * 1000, found.most_ms)
    if ttl_ms <= found.left_ms:
        return await find(stores, user_id=user_id, reservation_id=reservation_id)
    # Redis first: should PostgreSQL not follow, the seats are kept from others for a while longer than need be, and the
    # sweep lets go of them; the other way round somebody else could hold what this customer was promised.
    ends = monotonic() + ttl_ms / 1000
    held = await stores.holds.extend(
        showtime_id=found.showtime_id, reservation_id=reservation_id, seat_ids=found.seat_ids, ttl_ms=ttl_ms
    )
    if held:
        raise SeatsUnavailable(held=held, booked=await stores.batches.find_booked(found.showtime_id, found.seat_ids))
    async with stores.database.connection() as conn:
        left_ms = max(1, round((ends - monotonic()) * 1000))  # only now: the wait for a connection is over
        extended = await reservations.extend(
            conn, reservation_id=reservation_id, user_id=user_id, ttl_ms=left_ms, most_s=stores.hold_max_s
        )
    if not extended:  # it ended meanwhile, or Redis had lost it and others own its seats: look again, and say which
        await stores.settling.settle([Settlement(found.showtime_id, reservation_id, found.seat_ids)])
        await _find_hold(stores, user_id, reservation_id)
        booked = await stores.batches.find_booked(found.showtime_id, found.seat_ids)
        raise SeatsUnavailable(held=NOBODY, booked=booked) if booked else HoldExpired
    return await find(stores, user_id=user_id, reservation_id=reservation_id)


async def hold_again(stores: Stores, *, user_id: int, reservation_id: UUID) -> None:
    """Keep a hold from others whose first answer was lost, since its seats were given back then.

    Raises SeatsUnavailable when others have taken them meanwhile.
    """
    try:
        found = await _find_hold(stores, user_id, reservation_id)
    except (HoldExpired, ReservationConfirmed, ReservationCancelled):
        return  # it has ended just now, one way or another
    held = await stores.holds.extend(
        showtime_id=found.showtime_id, reservation_id=reservation_id, seat_ids=found.seat_ids, ttl_ms=found.left_ms
    )
    if held:
        raise SeatsUnavailable(held=held, booked=await stores.batches.find_booked(found.showtime_id, found.seat_ids))


async def cancel(stores: Stores, *, user_id: int, reservation_id: UUID, claim: Claim | None = None) -> Reservation:
    """Give up a hold, or a confirmed reservation until the cutoff; its seats are free at once.

    Raises NotFound, HoldExpired and TooLateToCancel; under a claim KeyClaimed. A second time changes nothing.
    """
    try:
        locked, cancelled = await _cancel_one(stores.database, user_id, reservation_id, stores.cancel_cutoff_s, claim)
    except NotFound:
        return _still(await _find_archived(stores.database, user_id, reservation_id), "cancelled")
    await stores.settling.settle([Settlement(locked.showtime_id, reservation_id, locked.seat_ids)])
    return cancelled


async def find(stores: Stores, *, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's own reservations, archived ones included; raises NotFound."""
    async with stores.database.connection() as conn:
        found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    return found or await _find_archived(stores.database, user_id, reservation_id)


async def prime(database: Database, showtime_id: int) -> Prime:
    """What a showtime's keys in Redis are rebuilt from; raises NotFound, so that made-up ids cannot fill Redis."""
    async with database.connection() as conn:
        found = await showtimes.prime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    live = zip(found.seat_ids, found.reservation_ids, found.ttls_ms, strict=True)
    return Prime(found.version, tuple(LiveHold(*hold) for hold in live))


async def _look_first(stores: Stores, showtime_id: int, seat_ids: Sequence[int]) -> None:
    """Refuse what cannot be held before Redis is asked; a look that may be old only ever leads to a closer one."""
    layout = stores.layouts.known(showtime_id)
    if layout is None:
        layout = await stores.layouts.load(showtime_id)
    if layout is None or layout.has_started or not layout.room.places.keys() >= set(seat_ids):
        await check_seats(stores, showtime_id, seat_ids)


async def check_seats(stores: Stores, showtime_id: int, seat_ids: Sequence[int]) -> None:
    """Refuse what cannot be held, by PostgreSQL; raises NotFound (the showtime), ShowtimeStarted and Invalid."""
    async with stores.database.connection() as conn:
        check = await showtimes.check_seats(conn, showtime_id=showtime_id, seat_ids=seat_ids)
    if check is None:
        raise NotFound("There is no such showtime.")
    if check.started:
        raise ShowtimeStarted
    known = frozenset(check.seat_ids)
    for index, seat_id in enumerate(seat_ids):
        if seat_id not in known:
            raise Invalid(f"/seat_ids/{index}", "There is no such seat in this showtime's auditorium.")


async def _grant(
    stores: Stores, user_id: int, showtime_id: int, seat_ids: Sequence[int], claim: Claim | None
) -> Reservation | None:
    """Take the seats in Redis, then write the reservation down; whatever fails, the seats are given back."""
    started = monotonic()
    reservation_id = uuid7() if claim is None else id_of_hold(claim)
    ours = True  # as far as we know: an answer that never came may have been a yes
    try:
        held = await stores.holds.take(
            showtime_id=showtime_id, reservation_id=reservation_id, seat_ids=seat_ids, ttl_s=stores.hold_ttl_s
        )
        if held:
            ours = False
            if claim is not None and await is_on_its_way(
                stores.holds, claim, showtime_id=showtime_id, seat_ids=seat_ids
            ):
                raise IdempotencyInFlight
            raise SeatsUnavailable(held=held, booked=await stores.batches.find_booked(showtime_id, seat_ids))
        ends, by = started + stores.hold_ttl_s, started + stores.hold_deadline_s
        written = await stores.batches.insert_held(
            Granted(reservation_id, user_id, showtime_id, seat_ids, claim, ends=ends, by=by)
        )
        if isinstance(written, Reservation):
            ours = False  # it is the customer's now
            return written
        if written:
            raise SeatsUnavailable(held=NOBODY, booked=written)
        return None
    finally:
        if ours:
            await stores.settling.settle([Settlement(showtime_id, reservation_id, seat_ids)])


async def _cancel_one(
    database: Database, user_id: int, reservation_id: UUID, cutoff_s: int, claim: Claim | None
) -> tuple[LockedReservation, Reservation]:
    """Cancel in one transaction, or leave cancelled; what was locked, and what it is now."""
    async with database.transaction() as conn:
        locked = await _lock(conn, user_id, reservation_id)
        if locked.status == "expired":
            raise HoldExpired
        if claim is not None and not await idempotency.claim(conn, claim=claim, reservation_id=reservation_id):
            raise KeyClaimed
        if locked.status == "confirmed":
            freed = await reservations.free_seats(
                conn, reservation_id=reservation_id, showtime_id=locked.showtime_id, cutoff_s=cutoff_s
            )
            if not freed:
                raise TooLateToCancel
        if locked.status != "cancelled":
            await reservations.mark_cancelled(conn, reservation_id=reservation_id)
        return locked, await _find(conn, user_id, reservation_id)


async def _find_hold(stores: Stores, user_id: int, reservation_id: UUID) -> FoundHold:
    """A hold that is alive; raises what it is otherwise."""
    async with stores.database.connection() as conn:
        found = await reservations.find_hold(
            conn, reservation_id=reservation_id, user_id=user_id, most_s=stores.hold_max_s
        )
    status = (await _find_archived(stores.database, user_id, reservation_id)).status if found is None else found.status
    if status == "expired":
        raise HoldExpired
    if status == "confirmed":
        raise ReservationConfirmed
    if found is None or status == "cancelled":
        raise ReservationCancelled
    return found


async def _find_archived(database: Database, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's reservations that is where it was not found, in the archive; raises NotFound."""
    async with database.connection() as conn:
        found = await reservations.find_archived(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found


def _still(archived: Reservation, wanted: str) -> Reservation:
    """An archived reservation, if it is what it was asked to become; its showtime is over, so nothing changes it."""
    if archived.status == wanted:
        return archived
    if archived.status == "expired":
        raise HoldExpired
    raise ReservationCancelled if archived.status == "cancelled" else TooLateToCancel


async def _lock(conn: Connection, user_id: int, reservation_id: UUID) -> LockedReservation:
    locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if locked is None:
        raise NotFound("There is no such reservation of yours.")
    return locked


async def _find(conn: Connection, user_id: int, reservation_id: UUID) -> Reservation:
    found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found
