"""Confirmed e-mail addresses, and the reservations of guests that come with them."""

from ..db.repository import account_tokens, accounts
from ..db.repository.accounts import User
from ..errors import Forbidden, InvalidToken
from .account_mails import hash_of
from .accounts import AccountContext
from .credential_cache import subject

ADOPTED_AT_ONCE = 500  # reservations in one transaction


async def verify_email(context: AccountContext, *, user_id: int, token: str) -> None:
    """Spend a mailed token: the account's address is confirmed, and reservations of guests with it are the account's.

    The token must be of the caller's own account: a stranger may have signed up with the address, and would get the
    reservations when its owner follows the link. They are moved in batches, each in a transaction. The last one spends
    the token, so that a request that fails before can be repeated. Raises InvalidToken.
    """
    token_hash = hash_of(token)
    async with context.database.connection() as conn:
        user = await account_tokens.find_token(conn, token_hash=token_hash, purpose="verify_email")
    if user is None or user.id != user_id:
        raise InvalidToken
    while not await _adopt(context, user, token_hash):
        pass
    await context.invalidation.invalidate(subject("user", user.id))


async def _adopt(context: AccountContext, user: User, token_hash: bytes) -> bool:
    """Give the account a batch of reservations; True if it was the last, which confirms the address."""
    async with context.database.transaction() as conn:
        await accounts.lock_user(conn, user_id=user.id)
        if await account_tokens.find_token(conn, token_hash=token_hash, purpose="verify_email") is None:
            raise InvalidToken
        adopted = await accounts.adopt_reservations(conn, user_id=user.id, email=user.email, row_limit=ADOPTED_AT_ONCE)
        if adopted == ADOPTED_AT_ONCE:
            return False
        await account_tokens.delete_tokens(conn, user_id=user.id, purpose="verify_email")
        await accounts.set_email_verified(conn, user_id=user.id)
        return True


async def send_again(context: AccountContext, *, user: User, address: str) -> None:
    """Mail another token for the address, unless it is confirmed; raises TooManyAttempts, and Forbidden for a guest."""
    if user.role == "guest":
        raise Forbidden("A guest has no account whose address could be confirmed.")
    async with context.database.connection() as conn:
        folded_email = await accounts.fold_email(conn, email=user.email)
    is_within_limit = await context.attempts.count_mail(folded_email=folded_email, address=address)
    if not user.email_verified:
        await context.mails.request_verification(user.id, anyway=is_within_limit)
