"""The connection pool: a bounded wait, and transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from time import monotonic, perf_counter
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ..errors import DatabaseUnavailable, Overloaded
from ..runtime.timing import count_commit, current_timings, timed
from . import metrics
from .change_author import CHANGE_AUTHOR, ChangeAuthor, acts_for_another
from .connection_slots import ConnectionSlots, kept_connections
from .failover.server_lines import OldPrimary, ServerLines
from .postgresql_errors import DRIVER_ERRORS, TEMPORARY, raise_domain_error, source_file
from .statements import sql

_Pooled: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | _Pooled"

_LEAVE_SERVER = (asyncpg.ReadOnlySQLTransactionError, OldPrimary, TimeoutError)
LEAVE_EVERY_S = 1.0  # a host may lead to the old server for a while: connect to it this often at most


class Database:
    """A connection pool that raises domain errors; `behind_pgbouncer`: a session lasts for one transaction only.

    `slots`: the order in which requests get connections; without them it is that of their arrival, and each waits up to
    `wait_s`. `in_metrics`: the metrics of the pool are those of this one. `lines`: those of the pool's options,
    after whose fail-over all connections are replaced.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        *,
        wait_s: float,
        behind_pgbouncer: bool = False,
        slots: ConnectionSlots | None = None,
        in_metrics: bool = True,
        lines: ServerLines | None = None,
    ) -> None:
        self._pool = pool
        self._slots = slots
        self._wait_s = wait_s
        self._behind_pgbouncer = behind_pgbouncer
        self._waiting = 0  # for a connection
        if in_metrics:
            metrics.POOL_MAX.read = pool.get_max_size
            metrics.POOL_OPEN.read = pool.get_size
            metrics.POOL_IN_USE.read = lambda: pool.get_size() - pool.get_idle_size()
            metrics.POOL_WAITING.read = lambda: self._waiting
        self._left_at = -LEAVE_EVERY_S
        self.lines = lines or ServerLines()
        self.lines.on_failed_over.append(self._replace_connections)
        self.generation = 0  # increments when all connections so far are to be replaced

    def connection(self) -> "PoolConnection":
        """A connection on which every statement commits by itself, as `async with`.

        Raises Overloaded without a free one after `wait_s` seconds, or after the time that ConnectionSlots allows,
        DatabaseUnavailable when PostgreSQL is out of reach, RowLocked after lock_timeout, and the domain error of a
        constraint that a statement violates. While it is held, await only PostgreSQL.
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
        count_commit()

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

    async def acquire(self, *, is_kept: bool = False) -> _Pooled:
        """A connection of the pool, for the lane of the current request or to be kept by a batcher.

        Raises Overloaded and DatabaseUnavailable.
        """
        self._waiting += 1
        started = perf_counter()
        try:
            with timed("pool"):
                return await self._acquire(is_kept)
        except TimeoutError as error:
            metrics.POOL_TIMEOUTS.value += 1
            raise Overloaded from error
        except DRIVER_ERRORS as error:
            metrics.count_error(error)
            raise DatabaseUnavailable from error
        finally:
            self._waiting -= 1
            metrics.POOL_WAIT.observe(perf_counter() - started)

    async def _acquire(self, is_kept: bool) -> _Pooled:
        slots = self._slots
        if slots is None:
            return await self._pool.acquire(timeout=self._wait_s)
        timings = current_timings()
        await slots.take(None if timings is None else timings.gate.lane, self._wait_s, is_kept=is_kept)
        try:
            return await self._pool.acquire(timeout=self._wait_s)
        except BaseException:
            slots.give(is_kept=is_kept)
            raise

    async def release(self, connection: _Pooled, error: BaseException | None, *, is_kept: bool = False) -> None:
        """Release a connection, after an error of its statement or without one; `is_kept` as it was acquired.

        Behind PgBouncer, a connection whose statement was cancelled is closed. A statement that is not kept prepared
        takes two messages. A task cancelled between them leaves PgBouncer waiting for the second, with a connection of
        PostgreSQL's assigned, until this one is used again.
        """
        try:
            await self._release(connection, error)
        finally:
            if self._slots is not None:
                self._slots.give(is_kept=is_kept)

    async def _release(self, connection: _Pooled, error: BaseException | None) -> None:
        if isinstance(error, TimeoutError) or (self._behind_pgbouncer and isinstance(error, asyncio.CancelledError)):
            connection.terminate()
        if isinstance(error, _LEAVE_SERVER) and monotonic() - self._left_at >= LEAVE_EVERY_S:
            # A demoted primary: a new connection resolves the host's name again, which may lead to the new one by now.
            # Or a server that does not answer, not even that the statement's time is over: nor will it on the others.
            self._left_at = monotonic()
            await self._replace_connections()
        if isinstance(error, asyncpg.DatatypeMismatchError) and source_file(error) == "pl_exec.c":
            # A session keeps the types of the columns that a PL/pgSQL function has seen, so no old one can go on.
            await self._replace_connections()
        with suppress(*TEMPORARY):  # the work is done, or has failed, and the pool has dropped the connection
            await self._pool.release(connection)

    async def _replace_connections(self) -> None:
        """Replace every connection before its next use."""
        self.generation += 1
        await self._pool.expire_connections()


class PoolConnection:
    """An asynchronous context manager that gives a connection, and raises PostgreSQL's errors as domain errors."""

    __slots__ = ("_connection", "_database", "_generation", "_is_acquired_kept", "_is_in_use", "_is_kept", "_started")

    def __init__(self, database: Database, *, is_kept: bool) -> None:
        self._database = database
        self._is_kept = self._is_acquired_kept = is_kept
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
            self._is_acquired_kept = self._is_kept
            self._connection = await self._database.acquire(is_kept=self._is_kept)
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
            raise_domain_error(error)

    async def stop_keeping(self) -> None:
        """Give the connection back to the pool, now or at the end of the block that uses it."""
        self._is_kept = False
        if not self._is_in_use:
            await self._release()

    async def _release(self, error: BaseException | None = None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.release(connection, error, is_kept=self._is_acquired_kept)


def _is_closed(connection: _Pooled) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back when PostgreSQL closed it
        return True
