"""Administrators made from the command line or the settings, and tokens minted there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

import asyncpg
from marshmallow import ValidationError, validate

from .database import Connection, Database
from .passwords import hash_password
from .repository import accounts
from .resources import pool_options, token_mint
from .settings import InvalidSettings, Settings

Made = TypeVar("Made")

MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 128


class UnknownUser(Exception):
    """There is no account with that e-mail address."""


def ensure_admin(settings: Settings) -> None:
    """Make sure that the administrator of ADMIN_EMAIL and ADMIN_PASSWORD exists, where they are set."""
    if settings.admin_email is not None and settings.admin_password is not None:
        create_admin(settings, email=settings.admin_email, password=settings.admin_password)


def create_admin(settings: Settings, *, email: str, password: str) -> None:
    """Create this administrator, or make the account one and give it this password; raises InvalidSettings."""
    try:
        validate.Email()(email)
    except ValidationError:
        raise InvalidSettings(f"{email!r} is not an e-mail address") from None
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidSettings(
            f"an administrator's password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters"
        )
    password_hash = hash_password(password)
    _with_connection(
        settings,
        lambda conn: accounts.upsert_admin(conn, name="Administrator", email=email, password_hash=password_hash),
    )


def mint_token(settings: Settings, *, email: str) -> str:
    """An access token for the account with that address; raises UnknownUser."""
    found = _with_connection(settings, lambda conn: accounts.find_credentials(conn, email=email))
    if found is None:
        raise UnknownUser(f"there is no account with the e-mail address {email}")
    return token_mint(settings).mint("access", found.id, found.role, uuid4(), 1)


def _with_connection(settings: Settings, work: Callable[[Connection], Awaitable[Made]]) -> Made:
    async def run() -> Made:
        options = pool_options(settings) | {"min_size": 1, "max_size": 1}
        async with (
            asyncpg.create_pool(**options) as pool,
            Database(pool, wait_s=settings.pool_wait_s).connection() as conn,
        ):
            return await work(conn)

    return asyncio.run(run())
