"""The connection pool: a bounded wait, transactions, and PostgreSQL's errors as domain errors."""

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
    RowLocked,
    ShowtimeOverlap,
)
from ..runtime.timing import timed

_Pooled: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | _Pooled"

# The constraints that a valid request can violate, by name.
_VIOLATED: dict[str, Callable[[], DomainError]] = {
    "users_lower_email_key": EmailTaken,
    "seats_row_label_check": partial(CapacityExceeded, "There are no row labels left after ZZZ."),
    "showtimes_overlap_excl": ShowtimeOverlap,
    "showtimes_movie_id_fkey": partial(Invalid, "/movie_id", "There is no such movie."),
    "showtimes_auditorium_id_fkey": partial(Invalid, "/auditorium_id", "There is no such auditorium."),
    # The token is genuine, but its account is not in this database, or not any more.
    "reservations_user_id_fkey": InvalidToken,
    "login_sessions_user_id_fkey": InvalidToken,
    "api_keys_created_by_fkey": InvalidToken,
    "api_keys_user_id_fkey": partial(Invalid, "/user_id", "There is no such user."),
    "api_keys_expires_at_check": partial(Invalid, "/expires_at", "Must be in the future."),
    # reservations/confirm fails on it, rather than commit a part, when one of the reservations has lost a race.
    "reservations_status_check": Overloaded,
}

# A statement ended by a time limit, a fail-over, a restart or a lack of connections: a later retry can succeed.
_TEMPORARY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)

# Errors of a batch that one of its items can cause: a violated constraint, or a lock that another session holds.
_OF_ONE_ITEM = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionRollbackError,
)


def is_single_item_error(error: BaseException) -> bool:
    """Whether one item of a batch may have caused an exception of `Database.connection`: then retry each alone."""
    return isinstance(error, _OF_ONE_ITEM) or isinstance(error.__cause__, _OF_ONE_ITEM)


class Database:
    """A connection pool that raises domain errors; `behind_pgbouncer`: a session lasts for one transaction only."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, wait_s: float, behind_pgbouncer: bool = False) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._behind_pgbouncer = behind_pgbouncer

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which every statement commits by itself.

        Raises Overloaded after `wait_s` seconds without a free one, DatabaseUnavailable when PostgreSQL is out of
        reach, RowLocked after lock_timeout, and the domain error of a constraint that a statement violates. While it is
        held, await only PostgreSQL.
        """
        with timed("pool"):
            connection = await self._acquire()
        try:
            with timed("postgresql"), self._terminate_on_cancel(connection):
                yield connection
        except asyncpg.IntegrityConstraintViolationError as error:
            violated = _VIOLATED.get(error.constraint_name or "")
            if violated is None:
                raise
            raise violated() from error
        except asyncpg.LockNotAvailableError as error:
            raise RowLocked from error
        except _TEMPORARY as error:
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
        """Behind PgBouncer, close a connection whose statement is cancelled.

        A statement that is not kept prepared takes two messages. A task cancelled between them leaves PgBouncer waiting
        for the second, with a connection of PostgreSQL's assigned, until this one is used again.
        """
        try:
            yield
        except (asyncio.CancelledError, TimeoutError):
            if self._behind_pgbouncer:
                connection.terminate()
            raise

    async def _release(self, connection: _Pooled) -> None:
        """Release a connection; an error now comes after the work is done, and the pool has dropped the connection."""
        with suppress(*_TEMPORARY):
            await self._pool.release(connection)

    async def _acquire(self) -> _Pooled:
        try:
            return await self._pool.acquire(timeout=self._wait_s)
        except TimeoutError as error:
            raise Overloaded from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseUnavailable from error
