"""Runs Lua scripts in Redis: loads those that Redis does not know, and repeats a call once whose connection broke."""

from asyncio import Future
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic, perf_counter
from typing import NamedTuple, TypeAlias

from hiredis import ReplyError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..errors import DomainError, HoldsUnavailable
from ..runtime.timing import current_timings, timed
from .connection import Reply, pack
from .keys import WRITABLE_KEY
from .metrics import REDIS_SECONDS, count_error
from .redis_server import RedisServer
from .scripts import CHECK_WRITABLE, COUNT, Script

CALLS_AT_ONCE = 256  # of one caller, so that others get their turns


class Call(NamedTuple):
    """A script with its keys and arguments, and the command that runs it."""

    script: Script
    showtime_id: int
    keys: tuple[str, ...]
    args: tuple[str | int, ...]
    command: bytes


def script_call(script: Script, showtime_id: int, keys: tuple[str, ...], args: tuple[str | int, ...] = ()) -> Call:
    """A call by the script's digest."""
    return Call(script, showtime_id, keys, args, pack("EVALSHA", script.sha, len(keys), *keys, *args))


ScriptResult: TypeAlias = list[int] | DomainError


class ReadStart(NamedTuple):
    """What is noted before PostgreSQL is read for a priming without a ticket: since when which server has kept all.

    Without `kept_since` the reading primes nothing.
    """

    kept_since: str
    run_key: str
    started: float  # on the monotonic clock

    @classmethod
    def of(cls, server: RedisServer | None) -> "ReadStart":
        """That of a reading which begins now; soon after a loss of data it comes too early."""
        if server is None or server.reading_delay_s():
            return cls("", "", monotonic())
        return cls(server.kept_since, server.run_key, monotonic())


class ScriptRunner:
    """Runs the scripts of concurrent callers; raises HoldsUnavailable when Redis does not answer.

    A script that Redis refuses (a key has another type) has an error as its result; others are not concerned.
    """

    def __init__(self, redis: Redis, *, wait_s: float | None = None) -> None:
        self._redis = redis
        self.server = RedisServer(redis, wait_s=wait_s)

    async def ping(self) -> None:
        """Raise HoldsUnavailable unless Redis answers."""
        async with redis_errors():
            await self._redis.execute_command("PING")

    async def check_writable(self) -> None:
        """Write to the master as a hold does; raises HoldsUnavailable, whose cause is the refusal or lost link."""
        await self.server.leave_old_master()
        await self.run_one(writable_call(WRITABLE_KEY))

    def read_start(self, showtime_id: int) -> ReadStart:
        """What is noted before PostgreSQL is read for a priming without a ticket."""
        return ReadStart.of(self.server)

    def reading_delay_s(self, _: int) -> float:
        """How long to wait before PostgreSQL is read to prime a showtime."""
        return self.server.reading_delay_s()

    def count(self, key: str, kept_s: int) -> "Future[Reply]":
        """Count in a key, which expires so long after its first count; its count, or why there is none."""
        return self.server.call(count_command(key, kept_s))

    async def run_one(self, call: Call) -> list[int]:
        """Run one script; raises HoldsUnavailable also if Redis refuses it."""
        started = perf_counter()
        reply = await self.server.call(call.command, shared=call.script.shared)
        if type(reply) is not list:
            [reply] = await self._repeat([call], [reply])
        count_time(started)
        if type(reply) is list:
            return reply
        result = _result(reply)
        if isinstance(result, DomainError):
            raise result
        return result

    async def run(self, calls: Sequence[Call]) -> list[ScriptResult]:
        """Run scripts together, with those of other callers; a result for each."""
        started, results = perf_counter(), list[ScriptResult]()
        for start in range(0, len(calls), CALLS_AT_ONCE):
            chunk = calls[start : start + CALLS_AT_ONCE]
            sent = [self.server.call(call.command, shared=call.script.shared) for call in chunk]
            replies = await self._repeat(chunk, [await reply for reply in sent])
            results += [reply if type(reply) is list else _result(reply) for reply in replies]
        count_time(started)
        return results

    async def ask(self, *words: str | int) -> Reply:
        """The reply to a command that changes nothing; raises HoldsUnavailable also if Redis refuses it."""
        started, command = perf_counter(), pack(*words)
        reply = await self.server.call(command)
        if self.server.is_lost(reply):
            reply = await self.server.call(command)
        count_time(started)
        if isinstance(reply, Exception):
            count_error(reply)
            raise HoldsUnavailable from reply
        return reply

    def send(self, call: Call) -> None:
        """Run a script before all that is sent after it, without a result; also one that Redis does not know."""
        self.server.call(with_source(call))

    async def drop(self, key: str) -> None:
        """Delete a key that would expire by itself, if Redis answers."""
        await self.server.call(pack("DEL", key))

    async def _repeat(self, calls: Sequence[Call], replies: list[Reply]) -> list[Reply]:
        """Send again what was lost, and with its source what Redis does not know: a new one, or after SCRIPT FLUSH."""
        lost = [place for place, reply in enumerate(replies) if self.server.is_lost(reply)]
        await self._send_again(lost, replies, [calls[place].command for place in lost])
        unknown = [place for place, reply in enumerate(replies) if _is_unknown(reply)]
        await self._send_again(unknown, replies, [with_source(calls[place]) for place in unknown])
        return replies

    async def _send_again(self, places: Sequence[int], replies: list[Reply], commands: Sequence[bytes]) -> None:
        sent = [self.server.call(command) for command in commands]
        for place, reply in zip(places, sent, strict=True):
            replies[place] = await reply


def writable_call(key: str) -> Call:
    """The call that writes as a hold does."""
    return script_call(CHECK_WRITABLE, 0, (key,))


def count_command(key: str, kept_s: int) -> bytes:
    """Counts in a key; with its expiry in one command: a reply that is lost leaves no key for ever."""
    return pack("EVAL", COUNT.source, 1, key, kept_s)


def with_source(call: Call) -> bytes:
    """EVAL, which also loads the script."""
    return pack("EVAL", call.script.source, len(call.keys), *call.keys, *call.args)


def _is_unknown(reply: Reply) -> bool:
    return isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT")


def _result(reply: Reply) -> ScriptResult:
    if reply is None:
        return []  # of a script that returns nothing
    error = HoldsUnavailable()
    error.__cause__ = reply if isinstance(reply, Exception) else TypeError(f"Redis answers {reply!r}")
    count_error(error.__cause__)
    if not isinstance(reply, ReplyError):
        raise error
    return error


def count_time(started: float) -> None:
    """Count the time since as Redis's, also in the request's timings."""
    elapsed_s = perf_counter() - started
    REDIS_SECONDS.observe(elapsed_s)
    timings = current_timings()
    if timings is not None:
        timings.redis += elapsed_s * 1000


@asynccontextmanager
async def redis_errors() -> AsyncIterator[None]:
    """Raise redis-py's failures as HoldsUnavailable, and count the time as Redis's in the request's timings."""
    try:
        with timed("redis"):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        count_error(error)
        raise HoldsUnavailable from error
