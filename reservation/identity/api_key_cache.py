"""Who API keys act for: keys that were looked up once, remembered until they end.

As with access tokens (see sessions.py): the end of a key, or a change of its account, is announced to every worker;
nothing is remembered while announcements do not arrive, and nothing for longer than a minute.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from structlog.stdlib import BoundLogger

from ..db.pool import Database
from ..db.repository import api_keys
from ..db.repository.accounts import User
from ..db.repository.api_keys import Holder
from ..errors import InvalidToken, Unavailable
from ..runtime.batching import Batcher
from . import api_key_format as key_format

MAX_REMEMBERED = 5000
REMEMBERED_S = 60.0
MAX_IN_A_BATCH = 64
NOTE_USES_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class ApiKeyIdentity:
    """A good key, and the account it acts for; `good_until` by this process's monotonic clock."""

    key_id: int
    scopes: frozenset[str]
    user: User
    good_until: float

    @property
    def user_id(self) -> int:
        """Whose it is."""
        return self.user.id


class ApiKeyCache:
    """The accounts behind API keys; keys are known by their hash here, too, so a memory dump has none."""

    def __init__(self, database: Database, log: BoundLogger) -> None:
        self._database = database
        self._log = log
        self._remembered: dict[bytes, ApiKeyIdentity] = {}
        self._used: set[int] = set()
        self._connected = False
        self._forgotten = 0  # how often something was, so that a look-up knows of what happened meanwhile
        self._looks: Batcher[bytes, Holder] = Batcher(self._look_up, max_batch=MAX_IN_A_BATCH)

    async def of(self, key: str) -> ApiKeyIdentity:
        """Who a good key acts for; raises InvalidToken for any other."""
        key_hash = key_format.hash_of(key)
        holder = self._remembered.get(key_hash)
        now = monotonic()
        if holder is None or now >= holder.good_until:
            if not key_format.is_whole(key):
                raise InvalidToken
            forgotten = self._forgotten
            found = await self._looks.submit(key_hash)
            # From before the question on, so that it is not taken for good a moment longer than it is.
            good_for_s = REMEMBERED_S if found.good_for_s is None else min(found.good_for_s, REMEMBERED_S)
            holder = ApiKeyIdentity(found.key_id, found.scopes, found.user, now + good_for_s)
            if self._connected and forgotten == self._forgotten:
                self._remember(key_hash, holder)
        self._used.add(holder.key_id)
        return holder

    def set_connected(self, connected: bool) -> None:
        """Whether announcements arrive from now on; what was remembered before is forgotten."""
        self._connected = connected
        self._forgotten += 1
        self._remembered.clear()

    def forget(self, *, session_id: UUID | None = None, user_id: int | None = None, key_id: int | None = None) -> None:
        """A key has ended, or an account has changed; the end of a login session is no business of a key."""
        if session_id is not None:
            return
        self._forgotten += 1
        ended = [
            key_hash
            for key_hash, holder in self._remembered.items()
            if holder.key_id == key_id or holder.user_id == user_id
        ]
        for key_hash in ended:
            del self._remembered[key_hash]

    async def note_uses(self) -> None:
        """Write down which keys were used since the last time; raises Unavailable, and then tries them next time."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            async with self._database.connection() as conn:
                await api_keys.note_uses(conn, key_ids=sorted(used))
        except Unavailable:
            self._used |= used
            raise

    async def note_uses_for_ever(self) -> None:
        """Write them down about once a minute; nobody waits for it, and no failure ends it."""
        while True:
            await asyncio.sleep(NOTE_USES_EVERY_S)
            try:
                await self.note_uses()
            except Unavailable as error:
                self._log.warning("key_uses_put_off", cause=repr(error))
            except Exception:  # whatever it is, it must not end the noting for good and unnoticed
                self._log.exception("key_uses_failed")

    def _remember(self, key_hash: bytes, holder: ApiKeyIdentity) -> None:
        self._remembered.pop(key_hash, None)
        self._remembered[key_hash] = holder
        if len(self._remembered) > MAX_REMEMBERED:  # the one that was looked up longest ago
            del self._remembered[next(iter(self._remembered))]

    async def _look_up(self, asked: Sequence[bytes]) -> Sequence[Holder | Exception]:
        async with self._database.connection() as conn:
            found = await api_keys.find_holders(conn, key_hashes=asked)
        return [found.get(key_hash) or InvalidToken() for key_hash in asked]
