"""How many bytes of unfinished request bodies a worker keeps: a flood of slow uploads must not take its memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import Overloaded


class BodyBudget:
    """Counts what bodies that have not come whole may take, each by its declared size or else its limit."""

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = most_bytes

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Around the reading of a body; raises Overloaded if the others leave too little."""
        if size > self.left_bytes:
            raise Overloaded("Too many large requests are under way: try again shortly.")
        self.left_bytes -= size
        try:
            yield
        finally:
            self.left_bytes += size
