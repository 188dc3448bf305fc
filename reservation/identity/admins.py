"""Administrators and tokens that are made from the command line or the settings."""

import asyncio
from uuid import uuid4

from ..db.change_author import ChangeAuthor
from ..db.command_connections import command_database
from ..db.repository import accounts, totp
from ..db.repository.accounts import Credentials
from ..errors import EmailTaken, OperatorError
from ..settings import InvalidSettings, Settings, check_password
from .email_addresses import typed_address
from .password_strength import why_weak
from .passwords import hash_password, verify_password
from .tokens import TokenMint

ADMIN_NAME = "Administrator"


class UnknownUser(OperatorError):
    """There is no account with that e-mail address."""


def ensure_admin(settings: Settings) -> None:
    """Make sure that the administrator of ADMIN_EMAIL and ADMIN_PASSWORD exists, where they are set.

    The second factor of the account stays: a start must not make the password of the settings enough.
    Raises InvalidSettings for a password that is easy to guess.
    """
    email, password = settings.admin_email, settings.admin_password
    if email is None or password is None:
        return
    check_admin_password(settings)
    known = asyncio.run(_find_credentials(settings, email))
    # Only if needed: to create the administrator again at every start would end the sessions of that account.
    if known is None or known.role != "admin" or not verify_password(known.password_hash, password):
        _upsert_admin(settings, email=email, password=password, removes_totp=False)


def check_admin_password(settings: Settings) -> None:
    """Raise InvalidSettings for an ADMIN_PASSWORD that is easy to guess."""
    email, password = settings.admin_email, settings.admin_password
    if email is not None and password is not None and (reason := why_weak(password, (email, ADMIN_NAME))) is not None:
        raise InvalidSettings(f"ADMIN_PASSWORD: {reason}")


def create_admin(settings: Settings, *, email: str, password: str) -> None:
    """Create this administrator, or make the account one, give it this password, and remove its second factor.

    Raises InvalidSettings, also for a password that is easy to guess.
    """
    if (reason := why_weak(password, (email, ADMIN_NAME))) is not None:
        raise InvalidSettings(f"the password: {reason}")
    # Who has lost both the telephone and the recovery codes gets in again by the command line.
    _upsert_admin(settings, email=email, password=password, removes_totp=True)


def _upsert_admin(settings: Settings, *, email: str, password: str, removes_totp: bool) -> None:
    address = typed_address(email)
    if address is None:
        raise InvalidSettings(f"{email!r} is not an e-mail address")
    check_password("the password", password)
    password_hash = hash_password(password)

    author = ChangeAuthor(None, "create-admin")

    async def run() -> None:
        async with command_database(settings) as database, database.change(author) as conn:
            admin = await accounts.upsert_admin(conn, name=ADMIN_NAME, email=address, password_hash=password_hash)
            if removes_totp:
                await totp.delete_totp(conn, user_id=admin.id)
            # Addresses are not verified: a stranger may have signed up with this one, and must not get the new role.
            await accounts.revoke_sessions(conn, user_id=admin.id)

    try:
        asyncio.run(run())
    except EmailTaken:  # another instance has made the same account meanwhile, and it is found now
        asyncio.run(run())


def mint_token(settings: Settings, *, email: str) -> str:
    """An access token for the account with that address, without its password; raises UnknownUser."""
    session_id = uuid4()

    async def run() -> Credentials | None:
        async with command_database(settings) as database, database.connection() as conn:
            _, found = await accounts.find_credentials(conn, email=email)
            if found is None or not await accounts.open_session(
                conn, session_id=session_id, user_id=found.id, ttl_s=settings.access_token_ttl_s, password_hash=None
            ):
                return None
            return found

    user = asyncio.run(run())
    if user is None:
        raise UnknownUser(f"there is no account with the e-mail address {email}")
    return TokenMint.from_settings(settings).mint("access", user.id, user.role, session_id, 1)


async def _find_credentials(settings: Settings, email: str) -> Credentials | None:
    async with command_database(settings) as database, database.connection() as conn:
        return (await accounts.find_credentials(conn, email=email))[1]
