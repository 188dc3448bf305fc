"""Accounts and login sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ...runtime.trace_context import sampled_traceparent
from ..pool import Connection
from ..statements import sql
from .rows import every, maybe, one


@dataclass(frozen=True, slots=True)
class User:
    """An account, or a guest, as its owner and administrators see it."""

    id: int
    name: str
    email: str
    role: str
    created_at: datetime
    email_verified: bool


@dataclass(frozen=True, slots=True)
class ListedUser(User):
    """An account or a guest, as administrators see it."""

    disabled: bool


@dataclass(frozen=True, slots=True)
class Account(ListedUser):
    """An account with the time of its last change, of which its ETag is made."""

    updated_at: datetime

    @property
    def user(self) -> ListedUser:
        """The account without that time."""
        return ListedUser(
            self.id, self.name, self.email, self.role, self.created_at, self.email_verified, self.disabled
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is verified with."""

    id: int
    role: str
    password_hash: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class Renewal:
    """The account's current role, and the time of which the new pair of tokens is made, in whole seconds since 1970."""

    role: str
    made_at: int


async def insert_user(
    conn: Connection, *, name: str, email: str, password_hash: str, role: str, language: str | None
) -> User:
    """Create an account, and let its address be verified by mail; raises EmailTaken through the pool's translation."""
    traceparent = sampled_traceparent()
    return await one(conn, User, "accounts/insert_user", name, email, password_hash, role, language, traceparent)


async def find_credentials(conn: Connection, *, email: str) -> tuple[str, Credentials | None]:
    """The e-mail address as PostgreSQL folds it, and the credentials of its account if there is one."""
    [row] = await conn.fetch(sql("accounts/find_credentials"), email)
    known = None if row["id"] is None else Credentials(row["id"], row["role"], row["password_hash"], row["disabled"])
    return row["folded_email"], known


async def fold_email(conn: Connection, *, email: str) -> str:
    """The e-mail address as PostgreSQL folds it to compare accounts."""
    folded: str = await conn.fetchval(sql("accounts/fold_email"), email)
    return folded


async def find_sessions(conn: Connection, *, sessions: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], User]:
    """The accounts of login sessions, each given with its user's id; none for a revoked session."""
    rows = await conn.fetch(
        sql("accounts/find_sessions"),
        [session_id for session_id, _ in sessions],
        [user_id for _, user_id in sessions],
    )
    return {
        (row["session_id"], row["id"]): User(
            row["id"], row["name"], row["email"], row["role"], row["created_at"], row["email_verified"]
        )
        for row in rows
    }


async def list_users(conn: Connection, *, roles: Sequence[str], after: int, row_limit: int) -> Sequence[ListedUser]:
    """A page of the users with one of these roles, by id."""
    return await every(conn, ListedUser, "accounts/list_users", after, row_limit, roles)


async def list_by_email(
    conn: Connection, *, email: str, roles: Sequence[str], after: int, row_limit: int
) -> Sequence[ListedUser]:
    """A page of the account and the guests with an e-mail address, by id."""
    return await every(conn, ListedUser, "accounts/list_by_email", after, row_limit, email, roles)


async def lock_admins(conn: Connection) -> frozenset[int]:
    """The ids of all administrators, locked until the end of the transaction."""
    return frozenset(row["id"] for row in await conn.fetch(sql("accounts/lock_admins")))


async def find_user(conn: Connection, *, user_id: int) -> Account | None:
    """One account."""
    return await maybe(conn, Account, "accounts/find_user", user_id)


async def lock_user(conn: Connection, *, user_id: int) -> bool:
    """Lock an account's row against other writers; False if there is no such account."""
    return await conn.fetchval(sql("accounts/lock_user"), user_id) is not None


async def set_role(conn: Connection, *, user_id: int, role: str) -> Account:
    """Give an account that the caller has locked another role."""
    return await one(conn, Account, "accounts/set_role", user_id, role)


async def set_disabled(conn: Connection, *, user_id: int, disabled: bool) -> Account:
    """Disable or enable an account or guest that the caller has locked."""
    return await one(conn, Account, "accounts/set_disabled", user_id, disabled)


async def upsert_admin(conn: Connection, *, name: str, email: str, password_hash: str) -> User:
    """Make sure that this administrator exists, with this password."""
    return await one(conn, User, "accounts/upsert_admin", name, email, password_hash)


async def open_session(
    conn: Connection, *, session_id: UUID, user_id: int, ttl_s: int, password_hash: str | None
) -> bool:
    """Begin a login session at generation 1; False if the account is gone, disabled, or has another password hash.

    None for `password_hash` is for sessions that no password was verified for.
    """
    return await conn.fetchval(sql("accounts/open_session"), session_id, user_id, ttl_s, password_hash) is not None


async def open_guest_session(
    conn: Connection, *, name: str, email: str, session_id: UUID, ttl_s: int, language: str | None
) -> User:
    """Make a guest, and a login session without refresh tokens."""
    return await one(conn, User, "accounts/open_guest_session", name, email, session_id, ttl_s, language)


async def renew_session(
    conn: Connection, *, session_id: UUID, generation: int, ttl_s: int, session_max_s: int
) -> Renewal | None:
    """Spend the refresh token of a generation, or one spent less than 30 s ago again; None if it was not valid.

    The session ends `session_max_s` seconds after its login at the latest.
    """
    return await maybe(conn, Renewal, "accounts/renew_session", session_id, generation, ttl_s, session_max_s)


async def revoke_sessions(conn: Connection, *, user_id: int, kept: UUID | None = None) -> None:
    """Revoke every login session of an account, except the one that is kept."""
    await conn.execute(sql("accounts/revoke_sessions"), user_id, kept)


async def set_password(conn: Connection, *, user_id: int, password_hash: str, verified_hash: str | None) -> bool:
    """Give an account another password; False if the account is gone or has another hash than `verified_hash`.

    None for `verified_hash` is for changes that no password was verified for.
    """
    return await conn.fetchval(sql("accounts/set_password"), user_id, password_hash, verified_hash) is not None


async def set_name(conn: Connection, *, user_id: int, name: str) -> User | None:
    """Give an account or a guest another name; None if there is none with this id."""
    return await maybe(conn, User, "accounts/set_name", user_id, name)


async def set_email_verified(conn: Connection, *, user_id: int) -> None:
    """Note that the e-mail address of an account that the caller has locked is confirmed."""
    await conn.execute(sql("accounts/set_email_verified"), user_id)


async def adopt_reservations(conn: Connection, *, user_id: int, email: str, row_limit: int) -> int:
    """Give an account up to `row_limit` reservations, and as many archived ones, of guests with its e-mail address.

    The answer is the larger of both numbers: less than the limit if there are no more.
    """
    kept: int = await conn.fetchval(sql("accounts/adopt_reservations"), user_id, email, row_limit)
    archived: int = await conn.fetchval(sql("accounts/adopt_archived"), user_id, email, row_limit)
    return max(kept, archived)


async def find_role(conn: Connection, *, session_id: UUID, user_id: int) -> str | None:
    """The current role of an account; None if the login session was revoked."""
    role: str | None = await conn.fetchval(sql("accounts/find_role"), session_id, user_id)
    return role


async def revoke_session(conn: Connection, *, session_id: UUID) -> None:
    """Revoke a login session."""
    await conn.execute(sql("accounts/revoke_session"), session_id)
