"""The connection pool: a bounded wait, transactions, and PostgreSQL's errors as domain errors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from time import monotonic, perf_counter
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
    PlaceTaken,
    RowLocked,
    ShowtimeOverlap,
)
from ..runtime.timing import current_timings, timed
from . import metrics
from .change_author import CHANGE_AUTHOR, ChangeAuthor, acts_for_another
from .statements import sql

_Pooled: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | _Pooled"

KEPT_CONNECTIONS = 3  # by the batches of holds, of confirms and of look-ups
LEAVE_EVERY_S = 1.0  # the host may lead to the old server for a while: connect to it this often at most
MIN_SIZE_TO_KEEP = 6  # with fewer connections, kept ones would leave too few to others

# The constraints that a valid request can violate, by name; `not null` has none, hence table and column.
_VIOLATED: dict[str, Callable[[], DomainError]] = {
    "users_folded_email_key": EmailTaken,
    "users_lower_email_key": EmailTaken,
    "seats_row_label_check": partial(CapacityExceeded, "There are no row labels left after ZZZ."),
    "seats_position_key": PlaceTaken,
    "seats_position_excl": PlaceTaken,
    "showtimes_overlap_excl": ShowtimeOverlap,
    "auditoriums_cinema_id_fkey": partial(Invalid, "/cinema_id", "There is no such cinema."),
    "auditoriums.cinema_id": partial(Invalid, "/cinema_id", "Required, since there is not exactly one cinema."),
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
    # The batches retry it with other codes.
    "reservations_code_key": Overloaded,
}

# A statement ended by a time limit, a fail-over, a restart or a lack of connections: a later retry can succeed.
_TEMPORARY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)

# The schema is not what the statement or the session was made for: a DBA has changed it, or is changing it just now.
_OTHER_SCHEMA = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidColumnReferenceError,  # the index of an ON CONFLICT
    asyncpg.DatatypeMismatchError,
    asyncpg.InsufficientPrivilegeError,  # what was dropped and created again has no grants yet
)

# Where PostgreSQL reports an unknown time zone; its message may be in any language.
_OF_TIME_ZONES = {"datetime.c", "timestamp.c"}

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


def is_undone(error: BaseException) -> bool:
    """Whether PostgreSQL has undone what failed with an exception of `Database.connection`, and it may succeed now."""
    return isinstance(error.__cause__, (*_OTHER_SCHEMA, asyncpg.TransactionRollbackError))


def is_violation(error: BaseException, constraint: str) -> bool:
    """Whether a constraint or unique index of this name is the cause of an exception of `Database.connection`."""
    return getattr(error.__cause__, "constraint_name", None) == constraint


def kept_connections(pool_size: int) -> int:
    """How many connections of a pool of this size the batches keep."""
    return KEPT_CONNECTIONS if pool_size >= MIN_SIZE_TO_KEEP else 0


class Database:
    """A connection pool that raises domain errors; `behind_pgbouncer`: a session lasts for one transaction only."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, wait_s: float, behind_pgbouncer: bool = False) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._behind_pgbouncer = behind_pgbouncer
        self._waiting = 0  # for a connection
        metrics.POOL_MAX.read = pool.get_max_size
        metrics.POOL_OPEN.read = pool.get_size
        metrics.POOL_IN_USE.read = lambda: pool.get_size() - pool.get_idle_size()
        metrics.POOL_WAITING.read = lambda: self._waiting
        self._left_at = -LEAVE_EVERY_S
        self.generation = 0  # increments when all connections so far are to be replaced

    def connection(self) -> "PoolConnection":
        """A connection on which every statement commits by itself, as `async with`.

        Raises Overloaded after `wait_s` seconds without a free one, DatabaseUnavailable when PostgreSQL is out of
        reach, RowLocked after lock_timeout, and the domain error of a constraint that a statement violates. While it is
        held, await only PostgreSQL.
        """
        return PoolConnection(self, is_kept=False)

    def kept_connection(self) -> "PoolConnection":
        """A connection for a batcher's lane, which keeps it between blocks: `async with` one block at a time.

        To acquire and release a connection costs more CPU than a batch. It goes back to the pool after an error, and by
        `stop_keeping`.
        """
        return PoolConnection(self, is_kept=kept_connections(self._pool.get_max_size()) > 0)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction, which an exception rolls back; raises as `connection` does.

        Behind PgBouncer a DBA may change the default isolation at any time, so the transaction states its own.
        """
        async with self.connection() as connection, connection.transaction(isolation="read_committed"):
            yield connection

    @asynccontextmanager
    async def change(self, author: ChangeAuthor | None = None) -> AsyncIterator[Connection]:
        """A transaction whose changes the change log records, in the same transaction.

        Without an author, they are those of the request or command (CHANGE_AUTHOR); a customer's are not recorded.
        """
        author = author or CHANGE_AUTHOR.get()
        async with self.transaction() as connection:
            if author is not None:
                await connection.execute(sql("change_log/set_author"), *author)
            yield connection

    def write_for(self, user_id: int) -> AbstractAsyncContextManager[Connection]:
        """A connection for one statement about a person's own; for staff who act for the person, a recorded change."""
        return self.change() if acts_for_another(user_id) else self.connection()

    async def acquire(self) -> _Pooled:
        """A connection of the pool; raises Overloaded and DatabaseUnavailable."""
        self._waiting += 1
        started = perf_counter()
        try:
            with timed("pool"):
                return await self._pool.acquire(timeout=self._wait_s)
        except TimeoutError as error:
            metrics.POOL_TIMEOUTS.value += 1
            raise Overloaded from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            metrics.count_error(error)
            raise DatabaseUnavailable from error
        finally:
            self._waiting -= 1
            metrics.POOL_WAIT.observe(perf_counter() - started)

    async def release(self, connection: _Pooled, error: BaseException | None) -> None:
        """Release a connection, after an error of its statement or without one.

        Behind PgBouncer, a connection whose statement was cancelled is closed. A statement that is not kept prepared
        takes two messages. A task cancelled between them leaves PgBouncer waiting for the second, with a connection of
        PostgreSQL's assigned, until this one is used again.
        """
        if isinstance(error, asyncpg.DatatypeMismatchError) and _source_file(error) == "pl_exec.c":
            # A session keeps the types of the columns that a PL/pgSQL function has seen, so no old one can go on.
            self.generation += 1
            await self._pool.expire_connections()
        if self._behind_pgbouncer and isinstance(error, asyncio.CancelledError | TimeoutError):
            connection.terminate()
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await self._leave_server()
        with suppress(*_TEMPORARY):  # the work is done, or has failed, and the pool has dropped the connection
            await self._pool.release(connection)

    async def _leave_server(self) -> None:
        """Replace every connection before its next use, since the server is read-only: a primary that was demoted.

        A new connection resolves the host's name again, which may lead to the new primary by now.
        """
        now = monotonic()
        if now - self._left_at >= LEAVE_EVERY_S:
            self._left_at = now
            self.generation += 1
            await self._pool.expire_connections()


class PoolConnection:
    """An asynchronous context manager that gives a connection, and raises PostgreSQL's errors as domain errors."""

    __slots__ = ("_connection", "_database", "_generation", "_is_in_use", "_is_kept", "_started")

    def __init__(self, database: Database, *, is_kept: bool) -> None:
        self._database = database
        self._is_kept = is_kept
        self._connection: _Pooled | None = None
        self._generation = 0
        self._is_in_use = False
        self._started = 0.0

    async def __aenter__(self) -> Connection:
        if self._connection is not None and (
            self._generation != self._database.generation or _is_closed(self._connection)
        ):
            await self._release()
        if self._connection is None:
            self._generation = self._database.generation
            self._connection = await self._database.acquire()
        self._is_in_use = True
        self._started = perf_counter()
        return self._connection

    async def __aexit__(self, _: type[BaseException] | None, error: BaseException | None, __: object) -> None:
        timings = current_timings()
        if timings is not None:
            timings.postgresql += (perf_counter() - self._started) * 1000
        self._is_in_use = False
        if error is not None or not self._is_kept:
            await self._release(error)
        if error is not None:
            _raise_domain_error(error)

    async def stop_keeping(self) -> None:
        """Give the connection back to the pool, now or at the end of the block that uses it."""
        self._is_kept = False
        if not self._is_in_use:
            await self._release()

    async def _release(self, error: BaseException | None = None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.release(connection, error)


def _is_closed(connection: _Pooled) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back when PostgreSQL closed it
        return True


def _raise_domain_error(error: BaseException) -> None:
    """Raise the domain error of an error of PostgreSQL or of its connection; nothing for any other."""
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):  # TimeoutError included
        metrics.count_error(error)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        violated = _VIOLATED.get(error.constraint_name or f"{error.table_name}.{error.column_name}")
        if violated is not None:
            raise violated() from error
    elif isinstance(error, asyncpg.InvalidParameterValueError) and _source_file(error) in _OF_TIME_ZONES:
        raise Invalid("/timezone", "The database does not know this time zone.") from error
    elif isinstance(error, asyncpg.LockNotAvailableError):
        raise RowLocked from error
    elif isinstance(error, (*_TEMPORARY, *_OTHER_SCHEMA)):
        raise DatabaseUnavailable from error


def _source_file(error: asyncpg.PostgresError) -> str | None:
    """The file of PostgreSQL's source that reported an error."""
    return getattr(error, "server_source_filename", None)
