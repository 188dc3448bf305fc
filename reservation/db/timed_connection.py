"""asyncpg's connection, which measures each statement under the name of its file."""

from time import perf_counter
from typing import Any

from ..runtime.metrics import Buckets
from .metrics import STATEMENT_SECONDS
from .statements import name_of
from .type_cache import TypeCachingConnection

OTHER = "other"  # such as BEGIN and COMMIT

_buckets: dict[str, Buckets] = {}  # by the text of the statement


class TimedConnection(TypeCachingConnection):
    """A connection of the service's pool."""

    __slots__ = ()

    async def fetch(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        started = perf_counter()
        try:
            return await super().fetch(query, *args, **options)
        finally:
            (_buckets.get(query) or _buckets_of(query)).observe(perf_counter() - started)

    async def fetchrow(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        started = perf_counter()
        try:
            return await super().fetchrow(query, *args, **options)
        finally:
            (_buckets.get(query) or _buckets_of(query)).observe(perf_counter() - started)

    async def fetchval(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        started = perf_counter()
        try:
            return await super().fetchval(query, *args, **options)
        finally:
            (_buckets.get(query) or _buckets_of(query)).observe(perf_counter() - started)

    async def execute(self, query: str, *args: object, **options: Any) -> str:
        """As asyncpg's."""
        started = perf_counter()
        try:
            return await super().execute(query, *args, **options)
        finally:
            (_buckets.get(query) or _buckets_of(query)).observe(perf_counter() - started)


def _buckets_of(query: str) -> Buckets:
    name = name_of(query)
    if name is None:  # not kept, since there may be any number of texts
        return STATEMENT_SECONDS.of(OTHER)
    buckets = _buckets[query] = STATEMENT_SECONDS.of(name)
    return buckets
