"""Administrators made from the command line or the settings, and tokens minted there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

import asyncpg
from marshmallow import ValidationError, validate

from ..db.pool import Connection, Database
from ..db.pool_options import pool_options
from ..db.repository import accounts
from ..db.repository.accounts import Credentials
from ..identity.tokens import token_mint
from ..settings import InvalidSettings, Settings, check_password
from .passwords import hash_password, verify_password

Made = TypeVar("Made")


class UnknownUser(Exception):
    """There is no account with that e-mail address."""


def ensure_admin(settings: Settings) -> None:
    """Make sure that the administrator of ADMIN_EMAIL and ADMIN_PASSWORD exists, where they are set."""
    email, password = settings.admin_email, settings.admin_password
    if email is None or password is None:
        return
    _, known = _with_connection(settings, lambda conn: accounts.find_credentials(conn, email=email))
    # Made anew at every start, this administrator would be signed out by each.
    if known is None or known.role != "admin" or not verify_password(known.password_hash, password):
        create_admin(settings, email=email, password=password)


def create_admin(settings: Settings, *, email: str, password: str) -> None:
    """Create this administrator, or make the account one and give it this password; raises InvalidSettings."""
    try:
        validate.Email()(email)
    except ValidationError:
        raise InvalidSettings(f"{email!r} is not an e-mail address") from None
    check_password("the password", password)
    password_hash = hash_password(password)

    async def upsert(conn: Connection) -> None:
        async with conn.transaction():
            admin = await accounts.upsert_admin(conn, name="Administrator", email=email, password_hash=password_hash)
            # Anybody may have signed up with this address before: who did has no part in the new rights.
            await accounts.revoke_sessions(conn, user_id=admin.id)

    _with_connection(settings, upsert)


def mint_token(settings: Settings, *, email: str) -> str:
    """An access token for the account with that address; raises UnknownUser."""
    session_id = uuid4()

    async def open_session(conn: Connection) -> Credentials:
        _, found = await accounts.find_credentials(conn, email=email)
        if found is None:
            raise UnknownUser(f"there is no account with the e-mail address {email}")
        await accounts.open_session(conn, session_id=session_id, user_id=found.id, ttl_s=settings.access_token_ttl_s)
        return found

    user = _with_connection(settings, open_session)
    return token_mint(settings).mint("access", user.id, user.role, session_id, 1)


def _with_connection(settings: Settings, work: Callable[[Connection], Awaitable[Made]]) -> Made:
    async def run() -> Made:
        options = pool_options(settings) | {"min_size": 1, "max_size": 1}
        async with (
            asyncpg.create_pool(**options) as pool,
            Database(pool, wait_s=settings.pool_wait_s).connection() as conn,
        ):
            return await work(conn)

    return asyncio.run(run())
