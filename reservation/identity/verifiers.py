"""Verifies access tokens and API keys: from memory, or by a look-up in PostgreSQL that concurrent requests share."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic, time
from uuid import UUID

from ..db.pool import Database
from ..db.repository import accounts, api_keys
from ..db.repository.accounts import User
from ..db.repository.api_keys import KeyHoldLimits, ValidKey
from ..errors import InvalidToken, Unavailable
from ..runtime.batching import Batcher
from . import api_key_format
from .credential_cache import MAX_AGE_S, CredentialCache, Identity, subject
from .tokens import Claims, TokenMint

MAX_ACCESS_TOKENS = 20_000  # some 2 KB each, token included
MAX_API_KEYS = 5000
MAX_IN_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class SessionIdentity(Identity):
    """The account of an access token, and its login session."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class ApiKeyIdentity(Identity):
    """The account that an API key acts for, what the key may be used for, and its own limits on holds."""

    key_id: int
    scopes: frozenset[str]
    limits: KeyHoldLimits


class AccessTokenVerifier:
    """Verifies access tokens."""

    def __init__(self, tokens: TokenMint, database: Database) -> None:
        self.cache: CredentialCache[str, SessionIdentity] = CredentialCache(MAX_ACCESS_TOKENS)
        self._tokens = tokens
        self._database = database
        self._lookups: Batcher[Claims, User] = Batcher(
            self._find_users, max_batch=MAX_IN_A_BATCH, name="access_tokens", lanes=2
        )

    async def verify(self, token: str) -> SessionIdentity:
        """The identity of a valid access token; raises InvalidToken."""
        return self.cache.get(token) or await self.cache.fill(token, self._look_up(token))

    async def _look_up(self, token: str) -> SessionIdentity:
        claims = self._tokens.read("access", token)
        valid_until = monotonic() + min(claims.expires_at - time(), MAX_AGE_S)
        user = await self._lookups.submit(claims)
        subjects = (subject("session", claims.session_id), subject("user", user.id))
        return SessionIdentity(user, subjects, valid_until, claims.session_id)

    async def _find_users(self, batch: Sequence[Claims]) -> Sequence[User | Exception]:
        async with self._database.connection() as conn:
            found = await accounts.find_sessions(conn, sessions=[(one.session_id, one.user_id) for one in batch])
        return [found.get((one.session_id, one.user_id)) or InvalidToken() for one in batch]


class ApiKeyVerifier:
    """Verifies API keys and writes when they were last used; keeps their hashes only, so a memory dump has no key."""

    def __init__(self, database: Database) -> None:
        self.cache: CredentialCache[bytes, ApiKeyIdentity] = CredentialCache(MAX_API_KEYS)
        self._database = database
        self._used: set[int] = set()
        self._lookups: Batcher[bytes, ValidKey] = Batcher(self._find_keys, max_batch=MAX_IN_A_BATCH, name="api_keys")

    async def verify(self, key: str) -> ApiKeyIdentity:
        """The identity of a valid API key; raises InvalidToken."""
        key_hash = api_key_format.hash_of(key)
        identity = self.cache.get(key_hash)
        if identity is None:
            if not api_key_format.is_whole(key):
                raise InvalidToken
            identity = await self.cache.fill(key_hash, self._look_up(key_hash))
        self._used.add(identity.key_id)
        return identity

    async def write_last_used(self) -> None:
        """Write which keys were used since the last call; raises Unavailable, and keeps them for the next call."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with self._database.connection() as conn:
                await api_keys.set_last_used(conn, key_ids=sorted(used))
        except Unavailable:
            self._used |= used
            raise

    async def _look_up(self, key_hash: bytes) -> ApiKeyIdentity:
        asked_at = monotonic()  # before the look-up, so that a key never outlives its expires_at
        found = await self._lookups.submit(key_hash)
        remaining_s = inf if found.remaining_s is None else found.remaining_s
        subjects = (subject("key", found.key_id), subject("user", found.user.id))
        valid_until = asked_at + min(remaining_s, MAX_AGE_S)
        return ApiKeyIdentity(found.user, subjects, valid_until, found.key_id, found.scopes, found.limits)

    async def _find_keys(self, batch: Sequence[bytes]) -> Sequence[ValidKey | Exception]:
        async with self._database.connection() as conn:
            found = await api_keys.find_valid(conn, key_hashes=batch)
        return [found.get(key_hash) or InvalidToken() for key_hash in batch]
