"""Write auditoriums, under their lock. Their seats: see seat_plans."""

from collections.abc import Sequence

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, bulk, showtimes
from ..db.repository.auditoriums import Auditorium, AuditoriumInput
from ..errors import CapacityExceeded, InUse, NotFound
from .context import CatalogContext

STAYS_IN_CINEMA = (
    "The auditorium has live holds or confirmed reservations of showtimes that are not over: it stays where it is."
)


async def update_auditorium(
    context: CatalogContext, *, auditorium_id: int, auditorium: AuditoriumInput, check: Precondition = no_precondition
) -> Auditorium:
    """Replace an auditorium, but not its seats; raises NotFound, what `check` raises, Invalid, and CapacityExceeded.

    Also InUse: with live holds or confirmed reservations of showtimes that are not over, it stays in its cinema.
    """
    async with context.database.change() as conn:
        before = await lock_auditorium(conn, auditorium_id, check)
        existing = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        if existing.seats > auditorium.capacity:
            raise CapacityExceeded(f"The auditorium has {existing.seats} seats already.")
        if auditorium.cinema_id not in (None, before.cinema_id):  # None is the only cinema
            await _require_unreserved(conn, auditorium_id)
        replaced = await auditoriums.update_auditorium(conn, auditorium_id=auditorium_id, auditorium=auditorium)
        changed: Sequence[int] = ()
        if before.focal_row != replaced.focal_row:  # part of the layout that workers cache
            changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await context.pending_updates.bump_layouts(changed)
    return replaced


async def delete_auditorium(database: Database, *, auditorium_id: int, check: Precondition = no_precondition) -> None:
    """Delete an auditorium and its seats; raises NotFound, what `check` raises, and InUse when it has showtimes."""
    async with database.change() as conn:
        await lock_auditorium(conn, auditorium_id, check)
        await auditoriums.delete_auditorium(conn, auditorium_id=auditorium_id)


async def _require_unreserved(conn: Connection, auditorium_id: int) -> None:
    """Lock the showtimes of a locked auditorium that are not over, and raise InUse if one of them is reserved."""
    showtime_ids = await auditoriums.lock_open_showtimes(conn, auditorium_id=auditorium_id)
    if await bulk.find_reserved(conn, showtime_ids=showtime_ids):
        raise InUse(STAYS_IN_CINEMA)


async def lock_auditorium(conn: Connection, auditorium_id: int, check: Precondition = no_precondition) -> Auditorium:
    """Lock an auditorium against other writers of its seats and showtimes; raises NotFound and what `check` raises."""
    found = None
    if await auditoriums.lock_auditoriums(conn, auditorium_ids=[auditorium_id]):
        found = await auditoriums.find_auditorium(conn, auditorium_id=auditorium_id)
    if found is None:
        raise NotFound("There is no such auditorium.")
    check(found)
    return found
