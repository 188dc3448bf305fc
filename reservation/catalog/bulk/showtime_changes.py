"""Replace many showtimes at once: all leave their slots, and those that cannot get their new slots return.

The exclusion constraint still checks every row. Conflicts are found beforehand, because a violation of the constraint
would end the transaction of the whole import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ...db.pool import Connection
from ...db.repository import bulk, showtimes
from ...db.repository.showtimes import Showtime, ShowtimeInput
from ...errors import DomainError, HasReservations, InUse, ShowtimeCancelled
from ...runtime.progress import Advance
from ..showtime_batches import lock_references
from ..showtimes import HAS_ARCHIVED, what_customers_know
from .csv_rows import Faults
from .imports import ImportRolledBack, add_error, chunks
from .slot_conflicts import ShowtimeId, Slot, find_conflicts


@dataclass(frozen=True, slots=True)
class Change:
    """A showtime as it is, and as a line of the file has it."""

    line: int
    old: Showtime
    wanted: ShowtimeInput

    @property
    def concerns_customers(self) -> bool:
        """Whether film, auditorium or time change, which is refused if the showtime is reserved."""
        return what_customers_know(self.old) != what_customers_know(self.wanted)

    @property
    def changes_slot(self) -> bool:
        """Whether auditorium or time change, which is refused if the showtime has archived reservations."""
        return what_customers_know(self.old)[1:] != what_customers_know(self.wanted)[1:]


async def replace(
    conn: Connection, changes: Sequence[Change], faults: Faults, *, cleaning_s: int, advance: Advance
) -> list[Change]:
    """Carry out the possible changes, and add faults for the others; the caller has locked all that is concerned."""
    allowed = await _allowed(conn, sorted(changes, key=lambda change: change.line), faults)
    old_slots, new_slots = await _set_aside(conn, allowed, cleaning_s)
    blocked = await _blocked(conn, [change for change in allowed if change.old.id in old_slots], cleaning_s)
    conflicts = find_conflicts(old_slots, new_slots, blocked)
    for ids in chunks(list(conflicts)):
        await bulk.put_back(conn, showtime_ids=ids)
    lines = {change.old.id: change.line for change in allowed}
    for showtime_id, conflict in conflicts.items():
        why = conflict.obstacle.format(other=conflict.other, line=lines.get(conflict.other))
        faults.add(lines[showtime_id], "", why)
    done = [change for change in allowed if change.old.id not in conflicts]
    advance(len(changes) - len(done))
    for chunk in chunks(done):
        await bulk.replace_showtimes(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        advance(len(chunk))
    return done


async def lock_changed(conn: Connection, done: Sequence[Change], faults: Faults) -> None:
    """Lock showtimes whose film, auditorium or time changes against reservations until the commit, which must follow.

    Raises ImportRolledBack, with a fault, if one of them was reserved since `replace` checked.
    """
    changed = sorted((change for change in done if change.concerns_customers), key=lambda change: change.old.id)
    for chunk in chunks(changed):
        await bulk.lock_changed(conn, showtime_ids=_ids(chunk))
    for chunk in chunks(changed):
        reserved = await _reserved(conn, chunk)
        for change in chunk:
            if change.old.id in reserved:
                faults.add(change.line, "", "The showtime was reserved while the import ran, and cannot change now.")
                raise ImportRolledBack


async def _allowed(conn: Connection, changes: Sequence[Change], faults: Faults) -> list[Change]:
    """The possible changes: of scheduled showtimes, to a movie and an auditorium that exist, and not forbidden by
    reservations; adds faults for the others."""
    allowed: list[Change] = []
    for chunk in chunks(changes):
        moved = _ids([change for change in chunk if change.changes_slot])
        errors: dict[ShowtimeId, DomainError] = {}
        if moved:
            archived = await showtimes.with_archived(conn, showtime_ids=moved)
            errors |= dict.fromkeys(archived, InUse(HAS_ARCHIVED))
        errors |= dict.fromkeys(await _reserved(conn, chunk), HasReservations())
        errors |= await lock_references(conn, {change.old.id: change.wanted for change in chunk})
        errors |= {change.old.id: ShowtimeCancelled() for change in chunk if change.old.status == "cancelled"}
        for change in chunk:
            if change.old.id in errors:
                add_error(faults, change.line, errors[change.old.id])
            else:
                allowed.append(change)
    return allowed


async def _reserved(conn: Connection, changes: Sequence[Change]) -> set[ShowtimeId]:
    """The showtimes whose reservations forbid the change; blocked seats, too, forbid another auditorium."""
    changed = [change for change in changes if change.concerns_customers]
    moved = [change for change in changed if change.wanted.auditorium_id != change.old.auditorium_id]
    reserved = await bulk.find_reserved(conn, showtime_ids=_ids(changed))
    return reserved | await bulk.find_reserved(conn, showtime_ids=_ids(moved), with_blocked=True)


async def _set_aside(
    conn: Connection, changes: Sequence[Change], cleaning_s: int
) -> tuple[dict[ShowtimeId, Slot], dict[ShowtimeId, Slot]]:
    """Free the slots of the showtimes that change theirs; their old and new slots, in the order of the changes."""
    cleaning = timedelta(seconds=cleaning_s)
    old_slots: dict[ShowtimeId, Slot] = {}
    new_slots: dict[ShowtimeId, Slot] = {}
    for chunk in chunks(changes):
        freed = await bulk.set_aside(conn, showtime_ids=_ids(chunk), wanted=_wanted(chunk), cleaning_s=cleaning_s)
        free_at = {each.id: each.free_at for each in freed}
        for old, new in ((change.old, change.wanted) for change in chunk if change.old.id in free_at):
            old_slots[old.id] = Slot(old.id, old.auditorium_id, old.starts_at, free_at[old.id])
            new_slots[old.id] = Slot(old.id, new.auditorium_id, new.starts_at, new.ends_at + cleaning)
    return old_slots, new_slots


async def _blocked(conn: Connection, changes: Sequence[Change], cleaning_s: int) -> dict[ShowtimeId, ShowtimeId]:
    """The showtimes whose new slots overlap one that was not set aside, with its id."""
    blocked: dict[ShowtimeId, ShowtimeId] = {}
    for chunk in chunks(changes):
        for overlap in await showtimes.find_overlaps(conn, wanted=_wanted(chunk), cleaning_s=cleaning_s):
            blocked[chunk[overlap.position - 1].old.id] = overlap.showtime_id
    return blocked


def _ids(changes: Sequence[Change]) -> list[int]:
    return [change.old.id for change in changes]


def _wanted(changes: Sequence[Change]) -> list[ShowtimeInput]:
    return [change.wanted for change in changes]
