"""Changes of passwords by their owners, who know the old one or have got a token by mail."""

from uuid import UUID

from ..db.repository import account_tokens, accounts
from ..db.repository.accounts import User
from ..errors import Forbidden, InvalidCredentials, InvalidToken
from ..runtime import security_log
from .account_mails import hash_of
from .accounts import AccountContext
from .credential_cache import subject


async def change_password(
    context: AccountContext, *, user: User, session_id: UUID, current_password: str, new_password: str, address: str
) -> None:
    """Give the caller's account another password, and end its sessions but `session_id`; `address` is the client's.

    Raises Invalid for a weak password, Forbidden for a guest, InvalidCredentials, and TooManyAttempts after too many of
    those, which count as failed logins.
    """
    if user.role == "guest":
        raise Forbidden("A guest has no password.")
    await context.passwords.require_strong(new_password, "/new_password", personal=(user.name, user.email))
    async with context.database.connection() as conn:
        folded_email, known = await accounts.find_credentials(conn, email=user.email)
    verified_hash = known.password_hash if known is not None and known.id == user.id else None
    async with context.attempts.login(folded_email=folded_email, address=address):
        if not await context.passwords.verify(verified_hash, current_password):
            security_log.record("reauthentication_refused", user_id=user.id, address=address, factor="password")
            raise InvalidCredentials("The current password is wrong.")
    password_hash = await context.passwords.hash(new_password)
    async with context.database.transaction() as conn:
        if not await accounts.set_password(
            conn, user_id=user.id, password_hash=password_hash, verified_hash=verified_hash
        ):
            raise InvalidCredentials("The current password is wrong.")  # it was changed meanwhile
        await accounts.revoke_sessions(conn, user_id=user.id, kept=session_id)
        await account_tokens.delete_tokens(conn, user_id=user.id, purpose="reset_password")
    await context.invalidation.invalidate(subject("user", user.id))


async def request_reset(context: AccountContext, *, email: str, address: str) -> None:
    """Mail a token to the account with this address, if there is one; raises TooManyAttempts in either case.

    An account that has got many mails is sent another only if it has no token that is good for a while.
    """
    async with context.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=email)
    is_within_limit = await context.attempts.count_mail(folded_email=folded_email, address=address)
    await context.mails.request_reset(email, anyway=is_within_limit)


async def reset_password(context: AccountContext, *, token: str, new_password: str) -> int:
    """Spend a mailed token for another password, and end all sessions; the id of the account.

    Raises InvalidToken, and Invalid for a weak password, which does not spend the token.
    """
    token_hash = hash_of(token)
    async with context.database.connection() as conn:
        user = await account_tokens.find_token(conn, token_hash=token_hash, purpose="reset_password")
    if user is None:
        raise InvalidToken
    await context.passwords.require_strong(new_password, "/new_password", personal=(user.name, user.email))
    password_hash = await context.passwords.hash(new_password)
    async with context.database.transaction() as conn:
        # The account first, as in a change of the password: both delete tokens afterwards.
        if not await accounts.set_password(conn, user_id=user.id, password_hash=password_hash, verified_hash=None):
            raise InvalidToken
        if not await account_tokens.spend_token(conn, token_hash=token_hash, purpose="reset_password"):
            raise InvalidToken
        await accounts.revoke_sessions(conn, user_id=user.id)
        await account_tokens.delete_tokens(conn, user_id=user.id, purpose="reset_password")
    await context.invalidation.invalidate(subject("user", user.id))
    return user.id
