"""What a person confirms again within a login session: the password, and a code of the second factor."""

from uuid import UUID

from ..db.repository import accounts, sessions
from ..db.repository.accounts import User
from ..errors import Forbidden, InvalidCredentials, InvalidToken, ReauthenticationRequired
from ..runtime import security_log
from . import totp
from .accounts import AccountContext


async def reauthenticate(
    context: AccountContext, *, user: User, session_id: UUID, password: str, totp_code: str | None, address: str
) -> None:
    """Note that the owner of a login session has given the password again.

    Raises Forbidden for a guest, and InvalidCredentials, TotpRequired and TooManyAttempts as `log_in` does.
    """
    if user.role == "guest":
        raise Forbidden("A guest has no password.")
    async with context.database.connection() as conn:
        folded_email, known = await accounts.find_credentials(conn, email=user.email)
    verified_hash = known.password_hash if known is not None and known.id == user.id else None
    async with context.attempts.login(folded_email=folded_email, address=address):
        if not await context.passwords.verify(verified_hash, password):
            security_log.record("reauthentication_refused", user_id=user.id, address=address, factor="password")
            raise InvalidCredentials("The password is wrong.")
        factor = await totp.verify(context.database, user_id=user.id, code=totp_code, address=address)
    async with context.database.connection() as conn:
        if not await sessions.set_reauthenticated(conn, session_id=session_id, password_hash=verified_hash or ""):
            raise InvalidToken
    security_log.record("reauthenticated", user_id=user.id, address=address, session_id=str(session_id), factor=factor)


async def remove_second_factor(context: AccountContext, *, user: User, code: str, address: str) -> None:
    """Let the logins of an account need no code; raises InvalidCredentials and TooManyAttempts as `log_in` does."""
    async with context.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=user.email)
    async with context.attempts.login(folded_email=folded_email, address=address):
        await totp.verify(context.database, user_id=user.id, code=code, address=address)
    await totp.remove(context.database, user_id=user.id)


async def require_recent_password(context: AccountContext, *, session_id: UUID) -> None:
    """Raise ReauthenticationRequired if it is too long ago that the password was given in this session."""
    if not context.reauthentication_s:
        return
    async with context.database.connection() as conn:
        if not await sessions.is_recent(conn, session_id=session_id, within_s=context.reauthentication_s):
            raise ReauthenticationRequired
