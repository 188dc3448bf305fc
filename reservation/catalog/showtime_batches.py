"""Many showtimes at once: each has an outcome of its own, or all of them have one.

The exclusion constraint judges here, too. It judges a whole batch in one statement, which leaves out what it refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..db.pool import Connection
from ..db.repository import auditoriums, movies, showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..errors import BatchRefused, DomainError, Invalid, Json, ShowtimeOverlap
from .context import CatalogContext
from .showtimes import overlap_with

Position = int  # of a showtime in the batch, from 0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each showtime, by its position."""

    created: Mapping[Position, Showtime]
    failed: Mapping[Position, DomainError]


@dataclass(frozen=True, slots=True)
class Placed:
    """The ids of the showtimes that were put on, and why the others were not."""

    ids: Mapping[Position, int]
    failed: Mapping[Position, DomainError]


async def add_showtimes(
    context: CatalogContext,
    *,
    wanted: Mapping[Position, ShowtimeInput],
    failed: Mapping[Position, DomainError],
    all_or_nothing: bool,
) -> Outcomes:
    """Put films on in one transaction; `failed` are those that cannot even be tried.

    A showtime that overlaps one before it fails, unless that one failed itself. Raises BatchRefused, which has the
    reason of each, for all or nothing when one of them fails.
    """
    async with context.database.transaction() as conn:
        placed = await place(conn, wanted=wanted, cleaning_s=context.cleaning_s)
        failed = {**failed, **placed.failed}
        if failed and all_or_nothing:
            raise BatchRefused({position: _of_nothing(error) for position, error in sorted(failed.items())})
        rows = await showtimes.find_showtimes(conn, showtime_ids=list(placed.ids.values()))
    found = {row.id: row for row in rows}
    return Outcomes({position: found[showtime_id] for position, showtime_id in placed.ids.items()}, failed)


async def place(conn: Connection, *, wanted: Mapping[Position, ShowtimeInput], cleaning_s: int) -> Placed:
    """Insert what can be inserted, in the order of the mapping, within a transaction of the caller's."""
    rooms = sorted({showtime.auditorium_id for showtime in wanted.values()})
    films = sorted({showtime.movie_id for showtime in wanted.values()})
    known_rooms = await auditoriums.lock_auditoriums(conn, auditorium_ids=rooms)
    known_films = await movies.lock_movies(conn, movie_ids=films)
    failed: dict[Position, DomainError] = {
        position: Invalid(*missing)
        for position, showtime in wanted.items()
        if (missing := _missing(showtime, known_rooms, known_films)) is not None
    }
    tried = {position: showtime for position, showtime in wanted.items() if position not in failed}
    if not tried:
        return Placed({}, failed)
    inserted = await showtimes.insert_showtimes(conn, wanted=list(tried.values()), cleaning_s=cleaning_s)
    made = {(row.auditorium_id, row.starts_at, row.ends_at): row.id for row in inserted}
    ids: dict[Position, int] = {}
    for position, showtime in tried.items():  # of two that are alike, the first is the one that was inserted
        showtime_id = made.pop((showtime.auditorium_id, showtime.starts_at, showtime.ends_at), None)
        if showtime_id is not None:
            ids[position] = showtime_id
    refused = {position: showtime for position, showtime in tried.items() if position not in ids}
    return Placed(ids, failed | await _overlaps(conn, refused, ids, cleaning_s))


def _missing(showtime: ShowtimeInput, known_rooms: set[int], known_films: set[int]) -> tuple[str, str] | None:
    """The room comes first, as it does for a showtime alone."""
    if showtime.auditorium_id not in known_rooms:
        return "/auditorium_id", "There is no such auditorium."
    if showtime.movie_id not in known_films:
        return "/movie_id", "There is no such movie."
    return None


async def _overlaps(
    conn: Connection, refused: Mapping[Position, ShowtimeInput], ids: Mapping[Position, int], cleaning_s: int
) -> dict[Position, DomainError]:
    """Refusals that name the other, unless that one is gone by now."""
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


def _of_nothing(error: DomainError) -> DomainError:
    """The error without the id of a showtime of the batch: it will never have been."""
    if "conflicting_index" in error.details:
        error.details.pop("conflicting_showtime_id", None)
    return error
