"""Tables into files: a page of rows at a time, all of them as they were at one moment."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import BinaryIO

from .csv_rows import row_writer
from .database import Connection, Database
from .repository import movies, showtimes
from .repository.movies import Movie
from .repository.showtimes import Showtime

PAGE = 1000  # rows in memory at a time

Advance = Callable[[int], None]


async def export_movies(database: Database, stream: BinaryIO, columns: Sequence[str], advance: Advance) -> None:
    """Write all films by id, with these columns."""
    after = 0
    async with _snapshot(database) as conn:
        with row_writer(stream, columns) as writer:
            while page := await movies.list_movies(conn, after=after, title_part=None, genre=None, row_limit=PAGE):
                writer.writerows([_movie_cell(movie, column) for column in columns] for movie in page)
                after = page[-1].id
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
    """Write the showtimes that begin at `start` or later and before `end`, in the order of their beginnings."""
    after = (start, 0)
    async with _snapshot(database) as conn:
        with row_writer(stream, columns) as writer:
            while page := await showtimes.list_showtimes(
                conn, after_start=after[0], after_id=after[1], before=end, movie_id=None, row_limit=PAGE
            ):
                writer.writerows([_showtime_cell(showtime, column) for column in columns] for showtime in page)
                after = (page[-1].starts_at, page[-1].id)
                advance(len(page))


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[Connection]:
    """A connection to which the database stands still; nobody waits for it."""
    async with database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


def _movie_cell(movie: Movie, column: str) -> str:
    value = getattr(movie, column)
    return "" if value is None else str(value)


def _showtime_cell(showtime: Showtime, column: str) -> str:
    value = getattr(showtime, column)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
