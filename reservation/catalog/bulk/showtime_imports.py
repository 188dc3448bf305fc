"""Import of showtimes: movies and auditoriums by id or name; replacements first, then new showtimes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from ...db.pool import Connection, Database
from ...db.repository import auditoriums, bulk
from ...db.repository.bulk import NamedFilm, NamedRoom
from ...db.repository.showtimes import Showtime, ShowtimeInput
from ...errors import DomainError, Overloaded
from ...runtime.fields import MAX_ID
from ...runtime.progress import Advance
from ..room_changes import RoomsChanged
from ..schemas import ShowtimeBody
from ..showtime_batches import insert_batch
from ..showtimes import LOCK_TRIES
from .cells import as_number, as_price, as_switch, optional
from .csv_rows import CsvRow, Faults, FileError
from .imports import Imported, ImportRolledBack, ImportRow, add_error, check_rows, chunks
from .showtime_changes import Change, lock_changed, replace

ShowtimeRow: TypeAlias = ImportRow[ShowtimeInput]

SHOWTIME = ShowtimeBody()
NULLABLE = ("format", "audio_language", "subtitle_language", "on_sale_at", "sales_end_at")
# Showtimes that change their film, auditorium or time: they are locked against customers for up to two seconds.
MAX_CHANGED = 10_000


class Directory:
    """The movies, or the auditoriums, that a file refers to by id or name; `what` is for messages."""

    def __init__(self, what: str, name_column: str, found: Sequence[NamedFilm] | Sequence[NamedRoom]) -> None:
        self._what, self._id_column, self._name_column = what, f"{what}_id", name_column
        self._or_cinema = ", or name the cinema" if what == "auditorium" else ""
        self._names = {each.id: each.name for each in found}
        # Of an auditorium; of a movie None.
        self._rooms = {each.id: each for each in found if isinstance(each, NamedRoom)}
        self._with_waiting_room = {each.id for each in found if isinstance(each, NamedFilm) and each.waiting_room}
        self._ids: defaultdict[str, list[int]] = defaultdict(list)
        for each in found:
            self._ids[each.name].append(each.id)

    def find(self, row: CsvRow, faults: Faults) -> int | str:
        """The id that a row refers to, or a cell that the schema refuses; adds faults."""
        cell, name = row.cells.get(self._id_column, "").strip(), row.cells.get(self._name_column, "")
        if cell == "":
            return self._by_name(name, row, faults)
        number = as_number(cell)
        if isinstance(number, int) and 0 < number <= MAX_ID:
            known = self._names.get(number)
            if known is None:
                faults.add(row.line, self._id_column, f"There is no such {self._what}.")
            elif name not in ("", known):
                faults.add(row.line, self._name_column, f"The {self._what} with the id {number} is {known!r}.")
            elif not self._is_in_cinema(number, row):
                faults.add(row.line, self._id_column, f"The {self._what} with the id {number} is in another cinema.")
        return number

    def has_waiting_room(self, found: int | str) -> bool:
        """Whether showtimes of a movie that `find` found have a waiting room if they do not say it themselves."""
        return found in self._with_waiting_room

    def _is_in_cinema(self, found: int, row: CsvRow) -> bool:
        """Whether it is in the cinema that the row names by id or name, if the row names one."""
        room = self._rooms.get(found)
        cell, name = row.cells.get("cinema_id", "").strip(), row.cells.get("cinema_name", "")
        return room is None or (as_number(cell) in ("", room.cinema_id) and name in ("", room.cinema_name))

    def _by_name(self, name: str, row: CsvRow, faults: Faults) -> int:
        line = row.line
        found = [each for each in self._ids.get(name, []) if self._is_in_cinema(each, row)]
        if len(found) == 1:
            return found[0]
        if name == "":
            faults.add(line, self._id_column, f"Say which {self._what}, here or in {self._name_column}.")
        elif found:
            faults.add(
                line,
                self._name_column,
                f"There are {len(found)} of this name: say which in {self._id_column}{self._or_cinema}.",
            )
        else:
            where = " in this cinema" if name in self._ids else ""
            faults.add(line, self._name_column, f"There is no such {self._what}{where}.")
        return 1  # a valid id, so that the schema checks the other columns as well


async def directories(database: Database, rows: Sequence[CsvRow]) -> tuple[Directory, Directory]:
    """The movies and the auditoriums that the rows refer to."""
    movie_ids, titles = _named(rows, "movie_id", "movie_title")
    room_ids, names = _named(rows, "auditorium_id", "auditorium_name")
    async with database.connection() as conn:
        return (
            Directory("movie", "movie_title", await bulk.find_films(conn, movie_ids=movie_ids, titles=titles)),
            Directory(
                "auditorium", "auditorium_name", await bulk.find_rooms(conn, auditorium_ids=room_ids, names=names)
            ),
        )


def check_showtimes(
    rows: Sequence[CsvRow], movies: Directory, rooms: Directory, faults: Faults, advance: Advance
) -> list[ShowtimeRow]:
    """The showtimes of the valid rows; adds the faults of the others."""

    def cells(row: CsvRow) -> dict[str, Any]:
        data: dict[str, Any] = {name: row.cells[name].strip() for name in ("starts_at", "ends_at")}
        data["base_price"] = as_price(row.cells["base_price"])
        data |= {"movie_id": movies.find(row, faults), "auditorium_id": rooms.find(row, faults)}
        waiting_room = row.cells.get("waiting_room", "").strip()
        # Not left to the statements: a row is compared with the showtime that it replaces.
        data["waiting_room"] = as_switch(waiting_room) if waiting_room else movies.has_waiting_room(data["movie_id"])
        return data | optional(row, *NULLABLE)

    return check_rows(rows, SHOWTIME, cells, faults, advance)


async def write_showtimes(
    database: Database,
    rows: Sequence[ShowtimeRow],
    faults: Faults,
    *,
    cleaning_s: int,
    skip_errors: bool,
    advance: Advance,
) -> tuple[Imported, Sequence[int]]:
    """Replace the showtimes that have an id, then insert the others; also the ids of those whose seat maps changed.

    Raises ImportRolledBack if there is any fault, found here or before, unless such rows are to be skipped, and in any
    case if a showtime is reserved meanwhile that changes its film, room or time; FileError if too many do.
    """
    for _ in range(LOCK_TRIES):
        try:
            async with database.change() as conn:
                existing = await _lock(conn, rows)
                changes = _changes(rows, existing, faults)
                advance(len([row for row in rows if row.id is not None]) - len(changes))
                done = await replace(conn, changes, faults, cleaning_s=cleaning_s, advance=advance)
                new = [row for row in rows if row.id is None]
                made = await _insert(conn, new, faults, cleaning_s, advance)
                if faults and not skip_errors:
                    raise ImportRolledBack
                await lock_changed(conn, done, faults)
        except RoomsChanged:
            continue
        return Imported(made, len(done), len(existing) - len(changes)), [change.old.id for change in done]
    raise Overloaded


async def _lock(conn: Connection, rows: Sequence[ShowtimeRow]) -> dict[int, Showtime]:
    """Lock the auditoriums that the rows refer to or leave, then the showtimes to replace; those that exist, by id.

    All auditoriums are locked first, as every other writer does, so that there is no deadlock. Raises RoomsChanged if a
    showtime moved to yet another room before it was locked.
    """
    ids = sorted(row.id for row in rows if row.id is not None)
    rooms = {row.item.auditorium_id for row in rows}
    for chunk in chunks(ids):
        rooms |= await bulk.find_showtime_rooms(conn, showtime_ids=chunk)
    await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted(rooms))
    existing: dict[int, Showtime] = {}
    for chunk in chunks(ids):
        existing |= {showtime.id: showtime for showtime in await bulk.lock_showtimes(conn, showtime_ids=chunk)}
    if not rooms.issuperset(showtime.auditorium_id for showtime in existing.values()):
        raise RoomsChanged
    return existing


def _changes(rows: Sequence[ShowtimeRow], existing: Mapping[int, Showtime], faults: Faults) -> list[Change]:
    """The rows that differ from the existing showtimes; adds faults for rows without one."""
    found: list[Change] = []
    for row in rows:
        if row.id is None:
            continue
        old = existing.get(row.id)
        if old is None:
            faults.add(row.line, "id", "There is no such showtime.")
        elif row.item != _as_input(old):
            found.append(Change(row.line, old, row.item))
    if sum(change.concerns_customers for change in found) > MAX_CHANGED:
        raise FileError(
            f"more than {MAX_CHANGED:,} showtimes would change their film, auditorium or time: too many for one file"
        )
    return found


def _as_input(showtime: Showtime) -> ShowtimeInput:
    return ShowtimeInput(**{column.name: getattr(showtime, column.name) for column in fields(ShowtimeInput)})


async def _insert(
    conn: Connection, rows: Sequence[ShowtimeRow], faults: Faults, cleaning_s: int, advance: Advance
) -> int:
    """Insert new showtimes; how many could be inserted."""
    line_of: dict[int, int] = {}
    for chunk in chunks(rows):
        ids, failed = await insert_batch(conn, wanted={row.line: row.item for row in chunk}, cleaning_s=cleaning_s)
        line_of |= {showtime_id: line for line, showtime_id in ids.items()}
        for line, error in failed.items():
            _add_failure(faults, line, error, line_of)
        advance(len(chunk))
    return len(line_of)


def _add_failure(faults: Faults, line: int, error: DomainError, line_of: Mapping[int, int]) -> None:
    """Name another showtime of this file by its line: if the import is rolled back, it never had an id."""
    other = error.details.get("conflicting_showtime_id")
    if isinstance(other, int) and other in line_of:
        faults.add(line, "", f"The showtime of line {line_of[other]} has the auditorium at that time.")
    else:
        add_error(faults, line, error)


def _named(rows: Sequence[CsvRow], id_column: str, name_column: str) -> tuple[list[int], list[str]]:
    numbers = {as_number(row.cells.get(id_column, "")) for row in rows}
    names = {row.cells.get(name_column, "") for row in rows if not row.cells.get(id_column, "").strip()}
    return [number for number in numbers if isinstance(number, int) and 0 < number <= MAX_ID], sorted(names - {""})
