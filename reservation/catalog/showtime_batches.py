"""Insert one showtime, or many at once: each succeeds or fails by itself, or all or nothing.

The exclusion constraint decides, in one statement that inserts the batch and leaves out what the constraint refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..db.pool import Connection
from ..db.repository import auditoriums, movies, showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..errors import BatchRefused, DomainError, Invalid, Json, ShowtimeOverlap
from .context import CatalogContext

Position = int  # of a showtime in the batch, from 0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The created showtimes and the errors of the others, by position."""

    created: Mapping[Position, Showtime]
    failed: Mapping[Position, DomainError]


async def add_showtimes(
    context: CatalogContext,
    *,
    wanted: Mapping[Position, ShowtimeInput],
    failed: Mapping[Position, DomainError],
    all_or_nothing: bool,
) -> Outcomes:
    """Create showtimes in one transaction; `failed` are the invalid ones, which are not tried.

    A showtime that overlaps one before it fails, unless that one failed itself. With `all_or_nothing`, raises
    BatchRefused with all errors if there are any.
    """
    async with context.database.change() as conn:
        ids, refused = await insert_batch(conn, wanted=wanted, cleaning_s=context.cleaning_s)
        failed = {**failed, **refused}
        if failed and all_or_nothing:
            raise BatchRefused({position: _without_new_id(error) for position, error in sorted(failed.items())})
        rows = await showtimes.find_showtimes(conn, showtime_ids=list(ids.values()))
    found = {row.id: row for row in rows}
    return Outcomes({position: found[showtime_id] for position, showtime_id in ids.items()}, failed)


async def insert_batch(
    conn: Connection, *, wanted: Mapping[Position, ShowtimeInput], cleaning_s: int
) -> tuple[dict[Position, int], dict[Position, DomainError]]:
    """Insert what can be inserted, in the order of the mapping, in the caller's transaction.

    The ids of the inserted showtimes and the errors of the others, by position.
    """
    failed: dict[Position, DomainError] = {**await lock_references(conn, wanted)}
    tried = {position: showtime for position, showtime in wanted.items() if position not in failed}
    if not tried:
        return {}, failed
    rows = await showtimes.insert_showtimes(conn, wanted=list(tried.values()), cleaning_s=cleaning_s)
    id_of = {(row.auditorium_id, row.starts_at, row.ends_at): row.id for row in rows}
    ids: dict[Position, int] = {}
    for position, showtime in tried.items():  # of two equal ones, the first is the inserted one
        showtime_id = id_of.pop((showtime.auditorium_id, showtime.starts_at, showtime.ends_at), None)
        if showtime_id is not None:
            ids[position] = showtime_id
    refused = {position: showtime for position, showtime in tried.items() if position not in ids}
    return ids, failed | await _overlaps(conn, refused, ids, cleaning_s)


async def lock_references(conn: Connection, wanted: Mapping[int, ShowtimeInput]) -> dict[int, Invalid]:
    """Lock the auditoriums and the movies of showtimes; the errors of showtimes that lack one, the auditorium first."""
    rooms = {showtime.auditorium_id for showtime in wanted.values()}
    films = {showtime.movie_id for showtime in wanted.values()}
    rooms = await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted(rooms))
    films = await movies.lock_movies(conn, movie_ids=sorted(films))
    errors: dict[int, Invalid] = {}
    for key, showtime in wanted.items():
        if showtime.auditorium_id not in rooms:
            errors[key] = Invalid("/auditorium_id", "There is no such auditorium.")
        elif showtime.movie_id not in films:
            errors[key] = Invalid("/movie_id", "There is no such movie.")
    return errors


async def _overlaps(
    conn: Connection, refused: Mapping[Position, ShowtimeInput], ids: Mapping[Position, int], cleaning_s: int
) -> dict[Position, DomainError]:
    """The errors of overlapping showtimes; each names the other one, unless that was deleted meanwhile."""
    if not refused:
        return {}
    positions: Sequence[Position] = list(refused)
    found = await showtimes.find_overlaps(conn, wanted=list(refused.values()), cleaning_s=cleaning_s)
    others = {positions[overlap.position - 1]: overlap.showtime_id for overlap in found}
    position_of = {showtime_id: position for position, showtime_id in ids.items()}
    return {position: _overlap(others.get(position), position_of) for position in positions}


def _overlap(other: int | None, position_of: Mapping[int, Position]) -> ShowtimeOverlap:
    if other is None:
        return ShowtimeOverlap()
    if other not in position_of:
        return overlap_with(other)
    details: dict[str, Json] = {"conflicting_showtime_id": other, "conflicting_index": position_of[other]}
    return ShowtimeOverlap("A showtime before it in the batch has the auditorium at that time.", details=details)


def overlap_with(other: int) -> ShowtimeOverlap:
    """The error that names the other showtime."""
    return ShowtimeOverlap(
        f"Showtime {other} has the auditorium at that time.", details={"conflicting_showtime_id": other}
    )


def _without_new_id(error: DomainError) -> DomainError:
    """The error without the id of a showtime of this batch, which is rolled back."""
    if "conflicting_index" in error.details:
        error.details.pop("conflicting_showtime_id", None)
    return error
