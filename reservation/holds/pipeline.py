"""Lua scripts on one pipelined connection: what is asked while a pipeline is under way goes with the next."""

import asyncio
from collections.abc import AsyncIterator, Sequence
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
from .scripts import ALL, DETECT_RESTART, Script

MAX_IN_A_PIPELINE = 256
RUN_KEY = "reservation:run"  # the server that the maps were counted on


class Call(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    showtime_id: int
    keys: tuple[str, ...]
    args: tuple[str | int, ...] = ()


Answer: TypeAlias = list[int] | DomainError


class ScriptPipeline:
    """Runs scripts for concurrent callers together; raises HoldsUnavailable to whom Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._connection: AbstractConnection | None = None  # the client's, who closes it
        self._has_met = False
        self._patience_s: float | None = None
        self._calls: Batcher[Sequence[Call], Sequence[Answer]] = Batcher(
            self._run, max_batch=MAX_IN_A_PIPELINE, waits_for="redis"
        )

    async def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """Run scripts together with whatever else is asked of Redis just then; answers for each what it does.

        A script that Redis refuses, since somebody has put another kind of value there, fails for itself alone.
        """
        return await self._calls.submit(calls) if calls else []

    async def _run(self, asked: Sequence[Sequence[Call]]) -> list[Sequence[Answer] | Exception]:
        """One round trip for everybody's calls."""
        answers = map(_outcome, await self._evaluate([call for calls in asked for call in calls]))
        return [list(islice(answers, len(calls))) for calls in asked]

    async def _evaluate(self, calls: Sequence[Call]) -> list[object]:
        async with answering():
            answers = await self._send(calls)
            unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:  # a new Redis, or one that was emptied of its scripts
                for script in ALL:
                    await self._redis.script_load(script.source)
                for place, answer in zip(unknown, await self._send([calls[place] for place in unknown]), strict=True):
                    answers[place] = answer
        return answers

    async def _send(self, calls: Sequence[Call]) -> list[object]:
        """Write all commands at once, then read the answers; once more on a new connection if this one breaks.

        redis-py's own pipeline packs every argument in Python and starts a timer for each answer, which cost as much
        as all the rest of a hold.
        """
        if self._connection is None:
            self._connection = await self._redis.connection_pool.get_connection()
            # One timer for the exchange, instead of one for each of its steps.
            self._patience_s, self._connection.socket_timeout = self._connection.socket_timeout, None
        connection = self._connection
        packed = [_pack("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args) for call in calls]
        try:
            answers: list[object] = await connection.retry.call_with_retry(
                lambda: self._exchange(connection, packed), lambda _: self._hang_up(connection)
            )
        except BaseException:
            await self._hang_up(connection)  # an answer may yet arrive, and must not be taken for another's
            raise
        return answers

    async def _hang_up(self, connection: AbstractConnection) -> None:
        self._has_met = False
        await connection.disconnect(nowait=True)

    async def _exchange(self, connection: AbstractConnection, packed: Sequence[bytes]) -> list[object]:
        answers: list[object] = []
        try:
            async with asyncio.timeout(self._patience_s):
                if not self._has_met:
                    await connection.send_packed_command(_pack("EVAL", DETECT_RESTART.source, 1, RUN_KEY))
                    await connection.read_response()
                    self._has_met = True
                await connection.send_packed_command(packed)
                for _ in packed:
                    try:
                        answers.append(await connection.read_response())
                    except ResponseError as error:
                        answers.append(error)
        except TimeoutError as error:
            raise RedisTimeoutError("no answer in time") from error  # what redis-py tries again after
        return answers


def _outcome(answer: object) -> Answer:
    if isinstance(answer, Exception):
        error = HoldsUnavailable()
        error.__cause__ = answer
        return error
    return answer if isinstance(answer, list) else []  # a script that answers nothing answers None


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Redis's failures in the word of the domain, and the time in the request's timings."""
    try:
        with timed("redis"):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise HoldsUnavailable from error


def _pack(*words: str | int) -> bytes:
    packed: bytes = pack_command(words)  # type: ignore[arg-type]  # its stub knows tuples of one only
    return packed
