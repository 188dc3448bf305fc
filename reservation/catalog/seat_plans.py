"""Write the seats of auditoriums, under the lock of the auditorium.

Holds and confirms lock their showtimes, and no auditorium. So a change after which a seat is another one, or gone, also
locks the showtimes that are not over: holds that are being written are seen, and later ones see the change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count as lengths, islice, product
from string import ascii_uppercase

from ..db.pool import Connection
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, showtimes
from ..db.repository.auditoriums import Auditorium, Seat, SeatInput, SeatInUse
from ..errors import CapacityExceeded, InUse, Json, NotFound
from ..seatmap.seat_rows import row_number
from .auditoriums import lock_auditorium
from .context import CatalogContext

KEEPS_ITS_LABEL = "It is held, booked or blocked for a showtime that is not over, so it keeps its row and number."
STAYS = "It is held, booked or blocked for a showtime that is not over."
LEAVES_OUT = "Seats that the plan leaves out are held, booked or blocked for showtimes that are not over."


@dataclass(frozen=True, slots=True)
class SeatBatch:
    """Rows of equal seats to add; `price_modifier` is a factor on the showtime's base price.

    `aisles_after`: the seat numbers after which an aisle leaves a position free; None for seats without positions.
    """

    rows: int
    seats_per_row: int
    seat_type: str = "regular"
    price_modifier: Decimal = Decimal("1.00")
    aisles_after: Sequence[int] | None = None


async def add_seats(context: CatalogContext, *, auditorium_id: int, batch: SeatBatch) -> Sequence[Seat]:
    """Add rows, labelled after the last row; the seats in map order.

    Raises NotFound, CapacityExceeded, and PlaceTaken if seats of the room are in positions of the new ones.
    """
    async with context.database.change() as conn:
        capacity = (await lock_auditorium(conn, auditorium_id)).capacity
        existing = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        wanted = batch.rows * batch.seats_per_row
        if existing.seats + wanted > capacity:
            raise CapacityExceeded(
                f"The auditorium has {existing.seats} seats and room for {capacity}: {wanted} more are too many."
            )
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        labels = list(next_row_labels(existing.last_row_label, batch.rows))
        seats = await auditoriums.insert_seats(
            conn,
            auditorium_id=auditorium_id,
            row_labels=labels,
            seats_per_row=batch.seats_per_row,
            seat_type=batch.seat_type,
            price_modifier=batch.price_modifier,
            aisles_after=batch.aisles_after,
            first_y=None if batch.aisles_after is None else row_number(labels[0]),
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


async def replace_seat(
    context: CatalogContext, *, seat_id: int, seat: SeatInput, check: Precondition = no_precondition
) -> Seat:
    """Replace a seat.

    Raises NotFound, what `check` raises, PlaceTaken, and InUse for another row or number of a seat that is booked, or
    in a live hold, for a showtime that is not over: its customer looks for the old one.
    """
    async with context.database.change() as conn:
        before, changed = await _lock_seat(conn, seat_id, check)
        if (before.row_label, before.seat_number) != seat.label:
            await _require_unused(conn, [seat_id], changed, KEEPS_ITS_LABEL)
        replaced = await auditoriums.update_seat(conn, seat_id=seat_id, seat=seat)
    await context.pending_updates.bump_layouts(changed)
    return replaced


async def delete_seat(context: CatalogContext, *, seat_id: int, check: Precondition = no_precondition) -> None:
    """Delete a seat, or retire it if the room has showtimes.

    Raises NotFound, what `check` raises, and InUse for a seat that is booked, or in a live hold, for a showtime that is
    not over.
    """
    async with context.database.change() as conn:
        _, changed = await _lock_seat(conn, seat_id, check)
        await _require_unused(conn, [seat_id], changed, STAYS)
        await _remove(conn, [seat_id])
    await context.pending_updates.bump_layouts(changed)


async def replace_plan(
    context: CatalogContext, *, auditorium_id: int, seats: Sequence[SeatInput], check: Precondition = no_precondition
) -> tuple[Auditorium, Sequence[Seat]]:
    """Give a room these seats, matched by row and number: those that it has keep their ids, and the others are removed.

    No two of them have the same row and number, or the same position. Raises NotFound, what `check` raises of the room,
    CapacityExceeded, and InUse with the seats to remove that are booked, or in a live hold, for a showtime that is not
    over.
    """
    async with context.database.change() as conn:
        room = await lock_auditorium(conn, auditorium_id, check)
        if len(seats) > room.capacity:
            raise CapacityExceeded(f"The auditorium has room for {room.capacity}: {len(seats)} seats are too many.")
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        changed = await auditoriums.lock_open_showtimes(conn, auditorium_id=auditorium_id)
        left_out = await auditoriums.find_left_out(conn, auditorium_id=auditorium_id, seats=seats)
        if left_out:
            await _require_unused(conn, left_out, changed, LEAVES_OUT)
            await _remove(conn, left_out)
        await auditoriums.write_plan(conn, auditorium_id=auditorium_id, seats=seats)
        written = await auditoriums.list_seats(
            conn, auditorium_id=auditorium_id, after_row="", after_number=0, row_limit=len(seats)
        )
        room = await lock_auditorium(conn, auditorium_id)
    await context.pending_updates.bump_layouts(changed)
    return room, written


def next_row_labels(last: str | None, count: int) -> Iterator[str]:
    """The `count` row labels after `last` (None: from the start): A, B, ... Z, AA, AB, ..."""
    labels = ("".join(letters) for length in lengths(1) for letters in product(ascii_uppercase, repeat=length))
    if last is not None:
        next(label for label in labels if label == last)
    return islice(labels, count)


async def _lock_seat(conn: Connection, seat_id: int, check: Precondition) -> tuple[Seat, Sequence[int]]:
    """Lock a seat's room and that room's showtimes that are not over; the seat, and the ids of the showtimes."""
    auditorium_id = (await find_seat(conn, seat_id=seat_id)).auditorium_id
    await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
    # Read again under the auditorium's lock, which every writer of seats takes.
    seat = await find_seat(conn, seat_id=seat_id)
    check(seat)
    # After the lock of the room: whoever needs both locks them in this order.
    return seat, await auditoriums.lock_open_showtimes(conn, auditorium_id=auditorium_id)


async def _require_unused(conn: Connection, seat_ids: Sequence[int], showtime_ids: Sequence[int], message: str) -> None:
    """Raise InUse if some of the seats are booked, or in a live hold, for one of the showtimes, which are locked."""
    found = await auditoriums.find_in_use(conn, seat_ids=seat_ids, showtime_ids=showtime_ids)
    if found:
        raise InUse(message, details={"seats": named_seats(found)})


def named_seats(found: Sequence[SeatInUse]) -> list[Json]:
    """The seats as a problem names them."""
    return [{"seat_id": each.id, "row_label": each.row_label, "seat_number": each.seat_number} for each in found]


async def _remove(conn: Connection, seat_ids: Sequence[int]) -> None:
    if not await auditoriums.delete_seats(conn, seat_ids=seat_ids):
        await auditoriums.retire_seats(conn, seat_ids=seat_ids)
