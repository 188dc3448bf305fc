"""Hold, confirm, cancel: the order of the steps.

PostgreSQL is the judge of who owns a seat. Redis makes holds fast and lets them expire by themselves; whatever becomes
of it, the unique constraint of booked_seats stands between a seat and its second sale. While a connection is held,
nothing but PostgreSQL is awaited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from structlog.stdlib import BoundLogger
from uuid_utils.compat import uuid7

from .database import Database
from .errors import (
    HoldExpired,
    HoldsUnavailable,
    Invalid,
    NotFound,
    ReservationCancelled,
    SeatsUnavailable,
    ShowtimeStarted,
    TooLateToCancel,
)
from .holds import Holds, LiveHold, Prime
from .repository import reservations, showtimes
from .repository.reservations import LockedReservation, Reservation

NOBODY: frozenset[int] = frozenset()
NO_RESERVATION = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Stores:
    """Where bookings live, and the rules they follow; times in seconds."""

    database: Database
    holds: Holds
    log: BoundLogger
    hold_ttl_s: int
    cancel_cutoff_s: int
    cleaning_s: int


async def hold(stores: Stores, *, user_id: int, showtime_id: int, seat_ids: Sequence[int]) -> Reservation:
    """Hold all these seats or none.

    Raises NotFound (the showtime), ShowtimeStarted, Invalid (a seat of another room) and SeatsUnavailable, which names
    every seat that stands against it.
    """
    await _check_seats(stores, showtime_id, seat_ids)
    reservation_id = uuid7()
    held = await stores.holds.take(
        showtime_id=showtime_id, reservation_id=reservation_id, seat_ids=seat_ids, ttl_s=stores.hold_ttl_s
    )
    if held:
        async with stores.database.connection() as conn:
            booked = await reservations.find_booked(conn, showtime_id=showtime_id, seat_ids=seat_ids)
        raise SeatsUnavailable(held=held, booked=booked)
    written: Reservation | frozenset[int] = NOBODY
    try:
        async with stores.database.connection() as conn:
            written = await reservations.insert_held(
                conn,
                reservation_id=reservation_id,
                user_id=user_id,
                showtime_id=showtime_id,
                seat_ids=seat_ids,
                ttl_s=stores.hold_ttl_s,
            )
    finally:
        if not isinstance(written, Reservation):
            await _settle(stores, showtime_id, reservation_id, seat_ids)
    if isinstance(written, Reservation):
        return written
    if not written:  # something about the showtime changed since it was looked at: look again, and say what
        await _check_seats(stores, showtime_id, seat_ids)
        raise HoldsUnavailable
    raise SeatsUnavailable(held=NOBODY, booked=written)


async def confirm(stores: Stores, *, user_id: int, reservation_id: UUID) -> Reservation:
    """Make a hold final: its seats are the user's once this answers, and a second time changes nothing.

    Raises NotFound, HoldExpired, ReservationCancelled, and SeatsUnavailable when the hold was lost and somebody else
    confirmed first.
    """
    locked = await _confirm_one(stores.database, user_id, reservation_id)
    if locked is not None:
        # After COMMIT: the version first, then the keys, so that a map read in between shows the seats held.
        await _settle(stores, locked.showtime_id, reservation_id, locked.seat_ids)
    return await find(stores, user_id=user_id, reservation_id=reservation_id)


async def cancel(stores: Stores, *, user_id: int, reservation_id: UUID) -> Reservation:
    """Give up a hold, or a confirmed reservation until the cutoff; its seats are free at once.

    Raises NotFound, HoldExpired and TooLateToCancel; a second time changes nothing.
    """
    locked = await _cancel_one(stores.database, user_id, reservation_id, stores.cancel_cutoff_s)
    if locked is not None:
        await _settle(stores, locked.showtime_id, reservation_id, locked.seat_ids)
    return await find(stores, user_id=user_id, reservation_id=reservation_id)


async def find(stores: Stores, *, user_id: int, reservation_id: UUID) -> Reservation:
    """One of a user's own reservations; raises NotFound."""
    async with stores.database.connection() as conn:
        found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found


async def announce(stores: Stores, showtime_ids: Sequence[int]) -> None:
    """Count the versions of seat maps up, whose prices or seats an administrator has changed."""
    for showtime_id in showtime_ids:
        await _settle(stores, showtime_id, NO_RESERVATION, ())


async def prime(database: Database, showtime_id: int) -> Prime:
    """What a showtime's keys in Redis are rebuilt from; raises NotFound, so that made-up ids cannot fill Redis."""
    async with database.connection() as conn:
        found = await showtimes.prime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    live = zip(found.seat_ids, found.reservation_ids, found.ttls_ms, strict=True)
    return Prime(found.version, tuple(LiveHold(*hold) for hold in live))


async def _check_seats(stores: Stores, showtime_id: int, seat_ids: Sequence[int]) -> None:
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


async def _confirm_one(database: Database, user_id: int, reservation_id: UUID) -> LockedReservation | None:
    """Confirm in one transaction; None when it was confirmed before."""
    async with database.transaction() as conn:
        locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
        match locked:
            case None:
                raise NotFound("There is no such reservation of yours.")
            case LockedReservation(status="confirmed"):
                return None
            case LockedReservation(status="cancelled"):
                raise ReservationCancelled
            case LockedReservation(status="expired"):
                raise HoldExpired
        claimed = await reservations.claim_seats(conn, reservation_id=reservation_id, showtime_id=locked.showtime_id)
        lost = frozenset(locked.seat_ids) - claimed
        if lost:
            raise SeatsUnavailable(held=NOBODY, booked=lost)  # rolls back what was claimed
        await reservations.mark_confirmed(conn, reservation_id=reservation_id)
    return locked


async def _cancel_one(
    database: Database, user_id: int, reservation_id: UUID, cutoff_s: int
) -> LockedReservation | None:
    """Cancel in one transaction; None when it was cancelled before."""
    async with database.transaction() as conn:
        locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
        match locked:
            case None:
                raise NotFound("There is no such reservation of yours.")
            case LockedReservation(status="cancelled"):
                return None
            case LockedReservation(status="expired"):
                raise HoldExpired
            case LockedReservation(status="confirmed"):
                freed = await reservations.free_seats(
                    conn, reservation_id=reservation_id, showtime_id=locked.showtime_id, cutoff_s=cutoff_s
                )
                if not freed:
                    raise TooLateToCancel
        await reservations.mark_cancelled(conn, reservation_id=reservation_id)
    return locked


async def _settle(stores: Stores, showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int]) -> None:
    """Tell Redis what PostgreSQL has decided; the decision stands whether or not Redis hears of it."""
    try:
        await stores.holds.settle(showtime_id=showtime_id, reservation_id=reservation_id, seat_ids=seat_ids)
    except HoldsUnavailable:
        stores.log.warning("holds_not_settled", showtime_id=showtime_id, reservation_id=str(reservation_id))
