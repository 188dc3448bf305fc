"""What pg_stat_statements has counted about the statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from ..statements import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


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
    """The files with the most time first; raises asyncpg's errors if the extension is missing or not loaded."""
    return [FileStatistics(**row) for row in await conn.fetch(sql("statistics/top"), row_limit)]
