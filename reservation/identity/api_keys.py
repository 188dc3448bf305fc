"""API keys of machine clients, which administrators create and revoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..db.pool import Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import api_keys
from ..db.repository.api_keys import ApiKey, KeyHoldLimits
from ..errors import NotFound
from . import api_key_format
from .api_key_limits import ApiKeyLimits
from .auth_invalidation import AuthInvalidation
from .credential_cache import subject
from .verifiers import ApiKeyVerifier


@dataclass(frozen=True, slots=True)
class ApiKeyContext:
    """What requests that manage or use API keys need."""

    database: Database
    invalidation: AuthInvalidation
    verifier: ApiKeyVerifier
    limits: ApiKeyLimits


async def create(
    context: ApiKeyContext,
    *,
    name: str,
    user_id: int,
    scopes: Sequence[str],
    created_by: int,
    expires_at: datetime | None,
    limits: KeyHoldLimits,
) -> tuple[ApiKey, str]:
    """The stored key's row and the key itself, which cannot be read again; raises Invalid."""
    key = api_key_format.new_key()
    async with context.database.change() as conn:
        row = await api_keys.insert_key(
            conn,
            name=name,
            user_id=user_id,
            prefix=key[: api_key_format.PREFIX_CHARS],
            key_hash=api_key_format.hash_of(key),
            scopes=scopes,
            created_by=created_by,
            expires_at=expires_at,
            limits=limits,
        )
    return row, key


async def revoke(context: ApiKeyContext, *, key_id: int, check: Precondition = no_precondition) -> None:
    """Revoke a key in every worker; a second time changes nothing. Raises NotFound and what `check` raises."""
    async with context.database.change() as conn:
        found = None
        if await api_keys.lock_key(conn, key_id=key_id):
            found = await api_keys.find_key(conn, key_id=key_id)
        if found is None:
            raise NotFound("There is no such API key.")
        check(found.version)
        await api_keys.revoke_key(conn, key_id=key_id)
    await context.invalidation.invalidate(subject("key", key_id))
