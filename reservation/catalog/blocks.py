"""Block seats of a showtime: the cinema keeps them for itself, until it unblocks them.

A blocked seat is a row of booked_seats without a reservation, so no hold and no confirm can have it. The showtime is
locked FOR UPDATE, which waits for the holds and confirms that are being written. A hold whose statement began before
and comes after finds another layout_version, and its insert is repeated. A hold that Redis has granted and PostgreSQL
does not have yet is refused by its insert.
"""

from collections.abc import Mapping, Sequence

from ..db.pool import Connection
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import blocks, showtimes
from ..db.repository.blocks import BlockedSeat
from ..errors import Invalid, SeatsUnavailable, ShowtimeCancelled, ShowtimeStarted
from ..holds.release_calls import NO_RESERVATION, HoldRelease
from .context import CatalogContext
from .showtimes import lock_showtime

ALL_SEATS = 10_000  # more than an auditorium has


async def block_seats(
    context: CatalogContext, *, showtime_id: int, seat_ids: Sequence[int], reason: str
) -> Sequence[BlockedSeat]:
    """Block all these seats or none; they in map order.

    Raises NotFound, ShowtimeStarted, ShowtimeCancelled, Invalid (a seat of another room), and SeatsUnavailable with
    those that are held, booked or blocked.
    """
    async with context.database.change() as conn:
        await lock_showtime(conn, showtime_id)
        await _check_seats(conn, showtime_id, seat_ids)
        taken = await blocks.find_taken(conn, showtime_id=showtime_id, seat_ids=seat_ids)
        if taken:
            held, booked, blocked = (_with_reason(taken, reason) for reason in ("held", "booked", "blocked"))
            raise SeatsUnavailable(held=held, booked=booked, blocked=blocked)
        await blocks.insert_blocks(conn, showtime_id=showtime_id, seat_ids=seat_ids, reason=reason)
        all_blocked = await blocks.list_blocks(conn, showtime_id=showtime_id, row_limit=ALL_SEATS)
    await context.pending_updates.release([HoldRelease(showtime_id, NO_RESERVATION, seat_ids)])
    return [each for each in all_blocked if each.seat_id in {*seat_ids}]


async def unblock_seats(
    context: CatalogContext, *, showtime_id: int, seat_ids: Sequence[int], check: Precondition = no_precondition
) -> None:
    """Unblock all these seats or none; raises NotFound, what `check` raises, and Invalid (a seat is not blocked)."""
    async with context.database.change() as conn:
        await lock_showtime(conn, showtime_id, check)
        unblocked = await blocks.delete_blocks(conn, showtime_id=showtime_id, seat_ids=seat_ids)
        for index, seat_id in enumerate(seat_ids):
            if seat_id not in unblocked:
                raise Invalid(f"/seat_ids/{index}", "This seat is not blocked.")
    await context.pending_updates.release([HoldRelease(showtime_id, NO_RESERVATION, seat_ids)])


def _with_reason(taken: Mapping[int, str], wanted: str) -> frozenset[int]:
    return frozenset(seat_id for seat_id, reason in taken.items() if reason == wanted)


async def _check_seats(conn: Connection, showtime_id: int, seat_ids: Sequence[int]) -> None:
    check = await showtimes.check_seats(conn, showtime_id=showtime_id, seat_ids=seat_ids)
    # Seats can be blocked before the sale, and after its end.
    if check is None or check.sale_refusal == "showtime_started":
        raise ShowtimeStarted("The showtime has started: its seats can no longer be blocked.")
    if check.sale_refusal == "showtime_cancelled":
        raise ShowtimeCancelled
    known = frozenset(check.seat_ids)
    for index, seat_id in enumerate(seat_ids):
        if seat_id not in known:
            raise Invalid(f"/seat_ids/{index}", "There is no such seat in this showtime's auditorium.")
