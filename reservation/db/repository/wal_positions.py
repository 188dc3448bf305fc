"""How far the WAL has come: on the primary, and on a standby that replays it."""

from dataclasses import dataclass

from ..pool import Connection
from ..statements import sql
from .rows import one


@dataclass(frozen=True, slots=True)
class PrimaryPosition:
    """A moment of the primary's clock; every commit answered before it is within the first `wal_bytes` of the WAL."""

    now_us: int
    wal_bytes: int


async def primary_position(conn: Connection) -> PrimaryPosition:
    """Raises an error of PostgreSQL on a standby."""
    return await one(conn, PrimaryPosition, "ops/primary_position")


async def replayed_position(conn: Connection) -> int | None:
    """How many bytes of the WAL a standby has replayed; None on a server that is no standby."""
    replayed: int | None = await conn.fetchval(sql("ops/replayed_position"))
    return replayed
