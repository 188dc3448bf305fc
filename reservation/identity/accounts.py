"""Sign-up, login and login sessions: the order of hashing, writing and signing."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from ..db.pool import Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import accounts, sessions
from ..db.repository.accounts import Account, Credentials, User
from ..errors import (
    AccountDisabled,
    Invalid,
    InvalidCredentials,
    InvalidToken,
    LastAdmin,
    NotFound,
)
from ..runtime import security_log
from . import totp
from .account_mails import AccountMails
from .attempt_limits import AttemptLimiter
from .auth_invalidation import AuthInvalidation
from .credential_cache import subject
from .metrics import LOGINS
from .passwords import PasswordWorkers
from .tokens import TokenMint, TokenPair


@dataclass(frozen=True, slots=True)
class AccountContext:
    """What requests about accounts and login sessions need."""

    database: Database
    passwords: PasswordWorkers
    tokens: TokenMint
    invalidation: AuthInvalidation
    attempts: AttemptLimiter
    mails: AccountMails
    reauthentication_s: int


@dataclass(frozen=True, slots=True)
class GuestToken:
    """A guest's access token, its life in seconds, and the guest."""

    access_token: str
    expires_in: int
    user: User
    token_type: str = "Bearer"


async def sign_up(
    context: AccountContext, *, name: str, email: str, password: str, language: str | None, address: str
) -> User:
    """Create a customer's account, and mail a token that confirms its address; `address` is the client's.

    `language` is a tag such as de-AT, for mails. Raises EmailTaken, TooManyAttempts, and Invalid for a weak password.
    """
    async with context.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=email)
    await context.attempts.count_sign_up(folded_email=folded_email, address=address)
    await context.passwords.require_strong(password, "/password", personal=(name, email))
    password_hash = await context.passwords.hash(password)
    async with context.database.connection() as conn:
        return await accounts.insert_user(
            conn, name=name, email=email, password_hash=password_hash, role="user", language=language
        )


async def set_name(context: AccountContext, *, user_id: int, name: str) -> User:
    """Give the caller's account, or guest, another name; raises InvalidToken if it is gone."""
    async with context.database.connection() as conn:
        user = await accounts.set_name(conn, user_id=user_id, name=name)
    if user is None:
        raise InvalidToken
    await context.invalidation.invalidate(subject("user", user_id))
    return user


async def sign_in_guest(
    context: AccountContext, *, name: str, email: str, language: str | None, address: str
) -> GuestToken:
    """Make a guest with an access token; `address` is the client's. Raises TooManyAttempts."""
    async with context.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=email)
    await context.attempts.count_sign_up(folded_email=folded_email, address=address)
    session_id, ttl_s = uuid4(), context.tokens.access_ttl_s
    async with context.database.connection() as conn:
        user = await accounts.open_guest_session(
            conn, name=name, email=email, session_id=session_id, ttl_s=ttl_s, language=language
        )
    return GuestToken(context.tokens.mint("access", user.id, user.role, session_id, 1), ttl_s, user)


async def log_in(
    context: AccountContext, *, email: str, password: str, totp_code: str | None = None, address: str
) -> TokenPair:
    """Begin a login session; raises InvalidCredentials, AccountDisabled, and TooManyAttempts after too many failures.

    `totp_code` is for accounts with a second factor: without it, raises TotpRequired; a wrong one is a failure. Takes
    the same time, and has the same limits, whether or not the e-mail address has an account.
    """
    async with context.database.connection() as conn:
        folded_email, known = await accounts.find_credentials(conn, email=email)
    async with context.attempts.login(folded_email=folded_email, address=address):
        matches = await context.passwords.verify(None if known is None else known.password_hash, password)
        if known is None or not matches:
            security_log.record(
                "login_refused", user_id=None if known is None else known.id, address=address, factor="password"
            )
            raise InvalidCredentials
        if not known.disabled:
            factor = await totp.verify(
                context.database, user_id=known.id, code=totp_code, address=address, refusal="login_refused"
            )
    if known.disabled:
        LOGINS.counts["disabled"] += 1
        raise AccountDisabled
    if (session_id := await _open_session(context, known)) is None:
        # The password was changed, or the account disabled, while this one was verified; or another login of the same
        # password has replaced its hash.
        async with context.database.connection() as conn:
            _, known = await accounts.find_credentials(conn, email=email)
        if known is None or not await context.passwords.verify(known.password_hash, password):
            raise InvalidCredentials
        if (session_id := await _open_session(context, known)) is None:
            raise InvalidCredentials
    if (replacement := await context.passwords.hash_again(known.password_hash, password)) is not None:
        async with context.database.connection() as conn:
            await accounts.set_password(
                conn, user_id=known.id, password_hash=replacement, verified_hash=known.password_hash
            )
    LOGINS.counts["ok"] += 1
    security_log.record(
        "login", user_id=known.id, address=address, session_id=str(session_id), role=known.role, factor=factor
    )
    return context.tokens.pair(user_id=known.id, role=known.role, session_id=session_id, generation=1)


async def _open_session(context: AccountContext, verified: Credentials) -> UUID | None:
    """Begin a login session; None if the account has another password than the verified one, or is disabled."""
    session_id = uuid4()
    async with context.database.connection() as conn:
        opened = await accounts.open_session(
            conn,
            session_id=session_id,
            user_id=verified.id,
            ttl_s=context.tokens.refresh_ttl_s,
            password_hash=verified.password_hash,
        )
    return session_id if opened else None


async def refresh(context: AccountContext, *, refresh_token: str, address: str) -> TokenPair:
    """Spend a refresh token for a new pair; raises InvalidToken. `address` is the client's.

    The token spent last gets the same pair again for 30 seconds. Any other that was spent before ends its session.
    """
    claims = context.tokens.read("refresh", refresh_token)
    async with context.database.connection() as conn:
        renewal = await accounts.renew_session(
            conn,
            session_id=claims.session_id,
            generation=claims.generation,
            ttl_s=context.tokens.refresh_ttl_s,
            session_max_s=context.tokens.session_max_s,
        )
        if renewal is None:
            await accounts.revoke_session(conn, session_id=claims.session_id)
    if renewal is None:
        await context.invalidation.invalidate(subject("session", claims.session_id))
        security_log.record(
            "refresh_refused", user_id=claims.user_id, address=address, session_id=str(claims.session_id)
        )
        raise InvalidToken
    return context.tokens.pair(
        user_id=claims.user_id,
        role=renewal.role,
        session_id=claims.session_id,
        generation=claims.generation + 1,
        made_at=renewal.made_at,
    )


async def log_out(context: AccountContext, *, refresh_token: str, address: str) -> None:
    """End a login session, its access tokens included; raises InvalidToken. `address` is the client's."""
    claims = context.tokens.read("refresh", refresh_token)
    async with context.database.connection() as conn:
        await accounts.revoke_session(conn, session_id=claims.session_id)
    await context.invalidation.invalidate(subject("session", claims.session_id))
    security_log.record("logout", user_id=claims.user_id, address=address, session_id=str(claims.session_id))


async def set_role(
    context: AccountContext, *, user_id: int, role: str, check: Precondition = no_precondition
) -> Account:
    """Give an account another role; raises NotFound, what `check` raises, Invalid and LastAdmin.

    Invalid is for a guest, and LastAdmin for the demotion of the last administrator.
    """
    async with context.database.change() as conn:
        admins = await accounts.lock_admins(conn)
        if not await accounts.lock_user(conn, user_id=user_id):
            raise NotFound("There is no such user.")
        before = await accounts.find_user(conn, user_id=user_id)
        check(before)
        if before is not None and before.role == "guest":
            raise Invalid("/role", "A guest has no account.")
        if role != "admin" and admins == {user_id}:
            raise LastAdmin
        account = await accounts.set_role(conn, user_id=user_id, role=role)
    await context.invalidation.invalidate(subject("user", user_id))
    return account


async def set_disabled(
    context: AccountContext, *, user_id: int, disabled: bool, check: Precondition = no_precondition
) -> Account:
    """Disable an account or guest, which ends its sessions and stops its API keys at once; or enable it again.

    Raises NotFound, what `check` raises, and LastAdmin for the last administrator who is not disabled.
    """
    async with context.database.change() as conn:
        admins = await accounts.lock_admins(conn)
        if not await accounts.lock_user(conn, user_id=user_id):
            raise NotFound("There is no such user.")
        check(await accounts.find_user(conn, user_id=user_id))
        if disabled and admins == {user_id}:
            raise LastAdmin
        account = await accounts.set_disabled(conn, user_id=user_id, disabled=disabled)
        if disabled:
            await accounts.revoke_sessions(conn, user_id=user_id)
    await context.invalidation.invalidate(subject("user", user_id))
    return account


async def end_all_sessions(context: AccountContext, *, user_id: int) -> None:
    """End every login session of an account or guest, access tokens included."""
    async with context.database.connection() as conn:
        await accounts.revoke_sessions(conn, user_id=user_id)
    await context.invalidation.invalidate(subject("user", user_id))


async def end_session(context: AccountContext, *, session_id: UUID, user_id: int) -> None:
    """End a login session of an account, its access tokens included; raises NotFound."""
    async with context.database.connection() as conn:
        ended = await sessions.end_session(conn, session_id=session_id, user_id=user_id)
    if not ended:
        raise NotFound("You have no such session.")
    await context.invalidation.invalidate(subject("session", session_id))
