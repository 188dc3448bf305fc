"""How many streams of Server-Sent Events one client address may have open in a worker.

Each worker counts its own, so a client may have as many with each of them: no store is asked.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import TooManyRequests
from ..limit_texts import STREAMS

RETRY_AFTER_S = 10
SPARE_FILES = 512  # file descriptors that viewers leave for other connections and the stores


class StreamLimit:
    """Counts the streams of each address; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: dict[str, int] = {}

    @contextmanager
    def count(self, address: str) -> Iterator[None]:
        """Count a stream for the duration of the block; raises TooManyRequests."""
        streams = self._streams.get(address, 0)
        if self._most and streams >= self._most:
            raise TooManyRequests(RETRY_AFTER_S, STREAMS)
        self._streams[address] = streams + 1
        try:
            yield
        finally:
            self._streams[address] -= 1
            if not self._streams[address]:
                del self._streams[address]


def most_viewers(wanted: int, open_files: int) -> int:
    """The number that is wanted, or fewer, so that file descriptors remain for other connections."""
    if open_files == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(open_files - SPARE_FILES, open_files // 2))
