"""Bounds on the buffers that a call of a statement may touch, and the count of those that it does touch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..db.pool import Connection
from ..db.repository import statistics
from . import statement_headers as statements
from .explain import CannotExplain
from .statement_headers import Statement

SAMPLED = re.compile(r"\blimit 16\b")  # the size of the samples of batch statements
ALL_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Bound:
    """The most buffers that one call of a statement may touch when it works on `size` items."""

    name: str
    size: int
    buffers: int


def bounds(path: Path) -> list[Bound]:
    """Read the bounds of a file: name, size and buffers in each line; comments start with #."""
    found = (line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return [Bound(name, int(size), int(buffers)) for name, size, buffers in filter(None, found)]


async def touched_buffers(connection: Connection, bound: Bound) -> int:
    """Run a statement on its sample twice, roll each run back, and count the buffers of the second.

    pg_stat_statements counts: EXPLAIN leaves out what foreign keys and other triggers read.
    """
    statement = statements.load(bound.name)
    row = await connection.fetchrow(_sample(statement, bound.size))
    before = after = 0.0
    for _ in range(2):  # the first run also reads the catalogue
        before = await _counted(connection, statement.name)
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.fetch(statement.text, *(row or ()))
        finally:
            await transaction.rollback()
        after = await _counted(connection, statement.name)
    return round(after - before)


def _sample(statement: Statement, size: int) -> str:
    """The header's sample, for a batch of `size`."""
    sample, batches = SAMPLED.subn(f"limit {size}", statement.sample or "")
    if batches > 1 or (size > 1 and batches == 0):
        raise CannotExplain(f"the sample of {statement.name} has no `limit 16` to replace with {size}")
    return sample


async def _counted(connection: Connection, name: str) -> float:
    """The buffers of all calls of a statement so far."""
    found: Sequence[statistics.FileStatistics] = await statistics.top(connection, row_limit=ALL_FILES)
    return sum(one.calls * one.buffers_per_call for one in found if one.name == name)
