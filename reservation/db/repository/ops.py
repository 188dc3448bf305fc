"""What the readiness check and the start read from the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from ..failover.server_lines import ServerLine
from ..pool import Connection
from ..statements import sql
from .rows import every, one


@dataclass(frozen=True, slots=True)
class SessionSetting:
    """A setting of PostgreSQL, in its own unit."""

    name: str
    setting: str


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """Which database it is, a counter before and after it was raised, and PostgreSQL's clock in microseconds."""

    identity: str
    generation_before: int
    generation: int
    now_us: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The live holds, and the reservations in the archive as PostgreSQL estimates."""

    live_holds: int
    archived: int


async def figures(conn: Connection) -> Figures:
    """What /metrics says of the database."""
    return await one(conn, Figures, "ops/figures")


@dataclass(frozen=True, slots=True)
class WriteRefusal:
    """Whether the server is a standby, and whether transactions are read-only (those of a standby are)."""

    is_standby: bool
    is_read_only: bool


async def database_state(conn: Connection) -> DatabaseState:
    """Which database this is; raises its generation, at most once a second."""
    return await one(conn, DatabaseState, "ops/database_state")


async def server_line(conn: Connection) -> ServerLine:
    """The cluster and the timeline of a server; 0 on a standby."""
    return await one(conn, ServerLine, "ops/server_line")


async def session_settings(conn: Connection, *, names: Sequence[str]) -> list[SessionSetting]:
    """The session's values of these settings."""
    return await every(conn, SessionSetting, "ops/session_settings", names)


async def applied_migrations(conn: Connection) -> frozenset[str]:
    """The ids of the migrations that were applied to this database."""
    try:
        rows = await conn.fetch(sql("ops/applied_migrations"))
    except asyncpg.UndefinedTableError:
        return frozenset()
    return frozenset(row["migration_id"] for row in rows)


async def write_refusal(conn: Connection) -> WriteRefusal:
    """Whether PostgreSQL refuses to write in this session."""
    return await one(conn, WriteRefusal, "ops/write_refusal")


async def role_without_booking_rights(conn: Connection) -> str | None:
    """The connection's role if it lacks a right that a hold or a confirm takes, else None."""
    role: str | None = await conn.fetchval(sql("ops/role_without_booking_rights"))
    return role
