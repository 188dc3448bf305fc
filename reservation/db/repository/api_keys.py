"""API keys."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ...errors import Invalid
from ..pool import Connection
from ..statements import sql
from .accounts import User
from .rows import every, maybe


class KeyHoldLimits(NamedTuple):
    """A key's own limits on holds, as its statements take them: 0 is no limit, None that of the key's account."""

    max_holds_per_user: int | None = None
    max_seats_per_user_per_showtime: int | None = None
    holds_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as administrators see it: everything but the key itself and its hash."""

    id: int
    name: str
    user_id: int
    prefix: str
    scopes: Sequence[str]
    created_by: int
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    limits: dict[str, int | None]

    @property
    def version(self) -> "ApiKey":
        """What an ETag is made of: last_used_at is left out, since it changes without an administrator's write."""
        return replace(self, last_used_at=None)


@dataclass(frozen=True, slots=True)
class ValidKey:
    """A valid key's scopes, limits and account; `remaining_s` is None for a key that does not expire."""

    key_id: int
    scopes: frozenset[str]
    limits: KeyHoldLimits
    remaining_s: float | None
    user: User


async def insert_key(
    conn: Connection,
    *,
    name: str,
    user_id: int,
    prefix: str,
    key_hash: bytes,
    scopes: Sequence[str],
    created_by: int,
    expires_at: datetime | None,
    limits: KeyHoldLimits,
) -> ApiKey:
    """Store a new key's hash; raises Invalid for an unknown account, a guest, or an expires_at in the past."""
    inserted = await maybe(
        conn, ApiKey, "api_keys/insert_key", name, user_id, prefix, key_hash, scopes, created_by, expires_at, *limits
    )
    if inserted is None:
        raise Invalid("/user_id", "A guest has no account.")
    return inserted


async def find_key(conn: Connection, *, key_id: int) -> ApiKey | None:
    """One key, also if it is revoked or expired."""
    return await maybe(conn, ApiKey, "api_keys/find_key", key_id)


async def list_keys(conn: Connection, *, after: int, row_limit: int) -> Sequence[ApiKey]:
    """A page of keys by id."""
    return await every(conn, ApiKey, "api_keys/list_keys", after, row_limit)


async def lock_key(conn: Connection, *, key_id: int) -> bool:
    """Lock a key's row against other writers; False if there is no such key."""
    return await conn.fetchval(sql("api_keys/lock_key"), key_id) is not None


async def revoke_key(conn: Connection, *, key_id: int) -> None:
    """Revoke a key that the caller has locked."""
    await conn.execute(sql("api_keys/revoke_key"), key_id)


async def find_valid(conn: Connection, *, key_hashes: Sequence[bytes]) -> dict[bytes, ValidKey]:
    """The valid keys among these, by hash."""
    return {
        row["key_hash"]: ValidKey(
            row["key_id"],
            frozenset(row["scopes"]),
            KeyHoldLimits(row["max_holds_per_user"], row["max_seats_per_user_per_showtime"], row["holds_per_minute"]),
            row["remaining_s"],
            User(row["id"], row["name"], row["email"], row["role"], row["created_at"], row["email_verified"]),
        )
        for row in await conn.fetch(sql("api_keys/find_valid"), key_hashes)
    }


async def find_role(conn: Connection, *, key_id: int) -> str | None:
    """The current role of the account that a key acts for; None if the key is revoked or expired."""
    role: str | None = await conn.fetchval(sql("api_keys/find_role"), key_id)
    return role


async def set_last_used(conn: Connection, *, key_ids: Sequence[int]) -> None:
    """Record that these keys were used just now."""
    await conn.execute(sql("api_keys/set_last_used"), key_ids)
