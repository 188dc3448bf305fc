"""A Redis server that runs scripts: its connection is opened when a command needs one, and again after a failure.

Socket, TLS and login follow the options of redis-py's client, so that all its forms of URL work. A cluster has one
RedisServer a master (cluster_servers.py).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial

import structlog
from hiredis import ReplyError
from redis.asyncio import Connection as TcpConnection, Redis, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection
from redis.exceptions import RedisError

from ..errors import Overloaded
from ..runtime.redis_client import REDIS_TIMEOUT_S
from . import metrics
from .connection import RUN_KEY, ConnectionLost, RedisConnection, Reply
from .open_connection import introduce, open_socket
from .scripts import KEPT_SINCE

MAX_IN_FLIGHT = 10_000  # a few megabytes; Redis answers so many in a fraction of a second
# Redis refuses to write, or to do anything: a master that was demoted, or that a replica may replace.
LEFT_AFTER = frozenset({"READONLY", "MASTERDOWN", "LOADING", "MISCONF", "NOREPLICAS", "CLUSTERDOWN"})
LEAVE_EVERY_S = 1.0  # the host may lead to the old server for a while: connect to it this often at most
# A hold is answered without a second look at Redis if its take is at most so old (booking/redis_lease.py).
UNVERIFIED_S = 0.15
# After a loss of Redis's data, PostgreSQL is read no sooner than this. A take that was lost may be of a hold that is
# answered all the same: its worker may be told of the loss too late. By then the hold is in PostgreSQL.
READ_AFTER_LOSS_S = UNVERIFIED_S + 0.05
BACKOFF_S = (0.0, 0.01, 0.02, 0.05, 0.1)  # after so many connections in a row could not be opened

log = structlog.stdlib.get_logger("reservation.redis")


class RedisServer:
    """Sends commands on a connection that it opens when it is needed; options and address are those of `redis`.

    `epoch` increments as soon as it is known that the connection was lost or that the server has forgotten the holds.
    As long as it is the same, Redis has kept what was written to it. `kept_since` tells the server the same: scripts
    compare it with what it has. Empty while it is not known. `kept_at`: when, by the loop's clock.
    `wait_s` is the longest that a caller waits for a Redis that hangs: then it is told so, and so are at once those who
    call until Redis answers. None: the timeout of the connection, after which it is opened again, is the only limit.

    `run_key` is the one to compare; a cluster's node has one of its own.
    """

    def __init__(
        self, redis: Redis, *, max_in_flight: int = MAX_IN_FLIGHT, wait_s: float | None = None, run_key: str = RUN_KEY
    ) -> None:
        self._pool = redis.connection_pool
        self.run_key = run_key
        self._in_cluster = run_key != RUN_KEY
        self._wait_s = wait_s
        self._is_away = False  # whether the last attempt to connect took longer than wait_s
        self._max_in_flight = max_in_flight
        self._connection: RedisConnection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._waiting: list[tuple[bytes, bool, asyncio.Future[Reply]]] = []  # for a connection
        self._failures = 0  # connections in a row that could not be opened
        self._address = ""  # of the last one that was opened
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened_at = 0.0
        self._left_after = ""  # Redis's reason, until another server has been found
        self.on_reconnected: Callable[[str], None] | None = None  # called with that reason when it has one
        self.on_answering: Callable[[], None] | None = None  # called when it answers, for the first time or again
        self.epoch = 0
        self.kept_since = ""
        self.kept_at = 0.0

    def call(self, command: bytes, *, shared: bool = False) -> "asyncio.Future[Reply]":
        """The reply to a packed command, or why there is none; raises Overloaded.

        A `shared` command is sent once for all who call it in the same round of the loop.
        """
        connection = self._connection
        loop = self._loop
        if loop is None:  # kept, since get_running_loop() is a system call in Python 3.11
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        is_open = connection is not None and connection.accepts
        if len(connection.in_flight if connection is not None and is_open else self._waiting) >= self._max_in_flight:
            raise Overloaded
        if connection is not None and is_open:
            connection.call(command, future, shared=shared)
        elif connection is not None and connection.is_stalled and not connection.is_lost:
            future.set_result(TimeoutError("Redis does not answer"))
        else:
            if self._opening is None:
                self._opening = loop.create_task(self._open(), context=Context())
            if self._is_away:
                future.set_result(TimeoutError("Redis does not answer"))
            else:
                self._waiting.append((command, shared, future))
        return future

    def hangs(self) -> bool:
        """Whether callers are told that Redis does not answer, without waiting for it."""
        return self._is_away or (self._connection is not None and self._connection.is_stalled)

    def is_lost(self, reply: Reply) -> bool:
        """Whether to repeat the command, on another connection: this one broke, or Redis refuses to write on it.

        Leaves the server then; a new connection resolves the host's name again, which may lead to the new master.
        """
        if type(reply) is ConnectionLost:
            return True
        reason = _demotion(reply)
        if not reason:
            return False
        connection = self._connection
        is_recent = asyncio.get_running_loop().time() - self._opened_at < LEAVE_EVERY_S
        if connection is not None and not connection.is_lost and not is_recent:
            self._left_after = reason
            connection.lose(ConnectionResetError(f"Redis refuses to write: {reason}"))
        return True

    def reading_delay_s(self) -> float:
        """How long to wait before PostgreSQL is read for a priming: more than 0 only soon after a loss of data."""
        if self._connection is None or self._connection.is_lost:
            return READ_AFTER_LOSS_S
        return max(0.0, self.kept_at + READ_AFTER_LOSS_S - asyncio.get_running_loop().time())

    async def leave_old_master(self) -> None:
        """Leave a server that is not the master for Sentinel any more, though it may not know that and take writes."""
        connection, pool = self._connection, self._pool
        if connection is None or connection.is_lost or not isinstance(pool, SentinelConnectionPool):
            return
        with suppress(RedisError):  # no Sentinel answers, or there is no master just now
            address = await pool.get_master_address()
            if connection is self._connection and not connection.is_lost and address != connection.sentinel_address:
                self._left_after = "DEMOTED"
                connection.lose(ConnectionResetError("Sentinel names another master"))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._connection is not None:
            self._connection.lose(ConnectionAbortedError("the service closes the connection"))
            await self._connection.closed

    async def _open(self) -> None:
        """Open a connection and send on it what waits; if that fails, those who wait get the error."""
        error: BaseException = ConnectionAbortedError("the service closes the connection")
        started, address = asyncio.get_running_loop().time(), ""
        limit = None
        if self._wait_s is not None and self._opened_at:  # the first may take long, at the start of the process
            limit = asyncio.get_running_loop().call_later(self._wait_s, self._give_up)
        try:
            await asyncio.sleep(BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)])
            options = self._pool.make_connection()
            address = _address(options)
            connection = await self._connect(options)
            self._use(connection, _address(options))  # Sentinel has named the master
        except Exception as failure:
            error = failure
            self._count_failure(failure, address, after_s=asyncio.get_running_loop().time() - started)
        finally:
            if limit is not None:
                limit.cancel()
            self._opening = None
            waiting, self._waiting = self._waiting, []
            for command, shared, future in waiting:
                if not future.done():  # else its caller was cancelled
                    if self._connection is None or self._connection.is_lost:
                        future.set_result(error)
                    else:
                        self._connection.call(command, future, shared=shared)

    def _use(self, connection: RedisConnection, address: str) -> None:
        if self._failures or (self._address and address != self._address):
            log.info("redis_connected", server=address, failed_attempts=self._failures)
        self._connection, self._address = connection, address
        self._failures, self._is_away = 0, False
        if self._wait_s is not None:
            connection.limit_wait(self._wait_s)
        if self.on_answering is not None:
            connection.on_recovered = self.on_answering
            self.on_answering()
        metrics.CONNECTIONS.value += 1
        self._opened_at = self.kept_at = asyncio.get_running_loop().time()
        self._ask_kept_since(connection)
        if self._left_after and self.on_reconnected is not None:
            self.on_reconnected(self._left_after)
        self._left_after = ""

    def _count_failure(self, failure: Exception, address: str, *, after_s: float) -> None:
        if not self._failures:
            log.warning("redis_not_connected", server=address, cause=repr(failure))
        self._failures += 1
        self._is_away = self._wait_s is not None and after_s > self._wait_s
        metrics.CONNECTION_FAILURES.value += 1
        self._left_after = _demotion(failure.__cause__) or self._left_after

    async def _connect(self, options: AbstractConnection) -> RedisConnection:
        """A connection on which DETECT_RESTART has run; `options` is redis-py's connection, which stays unconnected."""
        timeout_s = options.socket_timeout or REDIS_TIMEOUT_S
        connection = RedisConnection(timeout_s, self._on_changed, in_cluster=self._in_cluster)
        try:
            async with asyncio.timeout(options.socket_connect_timeout):
                await open_socket(options, connection)
                await introduce(options, connection, self.run_key, in_cluster=self._in_cluster)
        except BaseException as error:
            connection.lose(ConnectionAbortedError(*error.args))
            raise
        return connection

    def _give_up(self) -> None:
        """Tell those who wait for a connection that Redis does not answer; the attempt to connect goes on."""
        self._is_away = True
        waiting, self._waiting = self._waiting, []
        for _, _, future in waiting:
            if not future.done():
                future.set_result(TimeoutError("Redis does not answer in time"))

    def _on_changed(self) -> None:
        self.epoch += 1
        metrics.EPOCH_LOSSES.value += 1
        self.kept_since, self.kept_at = "", asyncio.get_running_loop().time()
        if self._connection is not None and not self._connection.is_lost:
            self._ask_kept_since(self._connection)

    def _ask_kept_since(self, connection: RedisConnection) -> None:
        asked = connection.ask("EVAL", KEPT_SINCE.source, 1, self.run_key)
        asked.add_done_callback(partial(self._on_kept_since, self.epoch))

    def _on_kept_since(self, epoch: int, asked: "asyncio.Future[Reply]") -> None:
        reply = asked.result()
        if epoch != self.epoch:  # a loss was told in the same piece of data, after the reply
            return
        if isinstance(reply, list):
            since, age_ms = reply
            self.kept_since = since.decode()
            self.kept_at = asyncio.get_running_loop().time() - max(0, age_ms) / 1000
        else:
            self.kept_since = ""  # an error: Redis is asked first


def _demotion(reply: Reply) -> str:
    """The first word of a refusal after which the server is left; empty for any other reply."""
    reason = str(reply).partition(" ")[0] if isinstance(reply, ReplyError) else ""
    return reason if reason in LEFT_AFTER else ""


def _address(options: AbstractConnection) -> str:
    if isinstance(options, UnixDomainSocketConnection):
        return str(options.path)
    if isinstance(options, SentinelManagedConnection):
        pool = options.connection_pool
        if (options.host, options.port) != pool.master_address:
            return f"the master of {pool.service_name}"
    return f"{options.host}:{options.port}" if isinstance(options, TcpConnection) else ""
