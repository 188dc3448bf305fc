"""Sign-up, login and login sessions: the order of hashing, writing and signing."""

from dataclasses import dataclass
from uuid import uuid4

from ..db.pool import Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import accounts
from ..db.repository.accounts import Account, User
from ..errors import InvalidCredentials, InvalidToken, LastAdmin, NotFound
from .attempt_limits import Attempts
from .auth_invalidation import AuthInvalidation
from .passwords import PasswordWorkers
from .tokens import TokenMint, TokenPair


@dataclass(frozen=True, slots=True)
class Accounts:
    """What signing up and in needs."""

    database: Database
    passwords: PasswordWorkers
    tokens: TokenMint
    notices: AuthInvalidation
    attempts: Attempts


async def sign_up(stores: Accounts, *, name: str, email: str, password: str, address: str) -> User:
    """Create the account of a customer at a network address; raises EmailTaken, TooManyAttempts."""
    async with stores.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=email)
    await stores.attempts.sign_up(folded_email=folded_email, address=address)
    password_hash = await stores.passwords.hash(password)
    async with stores.database.connection() as conn:
        return await accounts.insert_user(conn, name=name, email=email, password_hash=password_hash, role="user")


async def log_in(stores: Accounts, *, email: str, password: str, address: str) -> TokenPair:
    """Begin a login session; raises InvalidCredentials, and TooManyAttempts after too many of those.

    Equally slow, and equally limited, whether or not the e-mail address is known.
    """
    async with stores.database.connection() as conn:
        folded_email, known = await accounts.find_credentials(conn, email=email)
    async with stores.attempts.login(folded_email=folded_email, address=address):
        matches = await stores.passwords.verify(None if known is None else known.password_hash, password)
        if known is None or not matches:
            raise InvalidCredentials
    session_id = uuid4()
    async with stores.database.connection() as conn:
        await accounts.open_session(conn, session_id=session_id, user_id=known.id, ttl_s=stores.tokens.refresh_ttl_s)
    return stores.tokens.pair(user_id=known.id, role=known.role, session_id=session_id, generation=1)


async def refresh(stores: Accounts, *, refresh_token: str) -> TokenPair:
    """Spend a refresh token for a new pair; one that was spent before ends its session. Raises InvalidToken."""
    claims = stores.tokens.read("refresh", refresh_token)
    async with stores.database.connection() as conn:
        role = await accounts.renew_session(
            conn, session_id=claims.session_id, generation=claims.generation, ttl_s=stores.tokens.refresh_ttl_s
        )
        if role is None:
            await accounts.revoke_session(conn, session_id=claims.session_id)
    if role is None:
        await stores.notices.session_ended(claims.session_id)
        raise InvalidToken
    return stores.tokens.pair(
        user_id=claims.user_id, role=role, session_id=claims.session_id, generation=claims.generation + 1
    )


async def log_out(stores: Accounts, *, refresh_token: str) -> None:
    """End a login session, its access tokens included; raises InvalidToken."""
    claims = stores.tokens.read("refresh", refresh_token)
    async with stores.database.connection() as conn:
        await accounts.revoke_session(conn, session_id=claims.session_id)
    await stores.notices.session_ended(claims.session_id)


async def set_role(stores: Accounts, *, user_id: int, role: str, check: Precondition = no_precondition) -> Account:
    """Give an account another role; raises NotFound, what `check` raises, and LastAdmin.

    LastAdmin is for the demotion of the last administrator.
    """
    async with stores.database.transaction() as conn:
        admins = await accounts.lock_admins(conn)
        if not await accounts.lock_user(conn, user_id=user_id):
            raise NotFound("There is no such user.")
        check(await accounts.find_user(conn, user_id=user_id))
        if role != "admin" and admins == {user_id}:
            raise LastAdmin
        account = await accounts.set_role(conn, user_id=user_id, role=role)
    await stores.notices.account_changed(user_id)
    return account
