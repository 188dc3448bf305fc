"""How often somebody may try: failed logins and sign-ups, counted in Redis for all workers and instances.

Each is a moving window of the library `limits`, which keeps the instants of the last attempts of a window. For logins
there are three, and each answers another attack:

    login                  one account from one address: somebody guesses a password, or has forgotten it
    login-by-address       all accounts from one address: somebody tries leaked passwords, account by account
    login-by-account       one account from all addresses: somebody guesses with many addresses

The first is the narrow one, and no other address feels it: whoever guesses shuts out nobody but themselves. The third
is wide, so that it takes many addresses to fill, and an address from which the account was lately signed in is exempt
from it: its owner still gets in while the attack goes on. Attempts that are refused do not count, so to go on trying
does not make the wait longer.

An account is what PostgreSQL takes for one: its e-mail address as `lower()` makes it in the locale of the database. Any
other folding has addresses that it keeps apart and PostgreSQL does not, and then each spelling is a fresh allowance; or
the other way round, and then an account shuts another one out.

What is full is refused before Argon2 is spent, and again after it: many guesses sent at once all pass the first look,
but no more of them than the limit learn whether they were right.

Limits protect passwords, and a login needs PostgreSQL only: while Redis does not answer, nothing is limited. Instants
are the workers' own: where clocks of hosts differ, a window is as much longer or shorter.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from time import monotonic, time
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.util import WindowStats
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..errors import InvalidCredentials, Overloaded, TooManyAttempts

PREFIX = "attempts"
KNOWN_S = 30 * 86_400  # how long an address is remembered as one of an account's own
RESTS_S = 5.0  # how long Redis is left alone after a failure: no login waits for it, and no line a login is logged
MAX_ASKING = 200  # at once: a flood must not make Redis seem out of reach, which would lift the limits
MINUTE_S = 60
SIGNUPS_PER_EMAIL = 60  # a minute; nobody needs a second one, but each costs an Argon2 hash


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many attempts are let through in a window; 0 is no limit."""

    login_window_s: int
    login_failures: int
    login_failures_per_account: int
    login_failures_per_address: int
    signups_per_minute_per_address: int


@dataclass(frozen=True, slots=True)
class _Window:
    """One count: its limit, and whose it is.

    A success forgives it where it is `forgiven`. `unless` is a key of Redis that a success sets, and that exempts.
    """

    limit: RateLimitItem
    whose: str
    forgiven: bool = False
    unless: str | None = None


class Attempts:
    """Counts attempts; every method raises TooManyAttempts, and lets all through while Redis does not answer."""

    def __init__(self, redis: Redis, limits: AttemptLimits, log: BoundLogger) -> None:
        self._redis = redis
        self._limits = limits
        self._log = log
        # The pool is the service's own, so the library, which wants an address, never connects to it.
        pool: Any = redis.connection_pool
        storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)
        self._windows = MovingWindowRateLimiter(storage)
        self._rests_until = 0.0
        self._asking = 0

    @asynccontextmanager
    async def login(self, *, folded_email: str, address: str) -> AsyncIterator[None]:
        """Around the check of a password: InvalidCredentials in it is a failure that counts, its end a success."""
        windows = self._of_login(_digest(folded_email), _digest(address))
        await self._look(windows)
        try:
            yield
        except InvalidCredentials:
            await self._count(windows)
            raise
        await self._look(windows)
        await self._succeeded(windows)

    async def sign_up(self, *, folded_email: str, address: str) -> None:
        """Count a sign-up, whatever becomes of it."""
        most = self._limits.signups_per_minute_per_address
        if most:
            by_address = _limit("signup-by-address", most, MINUTE_S)
            by_account = _limit("signup-by-account", SIGNUPS_PER_EMAIL, MINUTE_S)
            await self._count([_Window(by_address, _digest(address)), _Window(by_account, _digest(folded_email))])

    def _of_login(self, account: str, address: str) -> list[_Window]:
        """The windows of a login that have a limit, the narrowest first."""
        limits, window_s = self._limits, self._limits.login_window_s
        known = f"{PREFIX}:known:{account}:{address}"
        windows = (
            _Window(_limit("login", limits.login_failures, window_s), f"{account}:{address}", forgiven=True),
            _Window(_limit("login-by-address", limits.login_failures_per_address, window_s), address),
            _Window(_limit("login-by-account", limits.login_failures_per_account, window_s), account, unless=known),
        )
        return [window for window in windows if window.limit.amount]

    async def _look(self, windows: Sequence[_Window]) -> None:
        """Raise TooManyAttempts if one of the windows is full."""
        if self._rests():
            return
        with self._let_through():
            for window, stats in zip(windows, await asyncio.gather(*map(self._stats, windows)), strict=True):
                if stats.remaining <= 0:
                    await self._refuse(window)

    async def _count(self, windows: Sequence[_Window]) -> None:
        """Count an attempt in each of the windows; raise TooManyAttempts if one of them was full.

        One after another: what a narrow window refuses must not fill a wide one, which others feel.
        """
        if self._rests():
            return
        with self._let_through():
            for window in windows:
                if not await self._windows.hit(window.limit, window.whose):
                    await self._refuse(window)

    async def _refuse(self, window: _Window) -> None:
        if window.unless is not None and await self._redis.exists(window.unless):
            return
        stats = await self._stats(window)
        raise TooManyAttempts(
            policy=window.limit.namespace,
            most=window.limit.amount,
            window_s=window.limit.get_expiry(),
            retry_after_s=max(1, ceil(stats.reset_time - time())),
        )

    async def _succeeded(self, windows: Sequence[_Window]) -> None:
        """Forgive what is to be forgiven, and remember the address as one of the account's own."""
        if self._rests():
            return
        with self._let_through():
            for window in windows:
                if window.forgiven:
                    await self._windows.clear(window.limit, window.whose)
                if window.unless is not None:
                    await self._redis.set(window.unless, 1, ex=KNOWN_S)

    async def _stats(self, window: _Window) -> WindowStats:
        return await self._windows.get_window_stats(window.limit, window.whose)

    def _rests(self) -> bool:
        return monotonic() < self._rests_until

    @contextmanager
    def _let_through(self) -> Iterator[None]:
        """Go on when Redis fails, and do not ask it again at once; raises Overloaded when too many ask."""
        if self._asking >= MAX_ASKING:
            raise Overloaded
        self._asking += 1
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            if not self._rests():
                self._log.warning("attempts_not_limited", cause=repr(error), for_s=RESTS_S)
            self._rests_until = monotonic() + RESTS_S
        finally:
            self._asking -= 1


def _limit(name: str, most: int, window_s: int) -> RateLimitItem:
    return RateLimitItemPerSecond(most, window_s, namespace=name)


def _digest(text: str) -> str:
    """A key that is short and harmless whatever was typed, and tells nobody who reads Redis the address."""
    return sha256(text.encode()).hexdigest()[:32]
