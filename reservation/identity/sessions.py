"""Who is signed in: access tokens that were verified once, remembered until they end.

A token is looked into, and its login session looked up, when it is first seen; after that, a dictionary answers. What
ends a session or changes an account is announced to every worker (see notices.py), which forgets what it remembered.
While it cannot hear of that, a worker remembers nothing; and nothing is remembered for longer than a minute, so that
a lost announcement matters for no longer than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from uuid import UUID

from ..db.pool import Database
from ..db.repository import accounts
from ..db.repository.accounts import User
from ..errors import InvalidToken
from ..runtime.batching import Batcher
from .tokens import Claims, TokenMint

MAX_REMEMBERED = 20_000  # some 2 KB each, token included
REMEMBERED_S = 60.0
MAX_IN_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class Session:
    """A verified token's claims, and the account it speaks for."""

    claims: Claims
    user: User
    good_until: float

    @property
    def user_id(self) -> int:
        """Whose it is."""
        return self.claims.user_id


class Sessions:
    """The login sessions behind access tokens; looks up together what is asked at once."""

    def __init__(self, tokens: TokenMint, database: Database) -> None:
        self._tokens = tokens
        self._database = database
        self._remembered: dict[str, Session] = {}
        self._tokens_of: dict[UUID, set[str]] = {}
        self._connected = False
        self._forgotten = 0  # how often something was, so that a look-up knows of what happened meanwhile
        self._looks: Batcher[Claims, User] = Batcher(self._look_up, max_batch=MAX_IN_A_BATCH, lanes=2)

    async def of(self, token: str) -> Session:
        """The session of a good access token; raises InvalidToken for any other."""
        session = self._remembered.get(token)
        now = time()
        if session is not None and now < session.good_until:
            return session
        claims = self._tokens.read("access", token)
        forgotten = self._forgotten
        user = await self._looks.submit(claims)
        session = Session(claims, user, min(claims.expires_at, now + REMEMBERED_S))
        if self._connected and forgotten == self._forgotten:
            self._remember(token, session)
        return session

    def set_connected(self, connected: bool) -> None:
        """Whether announcements arrive from now on; what was remembered before is forgotten."""
        self._connected = connected
        self._forgotten += 1
        self._remembered.clear()
        self._tokens_of.clear()

    def forget(self, *, session_id: UUID | None = None, user_id: int | None = None, key_id: int | None = None) -> None:
        """A session has ended, or an account has changed; the end of an API key is no business of a session."""
        if key_id is not None:
            return
        self._forgotten += 1
        if session_id is not None:
            sessions = [session_id]
        else:
            sessions = [one.claims.session_id for one in self._remembered.values() if one.user_id == user_id]
        for one in sessions:
            for token in self._tokens_of.pop(one, ()):
                self._remembered.pop(token, None)

    def _remember(self, token: str, session: Session) -> None:
        self._drop(token)
        self._remembered[token] = session
        self._tokens_of.setdefault(session.claims.session_id, set()).add(token)
        if len(self._remembered) > MAX_REMEMBERED:  # the one that was looked up longest ago
            self._drop(next(iter(self._remembered)))

    def _drop(self, token: str) -> None:
        session = self._remembered.pop(token, None)
        if session is not None:
            tokens = self._tokens_of[session.claims.session_id]
            tokens.discard(token)
            if not tokens:
                del self._tokens_of[session.claims.session_id]

    async def _look_up(self, asked: Sequence[Claims]) -> Sequence[User | Exception]:
        async with self._database.connection() as conn:
            found = await accounts.find_sessions(
                conn, sessions=[(claims.session_id, claims.user_id) for claims in asked]
            )
        return [found.get((claims.session_id, claims.user_id)) or InvalidToken() for claims in asked]
