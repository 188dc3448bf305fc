"""Import of movies: one transaction a file, rolled back if a row has a fault, unless such rows are to be skipped.

Rows are validated by the schemas of the HTTP API, so a file cannot do more than requests can.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from marshmallow import Schema

from ...db.pool import Connection, Database
from ...db.repository import bulk
from ...db.repository.movies import MovieInput
from ...errors import DomainError, Invalid
from ...runtime.fields import Id, Input
from ...runtime.progress import Advance
from ...runtime.validation import load
from ..schemas import MovieBody
from .cells import as_list, as_number, as_switch, optional
from .csv_rows import CsvRow, Faults

CHUNK = 1000  # rows a statement

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were inserted, replaced, and equal already."""

    new: int
    replaced: int
    unchanged: int


class ImportRolledBack(Exception):
    """Rows have faults, so nothing was imported."""


class ImportRow(NamedTuple, Generic[Item]):
    """A movie or showtime in a file; without an id it is new."""

    line: int
    id: int | None
    item: Item


ROW_ID, MOVIE = Input.from_dict({"id": Id(required=True)})(), MovieBody()
NULLABLE = ("poster_url", "age_rating", "release_date", "original_language", "director")


def check_movies(rows: Sequence[CsvRow], faults: Faults, advance: Advance) -> list[ImportRow[MovieInput]]:
    """The movies of the valid rows; adds the faults of the others."""

    def cells(row: CsvRow) -> dict[str, Any]:
        data: dict[str, Any] = {name: row.cells[name] for name in ("title", "description") if name in row.cells}
        data["duration_minutes"] = as_number(row.cells["duration_minutes"])
        if row.cells.get("genre"):
            data["genre"] = row.cells["genre"]
        if row.cells.get("genres"):
            data["genres"] = as_list(row.cells["genres"])
        if waiting_room := row.cells.get("waiting_room", "").strip():
            data["waiting_room"] = as_switch(waiting_room)
        return data | optional(row, *NULLABLE)

    return check_rows(rows, MOVIE, cells, faults, advance)


def check_rows(
    rows: Sequence[CsvRow], schema: Schema, cells: Callable[[CsvRow], dict[str, Any]], faults: Faults, advance: Advance
) -> list[ImportRow[Any]]:
    """The rows whose `cells` the schema accepts, and whose id is in no row before; adds the faults of the others."""
    found: list[ImportRow[Any]] = []
    lines: dict[int, int] = {}
    for row in rows:
        before = faults.count
        row_id = _id_of(row, lines, faults)
        item = _load(schema, cells(row), row.line, faults)
        if faults.count == before:
            found.append(ImportRow(row.line, row_id, item))
        advance(1)
    return found


async def write_movies(
    database: Database, rows: Sequence[ImportRow[MovieInput]], faults: Faults, *, skip_errors: bool, advance: Advance
) -> Imported:
    """Replace the movies that have an id, and insert the others in the order of the file.

    Raises ImportRolledBack if there is any fault, found here or before, unless such rows are to be skipped.
    """
    async with database.change() as conn:
        replaced, unchanged = await _replace_movies(conn, [row for row in rows if row.id is not None], faults, advance)
        new = [row.item for row in rows if row.id is None]
        for chunk in chunks(new):
            await bulk.insert_movies(conn, movies=chunk)
            advance(len(chunk))
        if faults and not skip_errors:
            raise ImportRolledBack
    return Imported(len(new), replaced, unchanged)


async def _replace_movies(
    conn: Connection, rows: Sequence[ImportRow[MovieInput]], faults: Faults, advance: Advance
) -> tuple[int, int]:
    """How many movies were changed, and how many were equal already."""
    changed = unchanged = 0
    # In the order of ids, so that two imports at once cannot deadlock.
    for chunk in chunks(sorted(rows, key=lambda row: row.id or 0)):
        existing = await bulk.lock_movies(conn, movie_ids=[row.id for row in chunk if row.id is not None])
        known = {row.id: row.item for row in chunk if row.id is not None and row.id in existing}
        for row in chunk:
            if row.id not in existing:
                faults.add(row.line, "id", "There is no such movie.")
        written = await bulk.replace_movies(conn, movie_ids=list(known), movies=list(known.values()))
        changed += written
        unchanged += len(known) - written
        advance(len(chunk))
    return changed, unchanged


def _id_of(row: CsvRow, lines: dict[int, int], faults: Faults) -> int | None:
    """The id of a row, None for a new one; adds its faults. `lines` has the line of each id so far."""
    cell = row.cells.get("id", "")
    loaded = None if not cell.strip() else _load(ROW_ID, {"id": as_number(cell)}, row.line, faults)
    if loaded is None:
        return None
    row_id: int = loaded["id"]
    line = lines.setdefault(row_id, row.line)
    if line != row.line:
        faults.add(row.line, "id", f"Line {line} has this id, too.")
    return row_id


def _load(schema: Schema, data: Mapping[str, Any], line: int, faults: Faults) -> Any:
    """The validated cells; None if they are invalid, with faults by column."""
    try:
        return load(schema, data)
    except Invalid as error:
        add_error(faults, line, error)
        return None


def add_error(faults: Faults, line: int, error: DomainError) -> None:
    """Add a domain error as faults of a line, with the details that a client would get."""
    found = error.details.get("errors")
    if not isinstance(found, list):
        faults.add(line, "", str(error))
        return
    for each in found:
        if isinstance(each, dict):
            faults.add(line, str(each["pointer"]).lstrip("/"), str(each["detail"]))


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in their order, CHUNK at a time."""
    remaining = iter(items)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
