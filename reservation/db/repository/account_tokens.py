"""Tokens that are mailed to the owners of accounts, by their hashes."""

from typing import Literal, TypeAlias

from ..pool import Connection
from ..statements import sql
from .accounts import User
from .rows import maybe

Purpose: TypeAlias = Literal["reset_password", "verify_email"]


async def insert_token(conn: Connection, *, token_hash: bytes, user_id: int, purpose: Purpose, ttl_s: int) -> None:
    """Keep the hash of a token."""
    await conn.execute(sql("account_tokens/insert_token"), token_hash, user_id, purpose, ttl_s)


async def has_token(conn: Connection, *, user_id: int, purpose: Purpose, good_for_s: int) -> bool:
    """Whether an account has a token that is valid for so long."""
    found: bool = await conn.fetchval(sql("account_tokens/has_token"), user_id, purpose, good_for_s)
    return found


async def find_token(conn: Connection, *, token_hash: bytes, purpose: Purpose) -> User | None:
    """The account of a token that is valid."""
    return await maybe(conn, User, "account_tokens/find_token", token_hash, purpose)


async def spend_token(conn: Connection, *, token_hash: bytes, purpose: Purpose) -> bool:
    """Delete a token, whose account the caller has locked; False if it is not valid."""
    return await conn.fetchval(sql("account_tokens/spend_token"), token_hash, purpose) is not None


async def delete_tokens(conn: Connection, *, user_id: int, purpose: Purpose) -> None:
    """Delete the tokens of an account for one purpose."""
    await conn.execute(sql("account_tokens/delete_tokens"), user_id, purpose)
