"""What pg_stat_statements has counted about the statements."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from ...errors import OperatorError
from ..pool import Connection
from .rows import every

HOW_TO_ENABLE_STATISTICS = (
    "PostgreSQL keeps no statistics of statements: a superuser has to set shared_preload_libraries = "
    "'pg_stat_statements', restart PostgreSQL, and run `create extension pg_stat_statements` in this database"
)


class NoStatistics(OperatorError):
    """PostgreSQL keeps no statistics of statements here; the message says how to enable them."""


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """The cost of the statements of one file; `name` is None for all others. `share` is of the time of all.

    Buffers are pages found in shared memory or read into it.
    """

    name: str | None
    calls: int
    total_ms: float
    mean_ms: float
    share: float
    rows_per_call: float
    buffers_per_call: float
    wal_bytes_per_call: float


async def top(conn: Connection, *, row_limit: int) -> Sequence[FileStatistics]:
    """The files with the most time first; raises NoStatistics if the extension is missing or not loaded."""
    try:
        return await every(conn, FileStatistics, "statistics/top", row_limit)
    except (asyncpg.UndefinedTableError, asyncpg.ObjectNotInPrerequisiteStateError) as error:
        raise NoStatistics(HOW_TO_ENABLE_STATISTICS) from error
