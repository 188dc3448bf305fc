"""Import of films: one transaction a file, rolled back if a row has a fault, unless such rows are to be skipped.

Rows are validated by the schemas of the HTTP API, so a file cannot do more than requests can.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from marshmallow import Schema

from ...db.pool import Connection, Database
from ...db.repository import bulk
from ...db.repository.movies import MovieInput
from ...errors import DomainError, Invalid
from ...runtime.fields import Id, Input
from ...runtime.validation import load
from ..schemas import MovieBody
from .csv_rows import CsvRow, Faults

CHUNK = 1000  # rows a statement

Advance = Callable[[int], None]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were inserted, replaced, and equal already."""

    new: int
    replaced: int
    unchanged: int


class ImportRolledBack(Exception):
    """Rows have faults, so nothing was imported."""


@dataclass(frozen=True, slots=True)
class MovieRow:
    """A film in a file; without an id it is new."""

    line: int
    id: int | None
    movie: MovieInput


class RowId(Input):
    """The id of the film or showtime that a row replaces."""

    id = Id(required=True)


ROW_ID, MOVIE = RowId(), MovieBody()
NULLABLE = ("genre", "poster_url")


def check_movies(rows: Sequence[CsvRow], faults: Faults, advance: Advance) -> list[MovieRow]:
    """The films of the valid rows; adds the faults of the others."""
    found: list[MovieRow] = []
    ids = RowIds(faults)
    for row in rows:
        before = faults.count
        movie_id = ids.of(row)
        data: dict[str, Any] = {name: cell for name, cell in row.cells.items() if name != "id"}
        data["duration_minutes"] = as_number(data["duration_minutes"])
        data |= {name: None for name in NULLABLE if data.get(name) == ""}
        movie = load_row(MOVIE, data, row.line, faults)
        if faults.count == before:
            found.append(MovieRow(row.line, movie_id, movie))
        advance(1)
    return found


async def write_movies(
    database: Database, rows: Sequence[MovieRow], faults: Faults, *, skip_errors: bool, advance: Advance
) -> Imported:
    """Replace the films that have an id, and insert the others in the order of the file.

    Raises ImportRolledBack if there is any fault, found here or before, unless such rows are to be skipped.
    """
    async with database.transaction() as conn:
        replaced, unchanged = await _replace_movies(conn, [row for row in rows if row.id is not None], faults, advance)
        new = [row.movie for row in rows if row.id is None]
        for chunk in chunks(new):
            await bulk.insert_movies(conn, movies=chunk)
            advance(len(chunk))
        roll_back_if_faulty(faults, skip_errors=skip_errors)
    return Imported(len(new), replaced, unchanged)


async def _replace_movies(
    conn: Connection, rows: Sequence[MovieRow], faults: Faults, advance: Advance
) -> tuple[int, int]:
    """How many films were changed, and how many were equal already."""
    changed = unchanged = 0
    # In the order of ids, so that two imports at once cannot deadlock.
    for chunk in chunks(sorted(rows, key=lambda row: row.id or 0)):
        existing = await bulk.lock_movies(conn, movie_ids=[row.id for row in chunk if row.id is not None])
        known = {row.id: row.movie for row in chunk if row.id is not None and row.id in existing}
        for row in chunk:
            if row.id not in existing:
                faults.add(row.line, "id", "There is no such movie.")
        written = await bulk.replace_movies(conn, movie_ids=list(known), movies=list(known.values()))
        changed += written
        unchanged += len(known) - written
        advance(len(chunk))
    return changed, unchanged


class RowIds:
    """Reads the ids of rows, each of which may occur once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lines: dict[int, int] = {}

    def of(self, row: CsvRow) -> int | None:
        """The id of a row, None for a new one; adds its faults."""
        cell = row.cells.get("id", "")
        if cell == "":
            return None
        loaded = load_row(ROW_ID, {"id": as_number(cell)}, row.line, self._faults)
        if loaded is None:
            return None
        row_id: int = loaded["id"]
        line = self._lines.setdefault(row_id, row.line)
        if line != row.line:
            self._faults.add(row.line, "id", f"Line {line} has this id, too.")
        return row_id


def load_row(schema: Schema, data: Mapping[str, Any], line: int, faults: Faults) -> Any:
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


def as_number(cell: str) -> int | str:
    """A cell as an integer, or unchanged for the schema to refuse."""
    return int(cell) if re.fullmatch(r"-?[0-9]{1,19}", cell, re.ASCII) else cell


def roll_back_if_faulty(faults: Faults, *, skip_errors: bool) -> None:
    """Raise ImportRolledBack, to leave the transaction, if there is a fault that is not to be skipped."""
    if faults and not skip_errors:
        raise ImportRolledBack


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in their order, CHUNK at a time."""
    remaining = iter(items)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
