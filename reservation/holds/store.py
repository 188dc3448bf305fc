"""Holds in Redis: all seats or none, each expiring by itself.

For every showtime there are, under one hash tag and so in one cluster slot:

    {42}:seat:7    the reservation that holds seat 7, with the hold's TTL
    {42}:held      a sorted set of the held seats; the score is the millisecond at which the hold expires
    {42}:map       a hash: `version` counts the changes of the seat map and never decreases; `layout` is the version at
                   which an administrator last changed seats or prices; while a worker watches the map, every change is
                   published on the channel `channel` until `watched` (Unix seconds); `others:<seat>` has further live
                   holds of a seat with their ends, which PostgreSQL had when the showtime was primed: when the seat is
                   released, the next one gets it; `others` is the number of such seats
    {42}:map:priming    the ticket under which the showtime may be primed (not_primed.lua)
    {42}:map:kept:<id>  set while a reservation is surely in PostgreSQL, to another value each time that it is extended,
                        taken again or primed: a late undo of a take before that leaves its seats alone
    {42}:map:released:<id>:<seat>  set for 60 s when a reservation released a seat while there was no map: priming
                        leaves it out
    {42}:map:changed    set for 60 s when a change was announced while there was no map: priming counts it

The sorted set gives the held seats without reading each key. Every script that reads the version first removes the
expired holds from it, and increments the version if there were any: an expired hold changes the map, too.

`reservation:run` has the run_id and replication id of the Redis that wrote all this: after a restart or a fail-over,
detect_restart.lua forgets it. detect_restore.lua does so after a restore of PostgreSQL (seatmap/map_recovery.py).
`reservation:run:kept_since` is lost or changed with it (kept_since.lua).

Redis may lose all of it at any moment. A script that finds no map returns -1 and a ticket; the showtime is then primed
from PostgreSQL's live holds, with PostgreSQL's clock in microseconds as its version, which no counter can have reached.
If Redis loses its data again between the ticket and the priming, the ticket is gone and the priming changes nothing: a
hold that was taken and committed meanwhile is not in what PostgreSQL was asked for. PostgreSQL is read so long after a
loss (READ_AFTER_LOSS_S) that it has each hold whose take was lost and which was answered all the same.

A worker that has never read a showtime asks PostgreSQL first, for its seats and its live holds, and sends the priming
along with the first script. `kept_since` stands for the ticket: it is the same as before PostgreSQL was asked, or the
priming changes nothing and the script returns -1.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TypeGuard
from uuid import UUID

from ..errors import DomainError, HoldsUnavailable, NotFound, Overloaded
from ..runtime.cancellation import cancel_and_wait
from ..runtime.redis_client import RedisClient
from .connection import Reply
from .keys import kept_key, map_keys, seat_key, ticket_key
from .map_states import MapState, Snapshot, Watch
from .map_versions import MapVersions
from .prime import Prime, Primer, ticket_call, unread_call
from .release_calls import HoldRelease, hand_over_call, release_call
from .runners import open_runner
from .script_runner import Call, ReadStart, ScriptResult, script_call
from .scripts import (
    BUMP_LAYOUT,
    SNAPSHOT,
    VERSION,
    WATCH,
)
from .take_calls import OfAddress, extend_call, seats_of_others, take_call

PRIMING_TRIES = 3  # Redis may lose everything again meanwhile; more often is an outage
NOT_PRIMED = -1


class Holds:
    """The holds of all showtimes; every method raises HoldsUnavailable when Redis does not answer.

    `primer` reads a showtime's Prime from PostgreSQL; its version is above those in `versions`, to which those that are
    read here are added. `wait_s` is the longest that a caller waits for a hung Redis.
    """

    def __init__(
        self, redis: RedisClient, primer: Primer, versions: MapVersions, *, wait_s: float | None = None
    ) -> None:
        self._primer, self._versions = primer, versions
        self._scripts = open_runner(redis, wait_s=wait_s)
        self.server = self._scripts.server  # all of them, of a cluster
        self._priming: dict[int, asyncio.Task[DomainError | None]] = {}

    @property
    def epoch(self) -> int:
        """Increments when Redis may have lost holds; what was written under the same number is there."""
        return self.server.epoch

    async def aclose(self) -> None:
        """Close the connection, and end the primings that go on."""
        await cancel_and_wait([*self._priming.values()])
        await self.server.aclose()

    def read_start(self, showtime_id: int) -> ReadStart:
        """For `prime_unread`, before PostgreSQL is read."""
        return self._scripts.read_start(showtime_id)

    def count(self, key: str, kept_s: int) -> "asyncio.Future[Reply]":
        """Count in a key of Redis, which expires so long after its first count; raises Overloaded.

        The command is sent along with the scripts. The result is the count, or why there is none.
        """
        return self._scripts.count(key, kept_s)

    def prime_unread(self, showtime_id: int, prime: Prime, start: ReadStart) -> None:
        """Have the showtime primed before the next script of this worker, unless Redis knows it."""
        call = unread_call(showtime_id, prime, start)
        if call is not None:
            with suppress(Overloaded):  # the next script says so
                self._scripts.send(call)

    async def take(
        self,
        *,
        showtime_id: int,
        reservation_id: UUID,
        seat_ids: Sequence[int],
        ttl_ms: int,
        of: OfAddress = None,
        before_repeat: Callable[[], None] | None = None,
    ) -> frozenset[int]:
        """Hold all the seats or none; the seats that others hold, empty on success; raises TooManyRequests.

        `before_repeat` is called before the script is sent again, when the showtime was primed.
        """
        call = take_call(showtime_id, reservation_id, seat_ids, ttl_ms, of)
        result = await self._scripts.run_one(call)
        if _is_not_primed(result):
            result = await self._prime_and_run(call, result, before_repeat)
        return seats_of_others(result)

    async def extend(
        self,
        *,
        showtime_id: int,
        reservation_id: UUID,
        seat_ids: Sequence[int],
        ttl_ms: int,
        before_repeat: Callable[[], None] | None = None,
    ) -> frozenset[int]:
        """Hold all the seats for at least `ttl_ms` from now, or change nothing; the seats that others hold.

        The reservation must be in PostgreSQL: a late undo of its first take does not release it any more.
        `before_repeat` is as in `take`.
        """
        call = extend_call(showtime_id, reservation_id, seat_ids, ttl_ms)
        result = await self._scripts.run_one(call)
        if _is_not_primed(result):
            result = await self._prime_and_run(call, result, before_repeat)
        return frozenset(result[1:])

    async def kept(self, *, showtime_id: int, reservation_id: UUID) -> str:
        """What changes whenever the reservation is extended, taken again or primed; empty if it never was."""
        value = await self._scripts.ask("GET", kept_key(showtime_id, reservation_id))
        return value.decode() if isinstance(value, bytes) else ""

    async def holders(self, *, showtime_id: int, seat_ids: Sequence[int]) -> list[UUID]:
        """The reservations that hold some of these seats, one for each held seat."""
        values = await self._scripts.ask("MGET", *[seat_key(showtime_id, seat_id) for seat_id in seat_ids])
        holders = map(_holder, values) if isinstance(values, list) else ()
        return [holder for holder in holders if holder is not None]

    async def release(self, releases: Sequence[HoldRelease]) -> Sequence[HoldRelease]:
        """Increment the maps' versions and delete what the reservations still hold of these seats.

        Returns the releases that Redis refused, because a key of the showtime has another type.
        """
        results = await self._scripts.run([release_call(release) for release in releases])
        return [release for release, result in zip(releases, results, strict=True) if isinstance(result, DomainError)]

    async def hand_over(
        self, *, showtime_id: int, reservation_id: UUID, to: UUID, seat_ids: Sequence[int], ttl_ms: int
    ) -> None:
        """Give those of the seats that a reservation still holds to another one, for `ttl_ms` from now."""
        await self._scripts.run_one(hand_over_call(showtime_id, reservation_id, to, seat_ids, ttl_ms))

    async def bump_layouts(self, showtime_ids: Sequence[int]) -> Sequence[int]:
        """Increment the versions of maps whose seats or prices changed; returns the showtimes that Redis refused."""
        calls = [script_call(BUMP_LAYOUT, showtime_id, map_keys(showtime_id)[:1]) for showtime_id in showtime_ids]
        results = zip(showtime_ids, await self._scripts.run(calls), strict=True)
        return [showtime_id for showtime_id, result in results if isinstance(result, DomainError)]

    async def state(self, showtime_id: int) -> MapState:
        """The map's state, read from Redis after this call; concurrent callers share one reading."""
        call = _version_call(showtime_id)
        result = await self._scripts.run_one(call)
        if _is_not_primed(result):
            result = await self._prime_and_run(call, result)
        return MapState(*self._versions.seen(result))

    async def snapshots(
        self, showtime_ids: Sequence[int], primer: Primer | None = None
    ) -> list[Snapshot | DomainError]:
        """The state of each map and the seats held in it; an error for a showtime that could not be read.

        `primer` is asked in place of the usual one. If a map then has the version that it gave, PostgreSQL has had no
        other change until the map was primed.
        """
        calls = [script_call(SNAPSHOT, each, map_keys(each)) for each in showtime_ids]
        results = await self._prime_and_repeat(calls, await self._scripts.run(calls), primer)
        return [each if isinstance(each, DomainError) else _snapshot(self._versions.seen(each)) for each in results]

    async def watch(
        self, showtime_ids: Sequence[int], *, channel: Callable[[int], str], ttl_s: int
    ) -> list[Watch | DomainError]:
        """Have every change of these maps published for `ttl_s` from now, on the channel of each; errors as results."""
        calls = [script_call(WATCH, each, map_keys(each), (ttl_s, channel(each))) for each in showtime_ids]
        results = await self._prime_and_repeat(calls, await self._scripts.run(calls))
        return [result if isinstance(result, DomainError) else Watch(result[0], since=result[2]) for result in results]

    async def ping(self) -> None:
        """Raise HoldsUnavailable unless Redis answers."""
        await self._scripts.ping()

    async def check_writable(self) -> None:
        """Write to the master as a hold does; raises HoldsUnavailable, whose cause is the refusal or lost link."""
        await self._scripts.check_writable()

    async def _prime_and_run(
        self, call: Call, not_primed: list[int], before_repeat: Callable[[], None] | None = None
    ) -> list[int]:
        [result] = await self._prime_and_repeat([call], [not_primed], before_repeat=before_repeat)
        if isinstance(result, DomainError):
            raise result
        return result

    async def _prime_and_repeat(
        self,
        calls: Sequence[Call],
        results: list[ScriptResult],
        primer: Primer | None = None,
        before_repeat: Callable[[], None] | None = None,
    ) -> list[ScriptResult]:
        """Prime the showtimes that Redis does not know, and run their calls again."""
        for _ in range(PRIMING_TRIES):
            tickets = {
                calls[place].showtime_id: result[1] for place, result in enumerate(results) if _is_not_primed(result)
            }
            if not tickets:
                break
            errors = await self._prime(tickets, primer or self._primer)
            missing = [place for place, result in enumerate(results) if _is_not_primed(result)]
            for place in missing:
                results[place] = errors.get(calls[place].showtime_id) or results[place]
            if before_repeat is not None:
                before_repeat()
            again = [place for place in missing if _is_not_primed(results[place])]
            for place, result in zip(again, await self._scripts.run([calls[place] for place in again]), strict=True):
                results[place] = result
        return [HoldsUnavailable() if _is_not_primed(result) else result for result in results]

    async def _prime(self, tickets: Mapping[int, int], primer: Primer) -> dict[int, DomainError]:
        """Prime showtimes, each with its ticket; the error of each that could not be."""
        errors = await asyncio.gather(*(self._prime_once(*each, primer) for each in tickets.items()))
        return {showtime_id: error for showtime_id, error in zip(tickets, errors, strict=True) if error is not None}

    async def _prime_once(self, showtime_id: int, ticket: int, primer: Primer) -> DomainError | None:
        """Prime a showtime, once for all concurrent callers."""
        priming = self._priming.get(showtime_id)
        if priming is None:
            priming = self._priming[showtime_id] = asyncio.create_task(
                self._prime_showtime(showtime_id, ticket, primer)
            )
            priming.add_done_callback(lambda _: self._priming.pop(showtime_id, None))
        return await asyncio.shield(priming)

    async def _prime_showtime(self, showtime_id: int, ticket: int, primer: Primer) -> DomainError | None:
        try:
            if delay_s := self._scripts.reading_delay_s(showtime_id):
                await asyncio.sleep(delay_s)
            # What the callers send next comes after it, so its answer is not waited for.
            self._scripts.send(ticket_call(showtime_id, ticket, await primer(showtime_id)))
        except NotFound as error:
            await self._scripts.drop(ticket_key(showtime_id))  # invented showtimes leave nothing in Redis
            return error
        except DomainError as error:
            return error
        return None


def _is_not_primed(result: ScriptResult) -> TypeGuard[list[int]]:
    return isinstance(result, list) and len(result) > 0 and result[0] == NOT_PRIMED


@lru_cache(1024)
def _version_call(showtime_id: int) -> Call:
    return script_call(VERSION, showtime_id, map_keys(showtime_id))


def _holder(value: bytes | str | None) -> UUID | None:
    """None for a free seat, and for a value that this service did not write."""
    try:
        return None if value is None else UUID(value.decode() if isinstance(value, bytes) else value)
    except ValueError:
        return None


def _snapshot(result: Sequence[int]) -> Snapshot:
    version, layout, *held = result
    return Snapshot(MapState(version, layout), frozenset(held))
