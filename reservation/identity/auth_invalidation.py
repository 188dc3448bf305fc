"""Invalidations of remembered credentials, published to every worker over a channel of Redis."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..runtime.cancellation import is_cancel_requested
from ..runtime.redis_client import RedisClient
from .credential_cache import CredentialCache

CHANNEL = "reservation:sessions"
MAX_UNSENT = 10_000
RETRY_EVERY_S = 2.0


class AuthInvalidation:
    """Invalidates in this worker's caches at once, and in other workers' as soon as Redis takes the message.

    A request waits for Redis for `wait_s` at most, and not at all while `redis_hangs`.
    """

    def __init__(
        self,
        redis: RedisClient,
        caches: Sequence[CredentialCache[Any, Any]],
        log: BoundLogger,
        *,
        redis_hangs: Callable[[], bool],
        wait_s: float,
    ) -> None:
        self._redis = redis
        self._caches = caches
        self._log = log
        self._redis_hangs = redis_hangs
        self._wait_s = wait_s
        self._unsent: deque[str] = deque()
        self._retry_now = asyncio.Event()

    async def invalidate(self, name: str) -> None:
        """Invalidate a credential_cache.subject: a revoked login session or API key, or a changed account."""
        self.on_message(name)
        error: Exception | None = TimeoutError("Redis hangs")
        if not self._redis_hangs():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    error = await self._publish(name)
        if error is not None:
            self._log.warning("invalidation_postponed", subject=name, cause=repr(error))
            if len(self._unsent) < MAX_UNSENT:
                self._unsent.append(name)

    def on_message(self, name: str) -> None:
        """Remove a subject's credentials from the caches; one that is not known removes nothing."""
        for cache in self._caches:
            cache.invalidate(name)

    def on_connected(self, connected: bool) -> None:
        """Whether messages arrive from now on."""
        for cache in self._caches:
            cache.set_connected(connected)
        if connected:
            self._retry_now.set()

    async def retry_unsent(self) -> None:
        """Publish what Redis did not take, when the subscription is made and every two seconds."""
        while not is_cancel_requested():
            self._retry_now.clear()
            while self._unsent and await self._publish(self._unsent[0]) is None:
                self._unsent.popleft()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_EVERY_S):
                    await self._retry_now.wait()

    async def _publish(self, name: str) -> Exception | None:
        try:
            await self._redis.publish(CHANNEL, name)
        except (RedisError, OSError, TimeoutError) as error:
            return error
        return None
