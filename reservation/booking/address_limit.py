"""The limits on the holds from one client address or of one API key, counted in Redis for all workers.

Counted are the holds in a minute, and the seats of a showtime that an address has in live holds. The script that takes
the seats counts the latter: what was confirmed or given up, or has expired, does not count. After a loss of Redis's
data, only holds from then on count.

The command that counts the former is sent along with the first one of the hold, which waits for both: so the limit
costs no exchange. A minute is that of the worker's clock. While Redis does not count, nothing is limited.
"""

from asyncio import Future
from time import time
from typing import NamedTuple

from ..errors import TooManyAttempts
from ..holds.connection import Reply
from ..holds.store import Holds
from ..holds.take_calls import AddressSeats

MINUTE_S = 60


class CountedHold(NamedTuple):
    """A hold that is being counted; the reply is how many its address or key has in the minute, with this one."""

    reply: "Future[Reply]"
    most: int
    policy: str

    async def require_room(self) -> None:
        """Raise TooManyAttempts if there are more holds in this minute than there may be."""
        count = await self.reply
        if isinstance(count, int) and count > self.most:
            left_s = MINUTE_S - int(time()) % MINUTE_S
            raise TooManyAttempts(policy=self.policy, most=self.most, window_s=MINUTE_S, retry_after_s=left_s)


class AddressLimit:
    """Counts holds; `most` is that of an address in a minute, `most_seats` that of one in a showtime; 0 for no limit.

    A hold lives at most `longest_s`.
    """

    def __init__(self, holds: Holds, most: int, most_seats: int, longest_s: int) -> None:
        self._holds = holds
        self._most = most
        self._most_seats = most_seats
        self._longest_s = longest_s

    def seats_of(self, address: str) -> AddressSeats | None:
        """What an address may have of a showtime; None without a limit."""
        return AddressSeats(address, self._most_seats, self._longest_s) if self._most_seats else None

    def count(self, address: str) -> CountedHold:
        """Count a hold from an address."""
        return self._count(address, self._most, "holds-by-address")

    def count_of_key(self, key_id: int, most: int) -> CountedHold:
        """Count a hold of an API key, of which it may make so many in a minute."""
        return self._count(f"api-key-{key_id}", most, "holds-by-api-key")

    def _count(self, whose: str, most: int, policy: str) -> CountedHold:
        key = f"reservation:holds:{int(time()) // MINUTE_S}:{whose}"
        return CountedHold(self._holds.count(key, 2 * MINUTE_S), most, policy)

    def __bool__(self) -> bool:
        """Whether addresses have a limit."""
        return self._most > 0
