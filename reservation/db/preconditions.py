"""What a writer has seen of a thing: checked while the thing is locked, in the transaction that writes."""

from collections.abc import Callable
from typing import TypeAlias

# Given what is there now; raises PreconditionFailed where that is not what the writer has seen.
Precondition: TypeAlias = Callable[[object], None]


def no_precondition(current: object) -> None:
    """The check of a writer who sets no condition."""
