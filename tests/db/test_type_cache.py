"""Built-in types, such as bigint[], are read once a process; types made by CREATE TYPE, on each connection."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from reservation.db import type_cache
from reservation.db.timed_connection import TimedConnection

ARRAYS = "select $1::bigint[], $2::uuid[], $3::bytea[], $4::integer[], $5::timestamptz[], $6::jsonb[]"
VALUES: tuple[object, ...] = ([1, None, 2**40], [UUID(int=7)], [b"\0\xff"], [-1], [], ['{"a": 1}'])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[int]]:
    """The types that were read from PostgreSQL, a set for each time; at first the process knows none."""
    read: list[frozenset[int]] = []
    driver: Any = asyncpg.Connection
    introspect = driver._introspect_types

    async def counted(self: Any, oids: Any, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's own
        read.append(frozenset(oids))
        return await introspect(self, oids, timeout)

    monkeypatch.setattr(driver, "_introspect_types", counted)
    monkeypatch.setattr(type_cache, "_rows", {})
    return read


async def on_a_connection(url: str, query: str, *values: object, **options: Any) -> Any:
    connection = await asyncpg.connect(url, connection_class=TimedConnection, **options)
    try:
        return tuple(await connection.fetchrow(query, *values))
    finally:
        await connection.close()


@pytest.mark.parametrize("options", [{}, {"statement_cache_size": 0}], ids=["prepared", "unnamed"])
async def test_arrays_are_the_same_on_connections_that_read_no_types(
    shared_database_url: str, reads: list[frozenset[int]], options: dict[str, int]
) -> None:
    for _ in range(3):
        assert await on_a_connection(shared_database_url, ARRAYS, *VALUES, **options) == VALUES
    assert len(reads) == 1


async def test_types_of_users_are_read_on_each_connection(database_url: str, reads: list[frozenset[int]]) -> None:
    other = await asyncpg.connect(database_url)
    await other.execute("create type found as (a bigint, b text)")
    assert await on_a_connection(database_url, "select (1, 'x')::found") == ((1, "x"),)
    await other.execute("alter type found add attribute c boolean")
    assert await on_a_connection(database_url, "select (1, 'x', true)::found") == ((1, "x", True),)
    assert len(reads) == 2
    await other.close()
