"""The limit on holds from one client address in a minute, counted in Redis for all workers.

The command that counts is sent along with the first one of the hold, which waits for both: so the limit costs no
exchange. A minute is that of the worker's clock. While Redis does not count, nothing is limited.
"""

from asyncio import Future
from time import time
from typing import NamedTuple

from ..errors import TooManyAttempts
from ..holds.connection import Reply, pack
from ..holds.store import Holds

MINUTE_S = 60
POLICY = "holds-by-address"


class CountedHold(NamedTuple):
    """A hold that is being counted; the reply is how many its address has in the minute, with this one."""

    reply: "Future[Reply]"
    most: int

    async def require_room(self) -> None:
        """Raise TooManyAttempts if the address has more holds in this minute than it may have."""
        count = await self.reply
        if isinstance(count, int) and count > self.most:
            left_s = MINUTE_S - int(time()) % MINUTE_S
            raise TooManyAttempts(policy=POLICY, most=self.most, window_s=MINUTE_S, retry_after_s=left_s)


class AddressLimit:
    """Counts holds; `most` is 0 for no limit."""

    def __init__(self, holds: Holds, most: int) -> None:
        self._holds = holds
        self._most = most

    def count(self, address: str) -> CountedHold:
        """Count a hold of an address."""
        server, key = self._holds.server, f"reservation:holds:{int(time()) // MINUTE_S}:{address}"
        reply = server.call(pack("INCR", key))

        def expire(counted: "Future[Reply]") -> None:
            if not counted.cancelled() and counted.result() == 1:
                server.call(pack("EXPIRE", key, 2 * MINUTE_S))

        reply.add_done_callback(expire)
        return CountedHold(reply, self._most)

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self._most > 0
