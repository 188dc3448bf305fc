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


async def spend_step(conn: Connection, *, user_id: int, secret: str, step: int) -> bool:
    """Spend a code; False if one of its step or a later one was spent before."""
    return await conn.fetchval(sql("totp/spend_step"), user_id, secret, step) is not None


async def spend_recovery_code(conn: Connection, *, user_id: int, code_hash: bytes) -> bool:
    """Spend a recovery code; False if the account has none with this hash."""
    return await conn.fetchval(sql("totp/spend_recovery_code"), user_id, code_hash) is not None


async def delete_totp(conn: Connection, *, user_id: int) -> None:
    """Delete the secret of an account."""
    await conn.execute(sql("totp/delete_totp"), user_id)
