"""API keys."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..pool import Connection
from ..statements import sql
from .accounts import User
from .rows import every, maybe, one


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the administrators see it: everything but the key."""

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

    @property
    def version(self) -> "ApiKey":
        """What administrators have done to it: when it was last used changes by itself."""
        return replace(self, last_used_at=None)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a good key acts for, and within what; `good_for_s` is None for a key without an end."""

    key_id: int
    scopes: frozenset[str]
    good_for_s: float | None
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
) -> ApiKey:
    """Keep a new key's hash; raises Invalid for an unknown account or a time that has passed."""
    return await one(
        conn, ApiKey, "api_keys/insert_key", name, user_id, prefix, key_hash, scopes, created_by, expires_at
    )


async def find_key(conn: Connection, *, key_id: int) -> ApiKey | None:
    """One key, good or not."""
    return await maybe(conn, ApiKey, "api_keys/find_key", key_id)


async def list_keys(conn: Connection, *, after: int, row_limit: int) -> Sequence[ApiKey]:
    """A page of keys by id."""
    return await every(conn, ApiKey, "api_keys/list_keys", after, row_limit)


async def lock_key(conn: Connection, *, key_id: int) -> bool:
    """Lock a key against other writers; False when there is none."""
    return await conn.fetchval(sql("api_keys/lock_key"), key_id) is not None


async def revoke_key(conn: Connection, *, key_id: int) -> None:
    """End a key that the caller has locked."""
    await conn.execute(sql("api_keys/revoke_key"), key_id)


async def find_holders(conn: Connection, *, key_hashes: Sequence[bytes]) -> dict[bytes, Holder]:
    """Who keys act for, by hash; nothing for one that is not good."""
    return {
        row["key_hash"]: Holder(
            row["key_id"],
            frozenset(row["scopes"]),
            row["good_for_s"],
            User(row["id"], row["name"], row["email"], row["role"], row["created_at"]),
        )
        for row in await conn.fetch(sql("api_keys/find_holders"), key_hashes)
    }


async def find_role(conn: Connection, *, key_id: int) -> str | None:
    """The role, as it is now, of the account behind a key; None when the key is not good any more."""
    role: str | None = await conn.fetchval(sql("api_keys/find_role"), key_id)
    return role


async def note_uses(conn: Connection, *, key_ids: Sequence[int]) -> None:
    """Write down that these keys are in use."""
    await conn.execute(sql("api_keys/note_uses"), key_ids)
