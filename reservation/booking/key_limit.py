"""How many idempotency keys are stored for an account in a day (UTC), counted in Redis for all workers.

A key is counted once it is stored, by a command whose reply no request waits for; the reply tells the worker that the
account has no more. So an account may get some more keys than the limit, at most those of the requests that are under
way. A day is that of the worker's clock. While Redis does not count, nothing is limited.
"""

from asyncio import Future
from contextlib import suppress
from time import time

from ..errors import Overloaded, TooManyAttempts
from ..holds.connection import Reply
from ..holds.store import Holds

DAY_S = 86_400


class KeyLimit:
    """Counts stored keys; `most` is that of an account, 0 for no limit."""

    def __init__(self, holds: Holds, most: int) -> None:
        self._holds = holds
        self._most = most
        self._day = 0
        self._full: set[int] = set()  # accounts that have as many as there may be today

    def require_room(self, user_id: int) -> None:
        """Raise TooManyAttempts if as many keys of the account were stored today as there may be."""
        if user_id in self._full:
            now = int(time())
            if now // DAY_S == self._day:
                left_s = DAY_S - now % DAY_S
                raise TooManyAttempts(policy="idempotency-keys", most=self._most, window_s=DAY_S, retry_after_s=left_s)

    def count(self, user_id: int) -> None:
        """Count a key that was stored."""
        if not self._most:
            return
        day = int(time()) // DAY_S
        key = f"reservation:idempotency:{day}:{user_id}"

        def learn(counted: "Future[Reply]") -> None:
            number = None if counted.cancelled() else counted.result()
            if not isinstance(number, int):
                return
            if number >= self._most:
                if day > self._day:
                    self._day, self._full = day, set()
                self._full.add(user_id)

        with suppress(Overloaded):
            self._holds.count(key, 2 * DAY_S).add_done_callback(learn)
