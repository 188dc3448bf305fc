"""A connection that knows the types which every PostgreSQL has, such as bigint[], once the process has read them.

asyncpg reads them again on each connection, at its first statement with one of them. This takes 8 ms of PostgreSQL's
CPU time, and the statement waits for it.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_GENERATED = 10_000  # PostgreSQL's FirstGenbkiObjectId: lower oids are in its source, the same on every server
# asyncpg prepares its statement again if reading the types has replaced it on the server: this one has not.
_READ_EARLIER = SimpleNamespace(name="read earlier")

_rows: dict[frozenset[int], Any] = {}


class TypeCachingConnection(asyncpg.Connection):
    """A connection whose process reads PostgreSQL's own types once."""

    __slots__ = ()

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Any, Any]:  # noqa: ASYNC109 - asyncpg's own
        oids = frozenset(typeoids)
        if oids in _rows:
            return _rows[oids], _READ_EARLIER
        rows, statement = await super()._introspect_types(oids, timeout)  # type: ignore[misc]  # not in the stubs
        if max(oids) < FIRST_GENERATED:
            _rows[oids] = rows
        return rows, statement
