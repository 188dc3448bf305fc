"""The timelines of PostgreSQL servers: a fail-over is noticed, and a primary of before it is not used.

A promotion begins a new timeline. Each new connection reads that of its server, and each worker reads it every two
seconds. A higher one than before is a fail-over, after which all connections are replaced. A lower one is an old
primary that has not been demoted yet: its connection is closed. A database that was restored from a copy of before a
fail-over has a lower timeline, too: it is accepted when the higher one has not been seen for FORGET_S.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Self

import asyncpg

FORGET_S = 30.0


class OldPrimary(asyncpg.InterfaceError):
    """This server has a lower timeline than another primary that was seen: it is one of before a fail-over."""


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A cluster's system identifier, and a timeline of it."""

    cluster: str
    timeline: int

    @classmethod
    def of_identity(cls, identity: str) -> Self:
        """Of what sql/ops/database_state.sql answers as `identity`."""
        cluster, timeline, *_ = identity.split("/")
        return cls(cluster, int(timeline, 16))


class ServerLines:
    """The highest timeline that this process has seen of its database's servers."""

    def __init__(self) -> None:
        self._line = ServerLine("", 0)
        self._seen_at = -FORGET_S
        self.on_failed_over: list[Callable[[], Awaitable[None]]] = []

    async def note_from_another_process(self, line: ServerLine) -> None:
        """Note a timeline that another process has just seen; a lower one says nothing."""
        if line.cluster == self._line.cluster and line.timeline >= self._line.timeline:
            await self.note(line)

    async def note(self, line: ServerLine) -> None:
        """Note a primary's timeline; raises OldPrimary for a lower one, and calls `on_failed_over` for a higher one."""
        is_same = line.cluster == self._line.cluster
        if is_same and line.timeline < self._line.timeline and monotonic() - self._seen_at < FORGET_S:
            raise OldPrimary(f"timeline {line.timeline} is of before a fail-over to {self._line.timeline}")
        is_failed_over = is_same and line.timeline > self._line.timeline
        self._line, self._seen_at = line, monotonic()
        if is_failed_over:
            for call in self.on_failed_over:
                await call()
