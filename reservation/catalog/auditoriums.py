"""Write auditoriums and their seats, under the lock of the auditorium."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count as lengths, islice, product
from string import ascii_uppercase

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, showtimes
from ..db.repository.auditoriums import Auditorium, AuditoriumInput, Seat
from ..errors import CapacityExceeded, InUse, NotFound
from .context import CatalogContext


@dataclass(frozen=True, slots=True)
class SeatBatch:
    """Rows of equal seats to add; `price_modifier` is a factor on the showtime's base price."""

    rows: int
    seats_per_row: int
    seat_type: str = "regular"
    price_modifier: Decimal = Decimal("1.00")


async def update_auditorium(
    context: CatalogContext, *, auditorium_id: int, auditorium: AuditoriumInput, check: Precondition = no_precondition
) -> Auditorium:
    """Replace an auditorium, but not its seats; raises NotFound, what `check` raises, and CapacityExceeded."""
    async with context.database.transaction() as conn:
        before = await _lock_auditorium(conn, auditorium_id, check)
        existing = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        if existing.seats > auditorium.capacity:
            raise CapacityExceeded(f"The auditorium has {existing.seats} seats already.")
        replaced = await auditoriums.update_auditorium(conn, auditorium_id=auditorium_id, auditorium=auditorium)
        changed: Sequence[int] = ()
        if before.focal_row != replaced.focal_row:  # part of the layout that workers cache
            changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await context.pending_updates.bump_layouts(changed)
    return replaced


async def delete_auditorium(database: Database, *, auditorium_id: int, check: Precondition = no_precondition) -> None:
    """Delete an auditorium and its seats; raises NotFound, what `check` raises, and InUse when it has showtimes."""
    async with database.transaction() as conn:
        await _lock_auditorium(conn, auditorium_id, check)
        await auditoriums.delete_auditorium(conn, auditorium_id=auditorium_id)


async def add_seats(context: CatalogContext, *, auditorium_id: int, batch: SeatBatch) -> Sequence[Seat]:
    """Add rows, labelled after the last row; the seats in map order. Raises NotFound and CapacityExceeded."""
    async with context.database.transaction() as conn:
        capacity = (await _lock_auditorium(conn, auditorium_id)).capacity
        existing = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        wanted = batch.rows * batch.seats_per_row
        if existing.seats + wanted > capacity:
            raise CapacityExceeded(
                f"The auditorium has {existing.seats} seats and room for {capacity}: {wanted} more are too many."
            )
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        seats = await auditoriums.insert_seats(
            conn,
            auditorium_id=auditorium_id,
            row_labels=list(next_row_labels(existing.last_row_label, batch.rows)),
            seats_per_row=batch.seats_per_row,
            seat_type=batch.seat_type,
            price_modifier=batch.price_modifier,
        )
        changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await context.pending_updates.bump_layouts(changed)
    return seats


async def find_seat(conn: Connection, *, seat_id: int) -> Seat:
    """One seat; raises NotFound."""
    found = await auditoriums.find_seat(conn, seat_id=seat_id)
    if found is None:
        raise NotFound("There is no such seat.")
    return found


async def delete_seat(context: CatalogContext, *, seat_id: int, check: Precondition = no_precondition) -> None:
    """Delete a seat, or retire it if the room has showtimes.

    Raises NotFound, what `check` raises, and InUse for a seat that is booked, or in a live hold, for a showtime that is
    not over.
    """
    async with context.database.transaction() as conn:
        auditorium_id = (await find_seat(conn, seat_id=seat_id)).auditorium_id
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        # Read again under the auditorium's lock, which every writer of seats takes.
        check(await find_seat(conn, seat_id=seat_id))
        # After the lock of the room: holds and confirms lock their showtimes, and no room.
        changed = await auditoriums.lock_open_showtimes(conn, auditorium_id=auditorium_id)
        if await auditoriums.is_in_use(conn, seat_id=seat_id, showtime_ids=changed):
            raise InUse("It is held or booked for a showtime that is not over.")
        if not await auditoriums.delete_seat(conn, seat_id=seat_id):
            await auditoriums.retire_seat(conn, seat_id=seat_id)
    await context.pending_updates.bump_layouts(changed)


def next_row_labels(last: str | None, count: int) -> Iterator[str]:
    """The `count` row labels after `last` (None: from the start): A, B, ... Z, AA, AB, ..."""
    labels = ("".join(letters) for length in lengths(1) for letters in product(ascii_uppercase, repeat=length))
    if last is not None:
        next(label for label in labels if label == last)
    return islice(labels, count)


async def _lock_auditorium(conn: Connection, auditorium_id: int, check: Precondition = no_precondition) -> Auditorium:
    found = None
    if await auditoriums.lock_auditoriums(conn, auditorium_ids=[auditorium_id]):
        found = await auditoriums.find_auditorium(conn, auditorium_id=auditorium_id)
    if found is None:
        raise NotFound("There is no such auditorium.")
    check(found)
    return found
