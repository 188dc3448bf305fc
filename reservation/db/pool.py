"""The connection pool: a bounded wait, transactions, and PostgreSQL's errors in the words of the domain."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ..errors import (
    CapacityExceeded,
    DatabaseUnavailable,
    DomainError,
    EmailTaken,
    Invalid,
    InvalidToken,
    Overloaded,
    ShowtimeOverlap,
)
from ..runtime.timing import timed

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

# Every constraint that a request can break and that its schema cannot see coming, by name.
_BROKEN: dict[str, Callable[[], DomainError]] = {
    "users_lower_email_key": EmailTaken,
    "seats_row_label_check": partial(CapacityExceeded, "There are no row labels left after ZZZ."),
    "showtimes_overlap_excl": ShowtimeOverlap,
    "showtimes_movie_id_fkey": partial(Invalid, "/movie_id", "There is no such movie."),
    "showtimes_auditorium_id_fkey": partial(Invalid, "/auditorium_id", "There is no such auditorium."),
    # The token is genuine, but its account is not (or no longer) in this database.
    "reservations_user_id_fkey": InvalidToken,
    "login_sessions_user_id_fkey": InvalidToken,
    "api_keys_created_by_fkey": InvalidToken,
    "api_keys_user_id_fkey": partial(Invalid, "/user_id", "There is no such user."),
    "api_keys_expires_at_check": partial(Invalid, "/expires_at", "Must be in the future."),
    # How reservations/confirm refuses to commit a part: one of the reservations has lost a race.
    "reservations_status_check": Overloaded,
}

# A statement cut short by a time limit, a fail-over, a restart or a lack of connections: worth another try later.
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)


# What one of several in a statement can bring upon them all: a broken constraint, or a lock that somebody keeps.
_OF_ONE = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionRollbackError,
)


def is_single_item_error(error: BaseException) -> bool:
    """Whether an exception of `Database.connection` may concern one of a batch only, so that each should try alone."""
    return isinstance(error, _OF_ONE) or isinstance(error.__cause__, _OF_ONE)


class Database:
    """A pool of connections that speaks domain errors; `lent`: a pooler lends them PostgreSQL's while they need one."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, wait_s: float, behind_pgbouncer: bool = False) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._behind_pgbouncer = behind_pgbouncer

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which every statement commits by itself.

        Raises Overloaded after `wait_s` seconds without a free one, DatabaseUnavailable when PostgreSQL is out of
        reach, and the domain error of the constraint that a statement breaks. While it is held, await nothing else.
        """
        with timed("pool"):
            connection = await self._acquire()
        try:
            with timed("postgresql"), self._terminate_on_cancel(connection):
                yield connection
        except asyncpg.IntegrityConstraintViolationError as error:
            broken = _BROKEN.get(error.constraint_name or "")
            if broken is None:
                raise
            raise broken() from error
        except _PASSING as error:
            raise DatabaseUnavailable from error
        finally:
            await self._release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction, which an exception rolls back; raises as `connection` does."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @contextmanager
    def _terminate_on_cancel(self, connection: Connection) -> Iterator[None]:
        """See to it that nothing stays lent when somebody is stopped in the middle.

        A statement that nobody keeps takes two messages, and between them the pooler takes it for unfinished, until the
        connection is used again: rather break it, so that PostgreSQL's is free for others.
        """
        try:
            yield
        except (asyncio.CancelledError, TimeoutError):
            if self._behind_pgbouncer:
                connection.terminate()
            raise

    async def _release(self, connection: Connection) -> None:
        """Give a connection back; one that breaks only now has done its work, and the pool has dropped it."""
        with suppress(*_PASSING):
            await self._pool.release(connection)

    async def _acquire(self) -> Connection:
        try:
            return await self._pool.acquire(timeout=self._wait_s)
        except TimeoutError as error:
            raise Overloaded from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseUnavailable from error
