"""Replace many showtimes at once: all leave their slots, and those that cannot get their new slots return.

The exclusion constraint still checks every row. Conflicts are found beforehand, because a violation of the constraint
would end the transaction of the whole import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ...db.pool import Connection
from ...db.repository import auditoriums, bulk, movies, showtimes
from ...db.repository.showtimes import Showtime, ShowtimeInput
from ...errors import InUse, Invalid
from ..showtimes import KEEPS_ITS_ROOM, KEEPS_ITS_TIME, overlap_with
from .csv_rows import Faults
from .imports import Advance, ImportRolledBack, add_error, chunks
from .slot_conflicts import Conflict, Move, Obstacle, ShowtimeId, Slot, find_conflicts


@dataclass(frozen=True, slots=True)
class Change:
    """A showtime as it is, and as a line of the file has it."""

    line: int
    old: Showtime
    wanted: ShowtimeInput

    @property
    def changes_rooms(self) -> bool:
        """Whether the room changes, which is refused if the showtime has reservations."""
        return self.wanted.auditorium_id != self.old.auditorium_id

    @property
    def changes_times(self) -> bool:
        """Whether the time changes, which is refused if the showtime has archived reservations."""
        return (self.wanted.starts_at, self.wanted.ends_at) != (self.old.starts_at, self.old.ends_at)


async def replace(
    conn: Connection, changes: Sequence[Change], faults: Faults, *, cleaning_s: int, advance: Advance
) -> list[Change]:
    """Carry out the possible changes, and add faults for the others; the caller has locked showtimes and rooms."""
    allowed = await _allowed(conn, sorted(changes, key=lambda change: change.line), faults)
    moves = await _set_aside(conn, allowed, cleaning_s)
    conflicts = find_conflicts(list(moves.values()), await _blocked(conn, allowed, moves, cleaning_s))
    for ids in chunks(list(conflicts)):
        await bulk.put_back(conn, showtime_ids=ids)
    _add_conflicts(faults, allowed, conflicts)
    done = [change for change in allowed if change.old.id not in conflicts]
    advance(len(changes) - len(done))
    for chunk in chunks(done):
        await bulk.replace_showtimes(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        advance(len(chunk))
    return done


async def lock_new_rooms(conn: Connection, done: Sequence[Change], faults: Faults) -> None:
    """Lock the showtimes that changed rooms against reservations until the commit, which must follow at once.

    Raises ImportRolledBack, with a fault, if one of them was reserved since `replace` checked.
    """
    moved = sorted((change for change in done if change.changes_rooms), key=lambda change: change.old.id)
    for chunk in chunks(moved):
        await bulk.lock_moved(conn, showtime_ids=_ids(chunk))
    for chunk in chunks(moved):
        reserved = await bulk.find_reserved(conn, showtime_ids=_ids(chunk))
        for change in chunk:
            if change.old.id in reserved:
                faults.add(change.line, "", "The showtime was reserved while the import ran, and cannot move now.")
                raise ImportRolledBack


async def _allowed(conn: Connection, changes: Sequence[Change], faults: Faults) -> list[Change]:
    """The changes whose film and room exist, and that reservations do not forbid; adds faults for the others."""
    allowed: list[Change] = []
    for chunk in chunks(changes):
        films = await movies.lock_movies(conn, movie_ids=sorted({change.wanted.movie_id for change in chunk}))
        rooms = await auditoriums.lock_auditoriums(
            conn, auditorium_ids=sorted({change.wanted.auditorium_id for change in chunk})
        )
        moved = [change for change in chunk if change.changes_rooms]
        reserved = await bulk.find_reserved(conn, showtime_ids=_ids(moved)) if moved else set()
        retimed = [change for change in chunk if change.changes_times]
        archived = await showtimes.with_archived(conn, showtime_ids=_ids(retimed)) if retimed else set()
        for change in chunk:
            if change.wanted.auditorium_id not in rooms:
                add_error(faults, change.line, Invalid("/auditorium_id", "There is no such auditorium."))
            elif change.wanted.movie_id not in films:
                add_error(faults, change.line, Invalid("/movie_id", "There is no such movie."))
            elif change.old.id in reserved:
                add_error(faults, change.line, InUse(KEEPS_ITS_ROOM))
            elif change.old.id in archived:
                add_error(faults, change.line, InUse(KEEPS_ITS_TIME))
            else:
                allowed.append(change)
    return allowed


async def _set_aside(conn: Connection, changes: Sequence[Change], cleaning_s: int) -> dict[ShowtimeId, Move]:
    """Free the slots of the showtimes that change theirs; their moves, in the order of the changes."""
    cleaning = timedelta(seconds=cleaning_s)
    moves: dict[ShowtimeId, Move] = {}
    for chunk in chunks(changes):
        freed = await bulk.set_aside(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        free_at = {each.id: each.free_at for each in freed}
        for change in chunk:
            old, new = change.old, change.wanted
            if old.id in free_at:
                moves[old.id] = Move(
                    Slot(old.id, old.auditorium_id, old.starts_at, free_at[old.id]),
                    Slot(old.id, new.auditorium_id, new.starts_at, new.ends_at + cleaning),
                )
    return moves


async def _blocked(
    conn: Connection, changes: Sequence[Change], moves: Mapping[ShowtimeId, Move], cleaning_s: int
) -> dict[ShowtimeId, ShowtimeId]:
    """The showtimes whose new slots overlap one that was not set aside, with its id."""
    blocked: dict[ShowtimeId, ShowtimeId] = {}
    for chunk in chunks([change for change in changes if change.old.id in moves]):
        for overlap in await showtimes.find_overlaps(conn, wanted=_wanted(chunk), cleaning_s=cleaning_s):
            blocked[chunk[overlap.position - 1].old.id] = overlap.showtime_id
    return blocked


def _add_conflicts(faults: Faults, changes: Sequence[Change], conflicts: Mapping[ShowtimeId, Conflict]) -> None:
    lines = {change.old.id: change.line for change in changes}
    for showtime_id, conflict in conflicts.items():
        other, line = conflict.other, lines.get(conflict.other)
        if conflict.obstacle is Obstacle.MOVED_FIRST:
            faults.add(lines[showtime_id], "", f"The showtime of line {line} has the auditorium at that time.")
        elif conflict.obstacle is Obstacle.CANNOT_MOVE:
            why = f"Showtime {other}, which line {line} cannot move, has the auditorium at that time."
            faults.add(lines[showtime_id], "", why)
        else:
            add_error(faults, lines[showtime_id], overlap_with(other))


def _ids(changes: Sequence[Change]) -> list[int]:
    return [change.old.id for change in changes]


def _wanted(changes: Sequence[Change]) -> list[ShowtimeInput]:
    return [change.wanted for change in changes]
