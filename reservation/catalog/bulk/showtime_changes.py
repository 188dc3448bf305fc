"""Showtimes that change all at once: they leave their places, and whoever has no new one goes back.

The exclusion constraint is the judge of every row all the same; this only finds out beforehand whom it would refuse,
since what it refuses ends the transaction of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ...db.pool import Connection
from ...db.repository import auditoriums, bulk as files, movies, showtimes
from ...db.repository.showtimes import Showtime, ShowtimeInput
from ...errors import InUse, Invalid
from ..showtimes import KEEPS_ITS_ROOM, KEEPS_ITS_TIME, overlap_with
from .csv_rows import Faults
from .imports import Advance, Undone, chunks, note
from .timetables import Move, Owner, Place, Refusal, refusals


@dataclass(frozen=True, slots=True)
class Change:
    """A showtime as it is, and as a line of the file wants it."""

    line: int
    old: Showtime
    wanted: ShowtimeInput

    @property
    def changes_rooms(self) -> bool:
        """Whether it is to be in another room, which only one without reservations may."""
        return self.wanted.auditorium_id != self.old.auditorium_id

    @property
    def changes_times(self) -> bool:
        """Whether it is to begin or end at another time, which one with archived reservations may not."""
        return (self.wanted.starts_at, self.wanted.ends_at) != (self.old.starts_at, self.old.ends_at)


async def replace(
    conn: Connection, changes: Sequence[Change], faults: Faults, *, cleaning_s: int, advance: Advance
) -> list[Change]:
    """Carry out those that can be, and notes why the others cannot; the caller has locked showtimes and rooms."""
    fit = await _fit(conn, sorted(changes, key=lambda change: change.line), faults)
    moves = await _set_aside(conn, fit, cleaning_s)
    refused = refusals(list(moves.values()), await _blocked(conn, fit, moves, cleaning_s))
    for ids in chunks(list(refused)):
        await files.put_back(conn, showtime_ids=ids)
    _note_refusals(faults, fit, refused)
    done = [change for change in fit if change.old.id not in refused]
    advance(len(changes) - len(done))
    for chunk in chunks(done):
        await files.replace_showtimes(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        advance(len(chunk))
    return done


async def make_sure_of_rooms(conn: Connection, done: Sequence[Change], faults: Faults) -> None:
    """Keep those in new rooms from being reserved until the commit, which must follow at once.

    Raises Undone, and notes which, when some were reserved since they were first looked at.
    """
    moved = sorted((change for change in done if change.changes_rooms), key=lambda change: change.old.id)
    for chunk in chunks(moved):
        await files.lock_moved(conn, showtime_ids=_ids(chunk))
    for chunk in chunks(moved):
        reserved = await files.find_reserved(conn, showtime_ids=_ids(chunk))
        for change in chunk:
            if change.old.id in reserved:
                faults.add(change.line, "", "The showtime was reserved while the import ran, and cannot move now.")
                raise Undone


async def _fit(conn: Connection, changes: Sequence[Change], faults: Faults) -> list[Change]:
    """Those whose film and room are there, and that may go to it."""
    found: list[Change] = []
    for chunk in chunks(changes):
        films = await movies.lock_movies(conn, movie_ids=sorted({change.wanted.movie_id for change in chunk}))
        rooms = await auditoriums.lock_auditoriums(
            conn, auditorium_ids=sorted({change.wanted.auditorium_id for change in chunk})
        )
        moved = [change for change in chunk if change.changes_rooms]
        reserved = await files.find_reserved(conn, showtime_ids=_ids(moved)) if moved else set()
        retimed = [change for change in chunk if change.changes_times]
        archived = await showtimes.with_archived(conn, showtime_ids=_ids(retimed)) if retimed else set()
        for change in chunk:
            if change.wanted.auditorium_id not in rooms:
                note(faults, change.line, Invalid("/auditorium_id", "There is no such auditorium."))
            elif change.wanted.movie_id not in films:
                note(faults, change.line, Invalid("/movie_id", "There is no such movie."))
            elif change.old.id in reserved:
                note(faults, change.line, InUse(KEEPS_ITS_ROOM))
            elif change.old.id in archived:
                note(faults, change.line, InUse(KEEPS_ITS_TIME))
            else:
                found.append(change)
    return found


async def _set_aside(conn: Connection, changes: Sequence[Change], cleaning_s: int) -> dict[Owner, Move]:
    """Clear the places of those that are to have others; in the order of the changes."""
    cleaning = timedelta(seconds=cleaning_s)
    moves: dict[Owner, Move] = {}
    for chunk in chunks(changes):
        left = await files.set_aside(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        free_at = {each.id: each.free_at for each in left}
        for change in chunk:
            old, new = change.old, change.wanted
            if old.id in free_at:
                moves[old.id] = Move(
                    Place(old.id, old.auditorium_id, old.starts_at, free_at[old.id]),
                    Place(old.id, new.auditorium_id, new.starts_at, new.ends_at + cleaning),
                )
    return moves


async def _blocked(
    conn: Connection, changes: Sequence[Change], moves: Mapping[Owner, Move], cleaning_s: int
) -> dict[Owner, Owner]:
    """Those who would meet a showtime that has not been set aside, and which."""
    blocked: dict[Owner, Owner] = {}
    for chunk in chunks([change for change in changes if change.old.id in moves]):
        for overlap in await showtimes.find_overlaps(conn, wanted=_wanted(chunk), cleaning_s=cleaning_s):
            blocked[chunk[overlap.position - 1].old.id] = overlap.showtime_id
    return blocked


def _note_refusals(faults: Faults, changes: Sequence[Change], refused: Mapping[Owner, Refusal]) -> None:
    lines = {change.old.id: change.line for change in changes}
    for owner, refusal in refused.items():
        other, line = refusal.other, lines.get(refusal.other)
        if refusal.by == "first":
            faults.add(lines[owner], "", f"The showtime of line {line} has the auditorium at that time.")
        elif refusal.by == "refused":
            why = f"Showtime {other}, which line {line} cannot move, has the auditorium at that time."
            faults.add(lines[owner], "", why)
        else:
            note(faults, lines[owner], overlap_with(other))


def _ids(changes: Sequence[Change]) -> list[int]:
    return [change.old.id for change in changes]


def _wanted(changes: Sequence[Change]) -> list[ShowtimeInput]:
    return [change.wanted for change in changes]
