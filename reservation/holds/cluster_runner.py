"""Runs Lua scripts in a Redis Cluster, each on the master that has its showtime; as ScriptRunner does on one Redis.

Scripts that are sent in one round of the loop go in one piece to each master.
"""

import asyncio
from asyncio import Future
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from time import perf_counter

from redis.exceptions import RedisError

from ..errors import DomainError, HoldsUnavailable, Overloaded
from ..runtime.redis_cluster import ClusterClient, slot_of
from . import redis_server
from .cluster_servers import ClusterServers
from .connection import Reply, pack
from .metrics import count_error
from .script_runner import (
    CALLS_AT_ONCE,
    Call,
    ReadStart,
    ScriptResult,
    count_command,
    count_time,
    redis_errors,
    with_source,
    writable_call,
)


class ClusterScriptRunner:
    """Runs the scripts of concurrent callers; raises HoldsUnavailable when a showtime's master does not answer.

    In `run`, that is the result of the scripts that it concerns; those on other masters have theirs.
    """

    def __init__(self, client: ClusterClient, *, wait_s: float | None = None) -> None:
        self.server = ClusterServers(client, wait_s=wait_s)

    async def run_one(self, call: Call) -> list[int]:
        """Run one script; raises HoldsUnavailable also if Redis refuses it."""
        started = perf_counter()
        reply = await self.server.call(call.command, _slot_of(call), shared=call.script.shared)
        if type(reply) is not list:
            reply = await self._follow_redirects(call, reply)
        count_time(started)
        result = _result(reply)
        if isinstance(result, DomainError):
            raise result
        return result

    async def run(self, calls: Sequence[Call]) -> list[ScriptResult]:
        """Run scripts together, with those of other callers; a result for each."""
        started, results = perf_counter(), list[ScriptResult]()
        for start in range(0, len(calls), CALLS_AT_ONCE):
            chunk = calls[start : start + CALLS_AT_ONCE]
            sent = [self.server.call(call.command, _slot_of(call), shared=call.script.shared) for call in chunk]
            replies = [await reply for reply in sent]
            failed = [place for place, reply in enumerate(replies) if isinstance(reply, Exception)]
            again = await asyncio.gather(*(self._follow_redirects(chunk[place], replies[place]) for place in failed))
            for place, reply in zip(failed, again, strict=True):
                replies[place] = reply
            results += map(_result, replies)
        count_time(started)
        return results

    async def ask(self, name: str, key: str, *more: str | int) -> Reply:
        """The reply to a command that changes nothing, of keys in one slot; raises HoldsUnavailable also if refused."""
        started = perf_counter()
        reply = await self._ask(pack(name, key, *more), slot_of(key))
        count_time(started)
        if isinstance(reply, Exception):
            count_error(reply)
            raise HoldsUnavailable from reply
        return reply

    def send(self, call: Call) -> None:
        """Run a script before all that is sent after it to the same master, without a result."""
        self.server.call(with_source(call), _slot_of(call))

    async def drop(self, key: str) -> None:
        """Delete a key that would expire by itself, if Redis answers."""
        await self._ask(pack("DEL", key), slot_of(key))

    def count(self, key: str, kept_s: int) -> "Future[Reply]":
        """Count in a key, which expires so long after its first count; its count, or why there is none."""
        command, slot = count_command(key, kept_s), slot_of(key)
        counted: Future[Reply] = asyncio.get_running_loop().create_future()
        self.server.call(command, slot).add_done_callback(partial(self._counted, counted, command, slot))
        return counted

    def read_start(self, showtime_id: int) -> ReadStart:
        """What is noted before PostgreSQL is read for a priming without a ticket."""
        return ReadStart.of(self.server.server_of(_slot_of_showtime(showtime_id)))

    def reading_delay_s(self, showtime_id: int) -> float:
        """How long to wait before PostgreSQL is read to prime a showtime."""
        server = self.server.server_of(_slot_of_showtime(showtime_id))
        return redis_server.READ_AFTER_LOSS_S if server is None else server.reading_delay_s()

    async def ping(self) -> None:
        """Raise HoldsUnavailable unless the cluster answers."""
        async with redis_errors():
            await self.server.refresh()

    async def check_writable(self) -> None:
        """Leave the masters that are none any more, and write to each as a hold does.

        Raises HoldsUnavailable if none of them takes it: while one is away, the others' showtimes are sold.
        """
        with suppress(RedisError, OSError, TimeoutError):
            await self.server.refresh()
        calls = [writable_call(f"{{{master.tag}}}:writable") for master in self.server.masters()]
        found = await asyncio.gather(*(self._run_on_tag(call) for call in calls))
        if all(isinstance(result, DomainError) for result in found):
            raise next((result for result in found if isinstance(result, DomainError)), HoldsUnavailable())

    async def _run_on_tag(self, call: Call) -> ScriptResult:
        slot = slot_of(call.keys[0])
        reply = await self.server.call(call.command, slot)
        return _result(await self.server.follow_redirects(call.command, slot, reply, with_source(call)))

    async def _follow_redirects(self, call: Call, reply: Reply) -> Reply:
        return await self.server.follow_redirects(call.command, _slot_of(call), reply, with_source(call))

    async def _ask(self, command: bytes, slot: int) -> Reply:
        return await self.server.follow_redirects(command, slot, await self.server.call(command, slot))

    def _counted(self, counted: "Future[Reply]", command: bytes, slot: int, first: "Future[Reply]") -> None:
        """Only a count whose slot is elsewhere costs a task."""
        if counted.done() or first.cancelled():
            return
        if not isinstance(first.result(), Exception):
            counted.set_result(first.result())
            return
        again = asyncio.get_running_loop().create_task(self._count_again(counted, command, slot, first.result()))
        counted.add_done_callback(lambda _: again)  # a reference to the task

    async def _count_again(self, counted: "Future[Reply]", command: bytes, slot: int, reply: Reply) -> None:
        try:
            reply = await self.server.follow_redirects(command, slot, reply)
        except Overloaded as error:
            reply = error
        if not counted.done():
            counted.set_result(reply)


def _slot_of(call: Call) -> int:
    return _slot_of_showtime(call.showtime_id)


@lru_cache(16_384)
def _slot_of_showtime(showtime_id: int) -> int:
    return slot_of(str(showtime_id))


def _result(reply: Reply) -> ScriptResult:
    if type(reply) is list:
        return reply
    if reply is None:
        return []  # of a script that returns nothing
    error = HoldsUnavailable()
    error.__cause__ = reply if isinstance(reply, Exception) else TypeError(f"Redis answers {reply!r}")
    count_error(error.__cause__)
    return error
