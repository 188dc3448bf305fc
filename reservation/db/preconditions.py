"""If-Match: the state that a writer has seen, checked under the row lock, in the transaction that writes."""

from collections.abc import Callable
from typing import TypeAlias

# Called with the current state; raises PreconditionFailed where that is not what the writer has seen.
Precondition: TypeAlias = Callable[[object], None]


def no_precondition(current: object) -> None:
    """The check of a write without If-Match."""
