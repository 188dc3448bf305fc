"""What workers tell each other, over a channel of Redis: that a session or key has ended, or an account has changed."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..runtime.pubsub import listen_for_ever

CHANNEL = "reservation:sessions"
SESSION, USER, KEY = "session", "user", "key"
MAX_UNSENT = 10_000


class Listener(Protocol):
    """Who wants to know."""

    def set_connected(self, connected: bool) -> None:
        """Whether announcements arrive from now on."""

    def forget(self, *, session_id: UUID | None = None, user_id: int | None = None, key_id: int | None = None) -> None:
        """A session or an API key has ended, or an account has changed; one of them is given."""


class AuthInvalidation:
    """Tells this worker and every other; what cannot be announced now is later, and remembered for a minute at most."""

    def __init__(self, redis: Redis, listeners: Sequence[Listener], log: BoundLogger) -> None:
        self._redis = redis
        self._listeners = listeners
        self._log = log
        self._unsent: deque[str] = deque()

    async def session_ended(self, session_id: UUID) -> None:
        """A login session is over."""
        self._forget(session_id=session_id)
        await self._publish(f"{SESSION} {session_id}")

    async def account_changed(self, user_id: int) -> None:
        """An account has another role."""
        self._forget(user_id=user_id)
        await self._publish(f"{USER} {user_id}")

    async def key_ended(self, key_id: int) -> None:
        """An API key was revoked."""
        self._forget(key_id=key_id)
        await self._publish(f"{KEY} {key_id}")

    async def listen_for_ever(self) -> None:
        """Pass on what others announce; when the connection fails, say so, and connect again."""
        await listen_for_ever(self._redis, CHANNEL, self, self._log)

    def set_connected(self, connected: bool) -> None:
        """Whether announcements arrive from now on."""
        for listener in self._listeners:
            listener.set_connected(connected)

    def take(self, notice: str) -> None:
        """Pass on what somebody has announced."""
        kind, _, subject = notice.partition(" ")
        with suppress(ValueError):  # somebody else's word on our channel
            if kind == SESSION:
                self._forget(session_id=UUID(subject))
            elif kind == USER:
                self._forget(user_id=int(subject))
            elif kind == KEY:
                self._forget(key_id=int(subject))

    async def catch_up(self) -> None:
        """Announce what could not be while Redis was away: others may have heard of nothing amiss."""
        for _ in range(len(self._unsent)):
            await self._publish(self._unsent.popleft())

    def _forget(self, *, session_id: UUID | None = None, user_id: int | None = None, key_id: int | None = None) -> None:
        for listener in self._listeners:
            listener.forget(session_id=session_id, user_id=user_id, key_id=key_id)

    async def _publish(self, notice: str) -> None:
        try:
            await self._redis.publish(CHANNEL, notice)
        except (RedisError, OSError, TimeoutError) as error:
            self._log.warning("notice_put_off", notice=notice, cause=repr(error))
            if len(self._unsent) < MAX_UNSENT:
                self._unsent.append(notice)
