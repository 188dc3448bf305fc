"""How much the statements of the hot path may touch, whatever the size of the tables, and how much they do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..db.repository import statistics
from . import statement_headers as statements
from .explain import CannotExplain, Connection
from .statement_headers import Statement

SAMPLED = re.compile(r"\blimit 16\b")  # how many the samples of statements for batches take
ALL_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Bound:
    """The most buffers that a call of a statement may touch, which does its work for `size` things at once."""

    name: str
    size: int
    buffers: int


@dataclass(frozen=True, slots=True)
class Touched:
    """What a call has touched, foreign keys' checks included."""

    bound: Bound
    buffers: int

    @property
    def is_too_much(self) -> bool:
        """Whether it is more than was said."""
        return self.buffers > self.bound.buffers


def bounds(path: Path) -> list[Bound]:
    """The bounds of a file: a name, a size and a number of buffers a line, and remarks after #."""
    found = (line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return [Bound(name, int(size), int(buffers)) for name, size, buffers in filter(None, found)]


async def touched(connection: Connection, bound: Bound) -> Touched:
    """Carry a statement out on its sample, twice, and count the second; each time it is rolled back.

    PostgreSQL counts, by pg_stat_statements: EXPLAIN leaves out what foreign keys and other triggers look at.
    """
    statement = statements.load(bound.name)
    row = await connection.fetchrow(_sample(statement, bound.size))
    before = after = 0.0
    for _ in range(2):
        before = await _counted(connection, statement.name)
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.fetch(statement.text, *(row or ()))
        finally:
            await transaction.rollback()
        after = await _counted(connection, statement.name)
    return Touched(bound, round(after - before))


def _sample(statement: Statement, size: int) -> str:
    """The header's sample, for another size of batch."""
    sample, batches = SAMPLED.subn(f"limit {size}", statement.sample or "")
    if batches > 1 or (size > 1 and batches == 0):
        raise CannotExplain(f"the sample of {statement.name} is not of 16 things, and cannot be made one of {size}")
    return sample


async def _counted(connection: Connection, name: str) -> float:
    """The buffers of all calls of a statement so far."""
    found: Sequence[statistics.FileStatistics] = await statistics.top(connection, row_limit=ALL_FILES)
    return sum(one.calls * one.buffers_per_call for one in found if one.name == name)
