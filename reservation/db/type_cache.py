"""A connection that reads PostgreSQL's built-in types, such as bigint[], once a process.

asyncpg reads them on each connection, at its first statement with one of them. This takes 8 ms of PostgreSQL's CPU
time, and the statement waits for it.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_GENERATED = 10_000  # PostgreSQL's FirstGenbkiObjectId: lower oids are in its source, the same on every server
# asyncpg prepares its statement again if the one that read the types had no name; none was run, so this has one.
_READ_EARLIER = SimpleNamespace(name="read earlier")

_rows: dict[frozenset[int], Any] = {}


class TypeCachingConnection(asyncpg.Connection):
    """As asyncpg's, but for the reading of types."""

    __slots__ = ()

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Any, Any]:  # noqa: ASYNC109 - asyncpg calls it with `timeout`
        oids = frozenset(typeoids)
        if oids in _rows:
            return _rows[oids], _READ_EARLIER
        rows, statement = await super()._introspect_types(oids, timeout)  # type: ignore[misc]  # not in the stubs
        if max(oids) < FIRST_GENERATED:
            _rows[oids] = rows
        return rows, statement
