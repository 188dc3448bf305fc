"""Files into tables: one transaction a file, undone when a row is at fault, unless such rows are to be skipped.

Rows are validated by the schemas of the HTTP API, so a file can say nothing that a request could not.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from marshmallow import Schema

from ...db.pool import Connection, Database
from ...db.repository import bulk as files
from ...db.repository.movies import MovieInput
from ...errors import DomainError, Invalid
from ...runtime.fields import Id, Input
from ...runtime.validation import load
from ..schemas import MovieBody
from .csv_rows import Faults, Row

CHUNK = 1000  # rows of a statement

Advance = Callable[[int], None]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows made something new, changed something, and found it as it should be."""

    new: int
    replaced: int
    unchanged: int


class Undone(Exception):
    """Rows are at fault, so nothing was imported; leaves the transaction, which rolls back."""


@dataclass(frozen=True, slots=True)
class MovieRow:
    """A film of a file; without an id a new one."""

    line: int
    id: int | None
    movie: MovieInput


class Key(Input):
    """The id of what a row replaces."""

    id = Id(required=True)


KEY, MOVIE = Key(), MovieBody()
MAY_BE_NULL = ("genre", "poster_url")


def check_movies(rows: Sequence[Row], faults: Faults, advance: Advance) -> list[MovieRow]:
    """The films that the rows say; notes the faults of the others."""
    found: list[MovieRow] = []
    ids = Ids(faults)
    for row in rows:
        before = faults.count
        movie_id = ids.of(row)
        data: dict[str, Any] = {name: cell for name, cell in row.cells.items() if name != "id"}
        data["duration_minutes"] = as_number(data["duration_minutes"])
        data |= {name: None for name in MAY_BE_NULL if data.get(name) == ""}
        movie = loaded(MOVIE, data, row.line, faults)
        if faults.count == before:
            found.append(MovieRow(row.line, movie_id, movie))
        advance(1)
    return found


async def write_movies(
    database: Database, rows: Sequence[MovieRow], faults: Faults, *, skip_errors: bool, advance: Advance
) -> Imported:
    """Replace the films that have an id, and add the others in the order of the file.

    Raises Undone when there is any fault, here or before, unless rows at fault are to be skipped.
    """
    async with database.transaction() as conn:
        replaced, unchanged = await _replace_movies(conn, [row for row in rows if row.id is not None], faults, advance)
        new = [row.movie for row in rows if row.id is None]
        for chunk in chunks(new):
            await files.insert_movies(conn, movies=chunk)
            advance(len(chunk))
        undo_if_at_fault(faults, skip_errors=skip_errors)
    return Imported(len(new), replaced, unchanged)


async def _replace_movies(
    conn: Connection, rows: Sequence[MovieRow], faults: Faults, advance: Advance
) -> tuple[int, int]:
    """How many films were changed, and how many were as they should be."""
    changed = unchanged = 0
    # By id, in every import alike: two at once then wait for each other in one direction only.
    for chunk in chunks(sorted(rows, key=lambda row: row.id or 0)):
        there = await files.lock_movies(conn, movie_ids=[row.id for row in chunk if row.id is not None])
        known = {row.id: row.movie for row in chunk if row.id is not None and row.id in there}
        for row in chunk:
            if row.id not in there:
                faults.add(row.line, "id", "There is no such movie.")
        written = await files.replace_movies(conn, movie_ids=list(known), movies=list(known.values()))
        changed += written
        unchanged += len(known) - written
        advance(len(chunk))
    return changed, unchanged


class Ids:
    """The ids of rows, each of which may be there once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lines: dict[int, int] = {}

    def of(self, row: Row) -> int | None:
        """The id of a row, None for a new one; notes what is wrong with it."""
        cell = row.cells.get("id", "")
        if cell == "":
            return None
        key = loaded(KEY, {"id": as_number(cell)}, row.line, self._faults)
        if key is None:
            return None
        row_id: int = key["id"]
        line = self._lines.setdefault(row_id, row.line)
        if line != row.line:
            self._faults.add(row.line, "id", f"Line {line} has this id, too.")
        return row_id


def loaded(schema: Schema, data: Mapping[str, Any], line: int, faults: Faults) -> Any:
    """What the schema makes of the cells; None, and faults by column, if it refuses them."""
    try:
        return load(schema, data)
    except Invalid as error:
        note(faults, line, error)
        return None


def note(faults: Faults, line: int, error: DomainError) -> None:
    """Tell of a row what a client would be told of a request."""
    found = error.details.get("errors")
    if not isinstance(found, list):
        faults.add(line, "", str(error))
        return
    for each in found:
        if isinstance(each, dict):
            faults.add(line, str(each["pointer"]).lstrip("/"), str(each["detail"]))


def as_number(cell: str) -> int | str:
    """A cell as JSON would have it; what is no whole number is left for the schema to refuse."""
    return int(cell) if re.fullmatch(r"-?[0-9]{1,19}", cell, re.ASCII) else cell


def undo_if_at_fault(faults: Faults, *, skip_errors: bool) -> None:
    """Leave the transaction when there is a fault that is not to be skipped."""
    if faults and not skip_errors:
        raise Undone


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in their order, as many at a time as one statement takes."""
    remaining = iter(items)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
