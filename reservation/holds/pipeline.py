"""Runs Lua scripts on one pipelined connection: calls that arrive during a round trip go out with the next one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import NamedTuple, TypeAlias

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError, TimeoutError as RedisTimeoutError

from ..errors import DomainError, HoldsUnavailable
from ..runtime.batching import Batcher
from ..runtime.timing import timed
from .scripts import DETECT_RESTART, PIPELINED, Script

MAX_IN_A_PIPELINE = 256
RUN_KEY = "reservation:run"  # run_id of the Redis server that wrote the maps


class Call(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    showtime_id: int
    keys: tuple[str, ...]
    args: tuple[str | int, ...] = ()


ScriptResult: TypeAlias = list[int] | DomainError


class ScriptPipeline:
    """Runs the scripts of concurrent callers together; raises HoldsUnavailable when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._connection: AbstractConnection | None = None  # the client closes it
        self._is_checked = False  # whether DETECT_RESTART ran on the connection
        self._timeout_s: float | None = None
        self._batcher: Batcher[Sequence[Call], Sequence[ScriptResult]] = Batcher(
            self._run_batch, max_batch=MAX_IN_A_PIPELINE, waits_for="redis"
        )

    def run(self, calls: Sequence[Call]) -> Awaitable[Sequence[ScriptResult]]:
        """Run scripts, in one round trip with those of other callers; a result for each.

        A script that Redis refuses (a key has another type) has an error as its result; the others are not concerned.
        """
        # Without a coroutine of its own: every request passes here.
        return self._batcher.submit(calls) if calls else _no_results()

    async def _run_batch(self, batch: Sequence[Sequence[Call]]) -> list[Sequence[ScriptResult] | Exception]:
        sent: list[Call] = []
        shared: dict[tuple[Script, int], int] = {}
        places: list[int] = []  # in `sent`, of each call that was asked for
        for calls in batch:
            for call in calls:
                place = len(sent)
                if call.script.shared:
                    place = shared.setdefault((call.script, call.showtime_id), place)
                if place == len(sent):
                    sent.append(call)
                places.append(place)
        replies = await self._evaluate(sent)
        results = [reply if type(reply := replies[place]) is list else _result(reply) for place in places]
        if len(results) == len(batch):  # one call each, as most often
            return [[result] for result in results]
        left = iter(results)
        return [list(islice(left, len(calls))) for calls in batch]

    async def _evaluate(self, calls: Sequence[Call]) -> list[object]:
        async with redis_errors():
            replies = await self._send(calls)
            unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:  # a new Redis, or SCRIPT FLUSH
                for script in PIPELINED:
                    await self._redis.script_load(script.source)
                for place, reply in zip(unknown, await self._send([calls[place] for place in unknown]), strict=True):
                    replies[place] = reply
        return replies

    async def _send(self, calls: Sequence[Call]) -> list[object]:
        """Write all commands, then read the replies; once more on a new connection if this one breaks.

        redis-py's own pipeline packs every argument in Python and starts a timer for each reply, which takes as much
        CPU as the rest of a hold.
        """
        if self._connection is None:
            self._connection = await self._redis.connection_pool.get_connection()
            # One timer for the exchange, instead of one for each of its steps.
            self._timeout_s, self._connection.socket_timeout = self._connection.socket_timeout, None
        connection = self._connection
        packed = [_pack("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args) for call in calls]
        try:
            replies: list[object] = await connection.retry.call_with_retry(
                lambda: self._exchange(connection, packed), lambda _: self._disconnect(connection)
            )
        except BaseException:
            await self._disconnect(connection)  # a late reply must not be read as that to another command
            raise
        return replies

    async def _disconnect(self, connection: AbstractConnection) -> None:
        self._is_checked = False
        await connection.disconnect(nowait=True)

    async def _exchange(self, connection: AbstractConnection, packed: Sequence[bytes]) -> list[object]:
        replies: list[object] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                if not self._is_checked:
                    await connection.send_packed_command(_pack("EVAL", DETECT_RESTART.source, 1, RUN_KEY))
                    await connection.read_response()
                    self._is_checked = True
                await connection.send_packed_command(packed)
                for _ in packed:
                    try:
                        replies.append(await connection.read_response())
                    except ResponseError as error:
                        replies.append(error)
        except TimeoutError as error:
            raise RedisTimeoutError("no reply in time") from error  # redis-py repeats the exchange after this one
        return replies


async def _no_results() -> Sequence[ScriptResult]:
    return ()


def _result(reply: object) -> ScriptResult:
    if isinstance(reply, Exception):
        error = HoldsUnavailable()
        error.__cause__ = reply
        return error
    return []  # None from a script that returns nothing


@asynccontextmanager
async def redis_errors() -> AsyncIterator[None]:
    """Raise Redis's failures as HoldsUnavailable, and count the time as Redis's in the request's timings."""
    try:
        with timed("redis"):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise HoldsUnavailable from error


def _pack(*words: str | int) -> bytes:
    packed: bytes = pack_command(words)  # type: ignore[arg-type]  # its stub accepts tuples of one element only
    return packed
