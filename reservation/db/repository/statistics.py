"""What PostgreSQL has counted about the statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from ..statements import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """What the statements of one file have cost, or those of none, where `name` is None; `share` is of all their time.

    Buffers are pages of shared memory, whether they were found there or had to be read.
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
    """The files that took most time, first; asyncpg's errors tell that the extension is not there, or not loaded."""
    return [FileStatistics(**row) for row in await conn.fetch(sql("statistics/top"), row_limit)]
