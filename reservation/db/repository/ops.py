"""What readiness asks of the database, and the start behind a pooler."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class SessionSetting:
    """One of PostgreSQL's settings, in the unit that it counts in."""

    name: str
    setting: str


async def session_settings(conn: Connection, *, names: Sequence[str]) -> list[SessionSetting]:
    """How the session is set."""
    return await every(conn, SessionSetting, "ops/session_settings", names)


async def applied_migrations(conn: Connection) -> frozenset[str]:
    """The ids of the migrations that this database has had."""
    return frozenset(row["migration_id"] for row in await conn.fetch(sql("ops/applied_migrations")))


async def role_without_booking_rights(conn: Connection) -> str | None:
    """The role of the connection, where it lacks a right that a hold or its confirmation takes."""
    role: str | None = await conn.fetchval(sql("ops/role_without_booking_rights"))
    return role
