"""Who makes the changes of the running request or command: what the change log records with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class ChangeAuthor(NamedTuple):
    """The account, None for a command of the operator; the operation or command; and the request's id."""

    user_id: int | None
    action: str
    request_id: str | None = None


# None while nothing is recorded: for customers.
CHANGE_AUTHOR: ContextVar[ChangeAuthor | None] = ContextVar("change_author", default=None)


@contextmanager
def changes_by(author: ChangeAuthor) -> Iterator[None]:
    """Record the changes that the block makes in `Database.change` as this author's."""
    token = CHANGE_AUTHOR.set(author)
    try:
        yield
    finally:
        CHANGE_AUTHOR.reset(token)


def acts_for_another(user_id: int) -> bool:
    """Whether staff act on what belongs to another account or guest; never for customers and background work."""
    author = CHANGE_AUTHOR.get()
    return author is not None and author.user_id != user_id
