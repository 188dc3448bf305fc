"""The erasure of a person: an account, and the guests with its e-mail address.

The reservations go first, page by page, each committed by itself: an account may have millions. Then one transaction
locks the users, erases what was reserved meanwhile, and the users. If it does not come to that, the account is as it
was, but for what clients wrote to its reservations, and the erasure can be repeated.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from ..db.pool import Connection
from ..db.repository import accounts, erasure
from ..db.repository.erasure import PersonToErase, Place
from ..errors import InvalidCredentials, LastAdmin
from ..runtime import security_log
from .accounts import AccountContext
from .credential_cache import subject

PAGE = 500  # reservations in a transaction
FIRST_PAGE = Place(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


async def erase(context: AccountContext, *, user_id: int, password: str, address: str) -> Sequence[int]:
    """Erase the person of an account; the ids of the account and the guests, whose holds the caller releases.

    Their sessions and API keys end at once. Raises InvalidCredentials for a wrong password and for a guest, who has
    none, LastAdmin, and TooManyAttempts after too many wrong passwords; `address` is the client's.
    """
    person = await _verified(context, user_id, password, address)
    await context.mails.delete_written(person.email)  # and what is written meanwhile, afterwards
    while (erased := await _erase(context, user_id, person)) is None:
        async with context.database.connection() as conn:
            now = await erasure.find_person(conn, user_id=user_id)
        if now is None or now.password_hash != person.password_hash:
            raise InvalidCredentials
        person = now
    await context.mails.delete_written(person.email)
    for each in erased:
        await context.invalidation.invalidate(subject("user", each))
    return erased


async def _erase(context: AccountContext, user_id: int, person: PersonToErase) -> Sequence[int] | None:
    """Erase a person as it was found; whom, or None if another guest with the address has come since."""
    user_ids = [user_id, *person.guest_ids]
    if person.role == "admin":
        async with context.database.transaction() as conn:
            _require_other_admin(await accounts.lock_admins(conn), user_id)
    async with context.database.connection() as conn:
        await _erase_reservations(conn, user_ids)
    async with context.database.transaction() as conn:  # not an administrative change, whoever it is
        if person.role == "admin":  # only then: logins of administrators wait for this lock
            _require_other_admin(await accounts.lock_admins(conn), user_id)
        await erasure.lock_users(conn, user_ids=user_ids)
        now = await erasure.find_person(conn, user_id=user_id)
        if now is None or now.password_hash != person.password_hash:
            raise InvalidCredentials
        if (now.role, now.guest_ids) != (person.role, person.guest_ids):
            return None
        await _erase_reservations(conn, user_ids)
        await erasure.erase_users(conn, user_ids=user_ids)
    return user_ids


async def _erase_reservations(conn: Connection, user_ids: Sequence[int]) -> None:
    """Delete what clients and the box office wrote to all reservations of some users."""
    for user_id in user_ids:
        for erase_page in (erasure.erase_reservations, erasure.erase_archived):
            place: Place | None = FIRST_PAGE
            while place is not None:
                place = await erase_page(
                    conn, user_id=user_id, before=place.created_at, before_id=place.id, row_limit=PAGE
                )


async def _verified(context: AccountContext, user_id: int, password: str, address: str) -> PersonToErase:
    async with context.database.connection() as conn:
        person = await erasure.find_person(conn, user_id=user_id)
    if person is None:
        raise InvalidCredentials("A guest has no password.")
    async with context.attempts.login(folded_email=person.folded_email, address=address):
        if not await context.passwords.verify(person.password_hash, password):
            security_log.record("reauthentication_refused", user_id=user_id, address=address, factor="password")
            raise InvalidCredentials
    return person


def _require_other_admin(admins: frozenset[int], user_id: int) -> None:
    if admins == {user_id}:
        raise LastAdmin
