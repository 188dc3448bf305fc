"""The erasure of a person: what tells who it is goes, the sales stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import every, maybe


@dataclass(frozen=True, slots=True)
class PersonToErase:
    """An account and the guests with its address, and what its password is verified with."""

    email: str
    folded_email: str
    password_hash: str
    role: str
    guest_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of reservations ended."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A hold and whose it is."""

    id: UUID
    user_id: int


async def find_person(conn: Connection, *, user_id: int) -> PersonToErase | None:
    """Whom the erasure of an account concerns; None for a guest."""
    return await maybe(conn, PersonToErase, "erasure/find_person", user_id)


async def lock_users(conn: Connection, *, user_ids: Sequence[int]) -> None:
    """Lock users against logins and other writers."""
    await conn.execute(sql("erasure/lock_users"), user_ids)


async def erase_reservations(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, row_limit: int
) -> Place | None:
    """Erase a page of a user's reservations; where it ended, None if there was none."""
    return await maybe(conn, Place, "erasure/erase_reservations", user_id, before, before_id, row_limit)


async def erase_archived(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, row_limit: int
) -> Place | None:
    """Erase a page of a user's archived reservations; where it ended, None if there was none."""
    return await maybe(conn, Place, "erasure/erase_archived", user_id, before, before_id, row_limit)


async def erase_users(conn: Connection, *, user_ids: Sequence[int]) -> None:
    """Erase users that the caller has locked, their sessions, API keys and idempotency keys."""
    await conn.execute(sql("erasure/erase_users"), user_ids)


async def list_holds(conn: Connection, *, user_ids: Sequence[int], row_limit: int) -> Sequence[LiveHold]:
    """Live holds of some users."""
    return await every(conn, LiveHold, "erasure/list_holds", user_ids, row_limit)
