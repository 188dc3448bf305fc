"""How many bytes of unfinished request bodies a worker keeps: a flood of slow uploads must not take its memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...errors import Overloaded

FREE_BYTES = 16_384  # of each body: so much of every connection is within reason, and most operations take no more


class BodyBudget:
    """Counts what has come of bodies that have not come whole, beyond the first FREE_BYTES of each.

    What a client only declares is not counted: it could take the whole budget without sending a byte.
    """

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = most_bytes

    @contextmanager
    def counting(self) -> Iterator[Callable[[int], None]]:
        """Around the reading of a body, which calls with its size so far; raises Overloaded if too little is left."""
        counted = 0

        def count(size: int) -> None:
            nonlocal counted
            more = max(0, size - FREE_BYTES) - counted
            if more > self.left_bytes:
                raise Overloaded("Too many large requests are under way: try again shortly.")
            self.left_bytes -= more
            counted += more

        try:
            yield count
        finally:
            self.left_bytes += counted
