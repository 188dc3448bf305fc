"""Secrets of one-time passwords (TOTP)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..pool import Connection
from ..statements import sql
from .rows import maybe


@dataclass(frozen=True, slots=True)
class Totp:
    """The secret of an account, in base32; `confirmed_at` is None until its owner has shown a code of it."""

    secret: str
    confirmed_at: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class TriedCode:
    """Whether a code was right and is spent; `retry_after_s` is None unless there were too many wrong ones."""

    is_right: bool
    retry_after_s: int | None


async def find_totp(conn: Connection, *, user_id: int) -> Totp | None:
    """The secret of an account."""
    return await maybe(conn, Totp, "totp/find_totp", user_id)


async def begin_totp(conn: Connection, *, user_id: int, secret: str) -> bool:
    """Keep a new secret; False if the account has a confirmed one."""
    return await conn.fetchval(sql("totp/begin_totp"), user_id, secret) is not None


async def confirm_totp(
    conn: Connection, *, user_id: int, secret: str, step: int, recovery_hashes: Sequence[bytes]
) -> bool:
    """Confirm a secret, and keep the hashes of its recovery codes; False if it was confirmed before or replaced."""
    return await conn.fetchval(sql("totp/confirm_totp"), user_id, secret, step, recovery_hashes) is not None


async def try_code(
    conn: Connection, *, user_id: int, secret: str, step: int | None, most: int, window_s: int
) -> TriedCode | None:
    """Spend a code, or count a wrong one, of which there may be so many; None if the secret is another one by now.

    `step` is None for a code that is wrong. One of a step that was spent, or of an earlier one, is wrong as well.
    """
    return await maybe(conn, TriedCode, "totp/try_code", user_id, secret, step, most, window_s)


async def spend_recovery_code(conn: Connection, *, user_id: int, code_hash: bytes) -> bool:
    """Spend a recovery code; False if the account has none with this hash."""
    return await conn.fetchval(sql("totp/spend_recovery_code"), user_id, code_hash) is not None


async def delete_totp(conn: Connection, *, user_id: int) -> None:
    """Delete the secret of an account."""
    await conn.execute(sql("totp/delete_totp"), user_id)
