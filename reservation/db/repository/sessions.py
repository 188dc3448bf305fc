"""Login sessions, as their owner sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A login session that has not ended; `refreshed_at` is None until its first refresh."""

    id: UUID
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime


async def list_sessions(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, row_limit: int
) -> Sequence[LoginSession]:
    """A page of the login sessions of an account, newest first."""
    return await every(conn, LoginSession, "sessions/list_sessions", user_id, before, before_id, row_limit)


async def end_session(conn: Connection, *, session_id: UUID, user_id: int) -> bool:
    """Revoke a login session of an account; False if it has no such session, or it has ended."""
    return await conn.fetchval(sql("sessions/end_session"), session_id, user_id) is not None


async def is_recent(conn: Connection, *, session_id: UUID, within_s: int) -> bool:
    """Whether the password was given in a login session within so many seconds."""
    found: bool = await conn.fetchval(sql("sessions/is_recent"), session_id, within_s)
    return found


async def set_reauthenticated(conn: Connection, *, session_id: UUID, password_hash: str) -> bool:
    """Note that the password was given again; False if the session has ended, or the account has another hash."""
    return await conn.fetchval(sql("sessions/set_reauthenticated"), session_id, password_hash) is not None
