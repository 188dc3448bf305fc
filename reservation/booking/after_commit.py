"""What may still fail once PostgreSQL has committed what was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import DatabaseUnavailable, Overloaded

DONE = (
    "It may have been done, but cannot be shown at the moment: read the reservation, or send the same request again"
    " with the same Idempotency-Key."
)


@contextmanager
def after_commit() -> Iterator[None]:
    """Around what is read for the answer; raises DatabaseUnavailable in place of Overloaded.

    A client that gets `overloaded` may rely on it that nothing was done, and may ask for something else.
    """
    try:
        yield
    except Overloaded as error:
        raise DatabaseUnavailable(DONE) from error
