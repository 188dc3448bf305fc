"""The pool's connection while tracing is on: statements of a request that is sampled name its trace in a comment.

The comment makes another text of the statement for each request, and each text that is sent as others are would take a
place among the connection's prepared statements. So it is prepared without a name, for its one use; this costs a round
trip and a plan, for requests that are sampled. The statements of holds, confirms and seat maps run in batches for
several requests, so they name no trace and stay prepared.
"""

from typing import Any

import asyncpg

from ..runtime.trace_context import sampled_traceparent
from .timed_connection import TimedConnection


class CommentingConnection(asyncpg.Connection):
    """Puts the comment, in the form of sqlcommenter, before the statement: pg_stat_activity shows 1 kB of the text."""

    __slots__ = ()

    async def fetch(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        comment = _comment()
        if comment is None:
            return await super().fetch(query, *args, **options)
        return await (await self.prepare(comment + query, name="")).fetch(*args, **options)

    async def fetchrow(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        comment = _comment()
        if comment is None:
            return await super().fetchrow(query, *args, **options)
        return await (await self.prepare(comment + query, name="")).fetchrow(*args, **options)

    async def fetchval(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        comment = _comment()
        if comment is None:
            return await super().fetchval(query, *args, **options)
        return await (await self.prepare(comment + query, name="")).fetchval(*args, **options)

    async def execute(self, query: str, *args: object, **options: Any) -> str:
        """As asyncpg's; without arguments, as for BEGIN, nothing is prepared."""
        comment = _comment()
        if comment is None or not args:
            return await super().execute((comment or "") + query, *args, **options)
        statement = await self.prepare(comment + query, name="")
        await statement.fetch(*args, **options)
        return statement.get_statusmsg() or ""  # there is one after an execution


class TracedConnection(TimedConnection, CommentingConnection):
    """Measures statements by their own text, and sends them with the comment."""

    __slots__ = ()


def _comment() -> str | None:
    traceparent = sampled_traceparent()
    return None if traceparent is None else f"/*traceparent='{traceparent}'*/ "
