"""API keys of machine clients: made, listed and ended by administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..db.pool import Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import api_keys
from ..db.repository.api_keys import ApiKey
from ..errors import NotFound
from . import api_key_format as key_format
from .api_key_cache import ApiKeyCache
from .api_key_limits import ApiKeyLimits
from .auth_invalidation import AuthInvalidation


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """What API keys need: to be kept, to be let in, and to be waited for."""

    database: Database
    notices: AuthInvalidation
    holders: ApiKeyCache
    turns: ApiKeyLimits


async def make(
    stores: ApiKeys,
    *,
    name: str,
    user_id: int,
    scopes: Sequence[str],
    created_by: int,
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """A new key, and how it reads, which is known nowhere else from now on; raises Invalid."""
    key = key_format.new_key()
    async with stores.database.connection() as conn:
        made = await api_keys.insert_key(
            conn,
            name=name,
            user_id=user_id,
            prefix=key[: key_format.PREFIX_CHARS],
            key_hash=key_format.hash_of(key),
            scopes=scopes,
            created_by=created_by,
            expires_at=expires_at,
        )
    return made, key


async def revoke(stores: ApiKeys, *, key_id: int, check: Precondition = no_precondition) -> None:
    """End a key, in every worker; again changes nothing. Raises NotFound and what `check` raises."""
    async with stores.database.transaction() as conn:
        found = None
        if await api_keys.lock_key(conn, key_id=key_id):
            found = await api_keys.find_key(conn, key_id=key_id)
        if found is None:
            raise NotFound("There is no such API key.")
        check(found.version)
        await api_keys.revoke_key(conn, key_id=key_id)
    await stores.notices.key_ended(key_id)
