"""How far the WAL has come: on the primary, and on a standby that replays it."""

from dataclasses import dataclass

from ..pool import Connection
from .rows import maybe, one


@dataclass(frozen=True, slots=True)
class WalPosition:
    """A place in the WAL of a cluster (its system identifier); a promotion raises the timeline."""

    cluster: str
    timeline: int
    wal_bytes: int


START = WalPosition("", 0, 0)  # before all


async def primary_position(conn: Connection) -> WalPosition:
    """Where the primary writes now; raises an error of PostgreSQL on a standby."""
    return await one(conn, WalPosition, "ops/primary_position")


async def replayed_position(conn: Connection) -> WalPosition | None:
    """How far a standby has replayed; None on a server that is no standby."""
    return await maybe(conn, WalPosition, "ops/replayed_position")
