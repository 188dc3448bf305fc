"""Export: rows in pages, all from one snapshot."""

import csv
from codecs import getwriter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeAlias

from ...db.pool import Connection, Database
from ...db.repository import cinemas, movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import Filters, Showtime, Span
from ...runtime.progress import Advance
from .cells import list_cell

Row: TypeAlias = dict[str, Any]  # values by column

PAGE = 1000  # rows in memory at a time
SCHEDULED = Filters(statuses=["scheduled"])


async def export_movies(database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance) -> None:
    """Write these columns of all movies, by id."""
    await _export(_movies(database), stream, columns, advance)


async def export_showtimes(
    database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance, *, start: datetime, end: datetime
) -> None:
    """Write these columns of the scheduled showtimes from `start` (included) to `end` (excluded), by their start."""
    await _export(_showtimes(database, start, end), stream, columns, advance)


async def _export(
    pages: AsyncGenerator[Sequence[Row], None], stream: BinaryIO, columns: Sequence[str], advance: Advance
) -> None:
    """Write a header and the rows; lines end with CR LF (RFC 4180), so cells with either of them are quoted."""
    # A StreamWriter has no buffer and never closes the stream, unlike a TextIOWrapper.
    writer = csv.writer(getwriter("utf-8")(stream), lineterminator="\r\n")
    writer.writerow(columns)
    # Write outside the connection's context, in which an error of the file would count as an error of the database.
    async with aclosing(pages):
        async for page in pages:
            writer.writerows([_cell(row[column]) for column in columns] for row in page)
            advance(len(page))


async def _movies(database: Database) -> AsyncGenerator[Sequence[Row], None]:
    after = 0
    async with _snapshot(database) as conn:
        while page := await movies.list_movies(conn, after=after, row_limit=PAGE):
            yield [_row(movie) for movie in page]
            after = page[-1].id


async def _showtimes(database: Database, start: datetime, end: datetime) -> AsyncGenerator[Sequence[Row], None]:
    span = Span(after_start=start, before_start=end)
    async with _snapshot(database) as conn:
        names = await _cinema_names(conn)
        while page := await showtimes.list_showtimes(conn, span=span, only=SCHEDULED, row_limit=PAGE):
            yield [_row(showtime) | {"cinema_name": names[showtime.cinema_id]} for showtime in page]
            span = replace(span, after_start=page[-1].starts_at, after_id=page[-1].id)


async def _cinema_names(conn: Connection) -> dict[int, str]:
    """The names of all cinemas, which are few."""
    names: dict[int, str] = {}
    while page := await cinemas.list_cinemas(conn, after=max(names, default=0), row_limit=PAGE):
        names |= {cinema.id: cinema.name for cinema in page}
    return names


def _row(item: Movie | Showtime) -> Row:
    return {column.name: getattr(item, column.name) for column in fields(item)}


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[Connection]:
    """A connection with a read-only, repeatable-read snapshot; it blocks no writer."""
    async with database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return list_cell(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
