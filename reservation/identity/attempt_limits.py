"""Limits on failed logins, sign-ups and mails with tokens, counted in Redis for all workers and instances.

Each limit is a moving window of the library `limits`. For logins there are three, each against another attack:

    login                  one account from one address: guesses at a password
    login-by-address       all accounts from one address: leaked passwords, tried account by account
    login-by-account       one account from all addresses: guesses at a password from many addresses

The first affects no other address, so guesses do not lock the account's owner out. An address from which the account
was lately logged in is exempt from the third, so the owner can log in during an attack. Refused attempts do not count.
An account is identified by its e-mail address as PostgreSQL's `fold_email` folds it, which makes addresses unique.

A full window refuses an attempt before Argon2 runs, and again after it: of many guesses sent at once, all of which pass
the first check, only as many as the limit get an answer. While Redis does not answer, nothing is limited.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from time import monotonic, time
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisClusterStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.util import WindowStats
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..errors import InvalidCredentials, Overloaded, TooManyAttempts
from ..runtime.redis_client import RedisClient
from ..runtime.redis_cluster import ClusterClient
from ..settings import Settings
from .metrics import ATTEMPTS_LIMITED, LOGINS

PREFIX = "attempts"
KNOWN_S = 30 * 86_400  # how long an address stays exempt from an account's login-by-account limit
REDIS_RETRY_S = 5.0  # how long Redis is not asked after a failure, so that logins do not wait for it
MAX_IN_FLIGHT = 200  # requests to Redis: a flood must not make it time out, which would lift the limits
MINUTE_S = 60
SIGNUPS_PER_EMAIL = 60  # a minute; each costs an Argon2 hash
HOUR_S = 3600
MAILS_PER_EMAIL = 5  # an hour, besides that of the sign-up: from one address, and without further ones from all


@dataclass(frozen=True, slots=True)
class _Window:
    """One count: its limit, 0 for none, and the account, address or both that it counts for.

    A successful login clears it if `clears`. While the Redis key `exempt_if` exists, which a successful login sets, the
    window refuses nothing.
    """

    limit: RateLimitItem
    subject: str
    clears: bool = False
    exempt_if: str | None = None


class AttemptLimiter:
    """Counts attempts; every method raises TooManyAttempts and Overloaded, but neither while Redis does not answer.

    `redis_hangs` tells whether Redis is known to hang: then it is not asked, for which an attempt would wait.
    """

    def __init__(
        self, redis: RedisClient, settings: Settings, log: BoundLogger, redis_hangs: Callable[[], bool] = lambda: False
    ) -> None:
        self._redis = redis
        self._log = log
        self._redis_hangs = redis_hangs
        self._limiter = MovingWindowRateLimiter(_storage(redis))
        self._login_limits = (
            _limit("login", settings.login_failures, settings.login_window_s),
            _limit("login-by-address", settings.login_failures_per_address, settings.login_window_s),
            _limit("login-by-account", settings.login_failures_per_account, settings.login_window_s),
        )
        self._signups_per_address = settings.signups_per_minute_per_address
        self._retry_redis_at = 0.0
        self._in_flight = 0

    @asynccontextmanager
    async def login(self, *, folded_email: str, address: str) -> AsyncIterator[None]:
        """Around the check of a password: an InvalidCredentials in the block counts, its normal end is a success."""
        windows = self._login_windows(_digest(folded_email), _digest(address))
        await self._ask_redis(self._require_room, windows)
        try:
            yield
        except InvalidCredentials:
            LOGINS.counts["refused"] += 1
            await self._ask_redis(self._count, windows)
            raise
        await self._ask_redis(self._require_room, windows)
        await self._ask_redis(self._record_success, windows)

    async def count_sign_up(self, *, folded_email: str, address: str) -> None:
        """Count a sign-up, also one that fails later."""
        windows = (
            _Window(_limit("signup-by-address", self._signups_per_address, MINUTE_S), _digest(address)),
            _Window(_limit("signup-by-account", SIGNUPS_PER_EMAIL, MINUTE_S), _digest(folded_email)),
        )
        await self._ask_redis(self._count, windows)

    async def count_mail(self, *, folded_email: str, address: str) -> bool:
        """Count a request for a mail with a token, whether or not the e-mail address has an account.

        False if the account has had its mails of this hour: the request is not refused, since strangers may have asked
        for them, but only an account without a token is sent another mail.
        """
        account, client = _digest(folded_email), _digest(address)
        windows = (
            _Window(_limit("mail", MAILS_PER_EMAIL, HOUR_S), f"{account}:{client}"),
            _Window(_limit("mail-by-address", self._signups_per_address, MINUTE_S), client),
        )
        await self._ask_redis(self._count, windows)
        limit = _limit("mail-by-account", MAILS_PER_EMAIL, HOUR_S)
        try:
            await self._ask_redis(self._count, [_Window(limit, account, exempt_if=_known(account, client))])
        except TooManyAttempts:
            return False
        return True

    def _login_windows(self, account: str, address: str) -> Sequence[_Window]:
        """The windows of a login, the narrowest first."""
        by_both, by_address, by_account = self._login_limits
        return (
            _Window(by_both, f"{account}:{address}", clears=True),
            _Window(by_address, address),
            _Window(by_account, account, exempt_if=_known(account, address)),
        )

    async def _require_room(self, windows: Sequence[_Window]) -> None:
        """Raise TooManyAttempts if one of the windows is full."""
        for window, stats in zip(windows, await asyncio.gather(*map(self._stats, windows)), strict=True):
            if stats.remaining <= 0:
                await self._refuse(window)

    async def _count(self, windows: Sequence[_Window]) -> None:
        """Count an attempt in each window; raise TooManyAttempts at the first that is full.

        One after another: what a narrow window refuses must not count in a wide one, which affects others.
        """
        for window in windows:
            if not await self._limiter.hit(window.limit, window.subject):
                await self._refuse(window)

    async def _record_success(self, windows: Sequence[_Window]) -> None:
        """Clear the account's failures from this address, and exempt the address from login-by-account."""
        for window in windows:
            if window.clears:
                await self._limiter.clear(window.limit, window.subject)
            if window.exempt_if is not None:
                await self._redis.set(window.exempt_if, 1, ex=KNOWN_S)

    async def _refuse(self, window: _Window) -> None:
        """Raise TooManyAttempts unless the window exempts."""
        if window.exempt_if is not None and await self._redis.exists(window.exempt_if):
            return
        stats = await self._stats(window)
        policy = window.limit.namespace
        ATTEMPTS_LIMITED.counts[policy] += 1
        if policy.startswith("login"):
            LOGINS.counts["limited"] += 1
        raise TooManyAttempts(
            policy=policy,
            most=window.limit.amount,
            window_s=window.limit.get_expiry(),
            retry_after_s=max(1, ceil(stats.reset_time - time())),
        )

    async def _stats(self, window: _Window) -> WindowStats:
        return await self._limiter.get_window_stats(window.limit, window.subject)

    async def _ask_redis(self, ask: Callable[[Sequence[_Window]], Awaitable[None]], windows: Sequence[_Window]) -> None:
        """Ask for the windows that have a limit; do nothing if Redis fails, and for a while after that.

        Raises what `ask` raises, and Overloaded at MAX_IN_FLIGHT.
        """
        limited = [window for window in windows if window.limit.amount]
        if not limited or monotonic() < self._retry_redis_at:
            return
        if self._redis_hangs():
            self._leave_redis("Redis hangs")
            return
        if self._in_flight >= MAX_IN_FLIGHT:
            raise Overloaded
        self._in_flight += 1
        try:
            await ask(limited)
        except (RedisError, OSError, TimeoutError) as error:
            self._leave_redis(repr(error))
        finally:
            self._in_flight -= 1

    def _leave_redis(self, cause: str) -> None:
        """Do not ask Redis for a while."""
        if monotonic() >= self._retry_redis_at:
            self._log.warning("attempts_not_limited", cause=cause, for_s=REDIS_RETRY_S)
        self._retry_redis_at = monotonic() + REDIS_RETRY_S


class _ClusterStorage(RedisClusterStorage):
    """The library's storage in a cluster, through the given client."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        super().__init__("async+redis+cluster://", implementation="redispy", key_prefix=PREFIX)

    def configure_bridge(self) -> None:
        """Called by the library."""
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda _: self._client


def _storage(redis: RedisClient) -> RedisStorage:
    if isinstance(redis, ClusterClient):
        return _ClusterStorage(redis)
    # The library requires a URL but connects through the given pool.
    pool: Any = redis.connection_pool
    return RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)


def _limit(name: str, most: int, window_s: int) -> RateLimitItem:
    return RateLimitItemPerSecond(most, window_s, namespace=name)


def _known(account: str, address: str) -> str:
    """The Redis key that exempts an address from which the account was logged in."""
    return f"{PREFIX}:known:{account}:{address}"


def _digest(text: str) -> str:
    """Part of a Redis key: short, without special characters, and not readable as an e-mail or network address."""
    return sha256(text.encode()).hexdigest()[:32]
