"""Export: rows in pages, all from one snapshot."""

import csv
from codecs import getwriter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import BinaryIO

from ...db.pool import Connection, Database
from ...db.repository import movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import Filters, Showtime, Span
from ...runtime.progress import Advance

PAGE = 1000  # rows in memory at a time


async def export_movies(database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance) -> None:
    """Write these columns of all movies, by id."""
    await _export(_movies(database), stream, columns, advance)


async def export_showtimes(
    database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance, *, start: datetime, end: datetime
) -> None:
    """Write these columns of the showtimes from `start` (included) to `end` (excluded), by their start."""
    await _export(_showtimes(database, start, end), stream, columns, advance)


async def _export(
    pages: AsyncGenerator[Sequence[Movie | Showtime], None], stream: BinaryIO, columns: Sequence[str], advance: Advance
) -> None:
    """Write a header and the rows; lines end with CR LF (RFC 4180), so cells with either of them are quoted."""
    # A StreamWriter has no buffer and never closes the stream, unlike a TextIOWrapper.
    writer = csv.writer(getwriter("utf-8")(stream), lineterminator="\r\n")
    writer.writerow(columns)
    # Write outside the connection's context, in which an error of the file would count as an error of the database.
    async with aclosing(pages):
        async for page in pages:
            writer.writerows([_cell(getattr(row, column)) for column in columns] for row in page)
            advance(len(page))


async def _movies(database: Database) -> AsyncGenerator[Sequence[Movie], None]:
    after = 0
    async with _snapshot(database) as conn:
        while page := await movies.list_movies(conn, after=after, row_limit=PAGE):
            yield page
            after = page[-1].id


async def _showtimes(database: Database, start: datetime, end: datetime) -> AsyncGenerator[Sequence[Showtime], None]:
    span = Span(after_start=start, before_start=end)
    async with _snapshot(database) as conn:
        while page := await showtimes.list_showtimes(conn, span=span, only=Filters(), row_limit=PAGE):
            yield page
            span = replace(span, after_start=page[-1].starts_at, after_id=page[-1].id)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[Connection]:
    """A connection with a read-only, repeatable-read snapshot; it blocks no writer."""
    async with database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)
