"""Export: rows in pages, all from one snapshot."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import BinaryIO

from ...db.pool import Connection, Database
from ...db.repository import movies, showtimes
from ...db.repository.movies import Movie
from ...db.repository.showtimes import Showtime
from .csv_rows import row_writer

PAGE = 1000  # rows in memory at a time

Advance = Callable[[int], None]


async def export_movies(database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance) -> None:
    """Write these columns of all films, by id."""
    writer = row_writer(stream, columns)
    # Write outside the connection's context, in which an error of the file would count as an error of the database.
    async with aclosing(_movies(database)) as pages:
        async for page in pages:
            writer.writerows([_movie_cell(movie, column) for column in columns] for movie in page)
            advance(len(page))


async def export_showtimes(
    database: Database,
    stream: BinaryIO,
    columns: Sequence[str],
    advance: Advance,
    *,
    start: datetime,
    end: datetime,
) -> None:
    """Write these columns of the showtimes from `start` (included) to `end` (excluded), by their start."""
    writer = row_writer(stream, columns)
    async with aclosing(_showtimes(database, start, end)) as pages:
        async for page in pages:
            writer.writerows([_showtime_cell(showtime, column) for column in columns] for showtime in page)
            advance(len(page))


async def _movies(database: Database) -> AsyncGenerator[Sequence[Movie], None]:
    after = 0
    async with _snapshot(database) as conn:
        while page := await movies.list_movies(conn, after=after, title_part=None, genre=None, row_limit=PAGE):
            yield page
            after = page[-1].id


async def _showtimes(database: Database, start: datetime, end: datetime) -> AsyncGenerator[Sequence[Showtime], None]:
    after = (start, 0)
    async with _snapshot(database) as conn:
        while page := await showtimes.list_showtimes(
            conn, after_start=after[0], after_id=after[1], before=end, movie_id=None, row_limit=PAGE
        ):
            yield page
            after = (page[-1].starts_at, page[-1].id)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[Connection]:
    """A connection with a read-only, repeatable-read snapshot; it blocks no writer."""
    async with database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


def _movie_cell(movie: Movie, column: str) -> str:
    value = getattr(movie, column)
    return "" if value is None else str(value)


def _showtime_cell(showtime: Showtime, column: str) -> str:
    value = getattr(showtime, column)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
