"""The programme: writing rooms, seats and showtimes where one statement is not enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..booking.service import Stores
from ..db.pool import Connection, Database
from ..db.preconditions import Check, any_version
from ..db.repository import auditoriums, movies, showtimes
from ..db.repository.auditoriums import Auditorium, AuditoriumInput, Seat
from ..db.repository.movies import Movie, MovieInput
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..errors import CapacityExceeded, InUse, Invalid, NotFound, Overloaded, ShowtimeOverlap

ALPHABET = 26
LOCK_TRIES = 3  # who moves a showtime just when it is to be locked does not do so again and again
KEEPS_ITS_ROOM = "The showtime has reservations, so it cannot move to another auditorium."
KEEPS_ITS_TIME = "The showtime has archived reservations, so its time cannot change."


class RoomsChanged(Exception):
    """A showtime has gone to a room that is not locked, after one had looked which to lock: look again."""


@dataclass(frozen=True, slots=True)
class SeatBatch:
    """Whole rows of alike seats; the modifier is a factor on the base price."""

    rows: int
    seats_per_row: int
    seat_type: str = "regular"
    price_modifier: Decimal = Decimal("1.00")


async def update_movie(database: Database, *, movie_id: int, movie: MovieInput, check: Check = any_version) -> Movie:
    """Replace a film; raises NotFound and what `check` raises."""
    async with database.transaction() as conn:
        await _lock_movie(conn, movie_id, check)
        return await movies.update_movie(conn, movie_id=movie_id, movie=movie)


async def delete_movie(database: Database, *, movie_id: int, check: Check = any_version) -> None:
    """Remove a film; raises NotFound, what `check` raises, and InUse when it has showtimes."""
    async with database.transaction() as conn:
        await _lock_movie(conn, movie_id, check)
        await movies.delete_movie(conn, movie_id=movie_id)


async def update_auditorium(
    stores: Stores, *, auditorium_id: int, auditorium: AuditoriumInput, check: Check = any_version
) -> Auditorium:
    """Replace a room's facts; raises NotFound, what `check` raises, and CapacityExceeded when it has more seats."""
    async with stores.database.transaction() as conn:
        await _lock_auditorium(conn, auditorium_id, check)
        there = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        if there.seats > auditorium.capacity:
            raise CapacityExceeded(f"The auditorium has {there.seats} seats already.")
        was = await auditoriums.find_auditorium(conn, auditorium_id=auditorium_id)
        replaced = await auditoriums.update_auditorium(conn, auditorium_id=auditorium_id, auditorium=auditorium)
        changed: Sequence[int] = ()
        if was is not None and was.focal_row != replaced.focal_row:  # which workers keep along with the seats
            changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await stores.settling.announce(changed)
    return replaced


async def delete_auditorium(database: Database, *, auditorium_id: int, check: Check = any_version) -> None:
    """Remove a room and its seats; raises NotFound, what `check` raises, and InUse when it has showtimes."""
    async with database.transaction() as conn:
        await _lock_auditorium(conn, auditorium_id, check)
        await auditoriums.delete_auditorium(conn, auditorium_id=auditorium_id)


async def add_seats(stores: Stores, *, auditorium_id: int, batch: SeatBatch) -> Sequence[Seat]:
    """Add the next free rows to a room, in the order of the map; raises NotFound and CapacityExceeded."""
    async with stores.database.transaction() as conn:
        capacity = await _lock_auditorium(conn, auditorium_id)
        there = await auditoriums.count_seats(conn, auditorium_id=auditorium_id)
        wanted = batch.rows * batch.seats_per_row
        if there.seats + wanted > capacity:
            raise CapacityExceeded(
                f"The auditorium has {there.seats} seats and room for {capacity}: {wanted} more are too many."
            )
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        seats = await auditoriums.insert_seats(
            conn,
            auditorium_id=auditorium_id,
            row_labels=list(next_row_labels(there.last_row_label, batch.rows)),
            seats_per_row=batch.seats_per_row,
            seat_type=batch.seat_type,
            price_modifier=batch.price_modifier,
        )
        changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await stores.settling.announce(changed)
    return seats


async def find_seat(conn: Connection, *, seat_id: int) -> Seat:
    """One seat; raises NotFound."""
    found = await auditoriums.find_seat(conn, seat_id=seat_id)
    if found is None:
        raise NotFound("There is no such seat.")
    return found


async def delete_seat(stores: Stores, *, seat_id: int, check: Check = any_version) -> None:
    """Remove a seat that was never reserved; raises NotFound, what `check` raises, and InUse."""
    async with stores.database.transaction() as conn:
        auditorium_id = (await find_seat(conn, seat_id=seat_id)).auditorium_id
        await auditoriums.touch_auditorium(conn, auditorium_id=auditorium_id)
        check(await find_seat(conn, seat_id=seat_id))  # whoever writes seats has locked their room first, as this has
        await auditoriums.delete_seat(conn, seat_id=seat_id)
        changed = await showtimes.list_open_ids(conn, auditorium_id=auditorium_id)
    await stores.settling.announce(changed)


async def add_showtime(stores: Stores, *, showtime: ShowtimeInput) -> Showtime:
    """Put a film on; raises ShowtimeOverlap, which names the other, and Invalid for an unknown film or room."""
    try:
        async with stores.database.transaction() as conn:
            # Two overlapping inserts at once would wait for each other; the room's lock lines them up.
            if await auditoriums.lock_auditorium(conn, auditorium_id=showtime.auditorium_id) is None:
                raise _no_room()
            showtime_id = await showtimes.insert_showtime(conn, showtime=showtime, cleaning_s=stores.cleaning_s)
            return await _find(conn, showtime_id)
    except ShowtimeOverlap as overlap:
        raise await _named(overlap, stores, showtime, except_id=0) from overlap


async def update_showtime(
    stores: Stores, *, showtime_id: int, showtime: ShowtimeInput, check: Check = any_version
) -> Showtime:
    """Replace a showtime; raises NotFound, what `check` raises, ShowtimeOverlap, Invalid, and InUse.

    InUse is for moving one with reservations to another room, and one with archived reservations to another time.
    """
    for _ in range(LOCK_TRIES):
        try:
            async with stores.database.transaction() as conn:
                replaced = await _replace_showtime(conn, showtime_id, showtime, check, stores.cleaning_s)
        except RoomsChanged:
            continue
        except ShowtimeOverlap as overlap:
            raise await _named(overlap, stores, showtime, except_id=showtime_id) from overlap
        await stores.settling.announce([showtime_id])
        return replaced
    raise Overloaded


async def delete_showtime(stores: Stores, *, showtime_id: int, check: Check = any_version) -> None:
    """Remove a showtime; raises NotFound, what `check` raises, and InUse when it was ever reserved."""
    async with stores.database.transaction() as conn:
        await _lock_showtime(conn, showtime_id, check)
        await showtimes.delete_showtime(conn, showtime_id=showtime_id)
    await stores.settling.announce([showtime_id])


def next_row_labels(last: str | None, count: int) -> Iterator[str]:
    """The `count` row labels after `last` (None: from the start): A, B, ... Z, AA, AB, ..."""
    number = 0
    for letter in last or "":
        number = number * ALPHABET + ord(letter) - ord("A") + 1
    for following in range(number + 1, number + count + 1):
        yield _row_label(following)


def _row_label(number: int) -> str:
    """Bijective base 26: 1 is A, 26 is Z, 27 is AA."""
    label = ""
    while number:
        number, letter = divmod(number - 1, ALPHABET)
        label = chr(ord("A") + letter) + label
    return label


async def _lock_movie(conn: Connection, movie_id: int, check: Check) -> None:
    if not await movies.lock_movie(conn, movie_id=movie_id):
        raise NotFound("There is no such movie.")
    check(await movies.find_movie(conn, movie_id=movie_id))


async def _lock_auditorium(conn: Connection, auditorium_id: int, check: Check = any_version) -> int:
    capacity = await auditoriums.lock_auditorium(conn, auditorium_id=auditorium_id)
    if capacity is None:
        raise NotFound("There is no such auditorium.")
    check(await auditoriums.find_auditorium(conn, auditorium_id=auditorium_id))
    return capacity


async def _replace_showtime(
    conn: Connection, showtime_id: int, showtime: ShowtimeInput, check: Check, cleaning_s: int
) -> Showtime:
    """Both rooms are locked first, the one that it leaves, too: two that exchange rooms would wait for each other."""
    rooms = {showtime.auditorium_id, (await _find(conn, showtime_id)).auditorium_id}
    known = await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted(rooms))
    before = await _lock_showtime(conn, showtime_id, check)
    if before.auditorium_id not in rooms:
        raise RoomsChanged
    if showtime.auditorium_id not in known:
        raise _no_room()
    moved = before.auditorium_id != showtime.auditorium_id
    if moved and await showtimes.has_reservations(conn, showtime_id=showtime_id):
        raise InUse(KEEPS_ITS_ROOM)
    retimed = (before.starts_at, before.ends_at) != (showtime.starts_at, showtime.ends_at)
    if retimed and await showtimes.find_archived(conn, showtime_ids=[showtime_id]):
        raise InUse(KEEPS_ITS_TIME)
    await showtimes.update_showtime(conn, showtime_id=showtime_id, showtime=showtime, cleaning_s=cleaning_s)
    return await _find(conn, showtime_id)


async def _lock_showtime(conn: Connection, showtime_id: int, check: Check) -> Showtime:
    if await showtimes.lock_showtime(conn, showtime_id=showtime_id) is None:
        raise NotFound("There is no such showtime.")
    found = await _find(conn, showtime_id)
    check(found)
    return found


def _no_room() -> Invalid:
    """Found out here: the exclusion constraint comes before the foreign key, and cannot even take the highest id."""
    return Invalid("/auditorium_id", "There is no such auditorium.")


async def _find(conn: Connection, showtime_id: int) -> Showtime:
    found = await showtimes.find_showtime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    return found


async def _named(
    overlap: ShowtimeOverlap, stores: Stores, showtime: ShowtimeInput, *, except_id: int
) -> ShowtimeOverlap:
    """The refusal with the id of the showtime in the way, unless that one is gone by now."""
    async with stores.database.connection() as conn:
        other = await showtimes.find_overlap(conn, showtime=showtime, cleaning_s=stores.cleaning_s, except_id=except_id)
    return overlap if other is None else overlap_with(other)


def overlap_with(other: int) -> ShowtimeOverlap:
    """The refusal that names the showtime in the way."""
    return ShowtimeOverlap(
        f"Showtime {other} has the auditorium at that time.", details={"conflicting_showtime_id": other}
    )
