"""Holds in Redis: all seats or none, each expiring by itself; the only user of redis besides resources.

For every showtime there are, under one hash tag and so on one cluster slot:

    {42}:seat:7    the reservation that holds seat 7; SET NX EX
    {42}:held      a sorted set of the held seats, scored with the millisecond at which each hold ends
    {42}:map       a hash: `version` counts the changes to the seat map and never runs backwards; `layout` is the
                   version at which an administrator last changed its seats or prices; while somebody follows it
                   live, `watched` says until when (Unix seconds) every change is told on the `channel`

The sorted set says which seats are held without reading each key, and lets whoever reads the version notice that
holds have run out since: their end changes the map, too, so it counts the version up.

Beside them `reservation:run` is the server that all this was counted on. One that was restarted, or a replica that took
over, is another, and forgets it (hold_scripts.DETECT_RESTART).

Redis may lose all of it at any moment. A missing map says so: the caller then primes the showtime from PostgreSQL's
unexpired holds before it goes on. A new version is the database's clock in microseconds, which no counter can have
reached.

Concurrent callers share one pipelined connection (script_pipeline.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from ..errors import DomainError, HoldsUnavailable
from ..runtime.batching import Batcher
from .pipeline import Call, ScriptPipeline, answering
from .scripts import BUMP_LAYOUT, EXTEND, PRIME, RELEASE, SNAPSHOT, TAKE, VERSION, WATCH

MAX_READS_AT_ONCE = 256
PRIMING_TRIES = 3  # Redis may lose everything again in between; more often is an outage


@dataclass(frozen=True, slots=True)
class HoldRelease:
    """A seat map that has changed, and the seats that the reservation holds no more."""

    showtime_id: int
    reservation_id: UUID
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A seat that a reservation holds for `ttl_ms` milliseconds more, by PostgreSQL's clock."""

    seat_id: int
    reservation_id: UUID
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Prime:
    """What a showtime's keys are rebuilt from: a version that none before can have reached, and the live holds."""

    version: int
    holds: tuple[LiveHold, ...]


class MapState(NamedTuple):
    """Where a seat map stands: its version, and the version at which its seats or prices last changed."""

    version: int
    layout: int


class Snapshot(NamedTuple):
    """A seat map's state, and the seats held in it."""

    state: MapState
    held: frozenset[int]


class Watch(NamedTuple):
    """A map's version from which on its changes are told, and whether those before it were, too."""

    version: int
    goes_on: bool


Primer = Callable[[int], Awaitable[Prime]]


class Holds:
    """The holds of all showtimes; every method raises HoldsUnavailable when Redis does not answer.

    `primer` reads a showtime's Prime from PostgreSQL; it is called when Redis knows nothing of the showtime.
    """

    def __init__(self, redis: Redis, primer: Primer) -> None:
        self._redis = redis
        self._primer = primer
        self._scripts = ScriptPipeline(redis)
        self._priming: dict[int, asyncio.Task[DomainError | None]] = {}
        self._states: Batcher[int, MapState | None] = Batcher(
            self._read_states, max_batch=MAX_READS_AT_ONCE, waits_for="redis"
        )

    async def take(
        self, *, showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int], ttl_s: int
    ) -> frozenset[int]:
        """Hold all the seats or none; answers the seats that others hold, which is empty when it worked."""
        keys = _keys(showtime_id, seat_ids)
        answer = await self._one(Call(TAKE, showtime_id, keys, (str(reservation_id), ttl_s, *seat_ids)))
        return frozenset(answer[1:])

    async def holders(self, *, showtime_id: int, seat_ids: Sequence[int]) -> list[UUID]:
        """The reservations that hold some of these seats, one for each that is held."""
        async with answering():
            holders = await self._redis.mget([seat_key(showtime_id, seat_id) for seat_id in seat_ids])
        return [holder for holder in map(_holder, holders) if holder is not None]

    async def extend(
        self, *, showtime_id: int, reservation_id: UUID, seat_ids: Sequence[int], ttl_ms: int
    ) -> frozenset[int]:
        """Hold all the seats for `ttl_ms` from now, or leave all as they are; answers the seats that others hold."""
        keys = _keys(showtime_id, seat_ids)
        answer = await self._one(Call(EXTEND, showtime_id, keys, (str(reservation_id), ttl_ms, *seat_ids)))
        return frozenset(answer[1:])

    async def release(self, releases: Sequence[HoldRelease]) -> Sequence[HoldRelease]:
        """Announce changes to seat maps and drop what the reservations still hold of these seats.

        Answers those that Redis refused, since somebody has put another kind of value there.
        """
        answers = await self._scripts.run([_release_call(release) for release in releases])
        refused = zip(releases, answers, strict=True)
        return [release for release, answer in refused if isinstance(answer, DomainError)]

    async def bump_layouts(self, showtime_ids: Sequence[int]) -> None:
        """Count the versions of seat maps up, whose seats or prices have changed."""
        calls = [Call(BUMP_LAYOUT, showtime_id, _keys(showtime_id)[:1]) for showtime_id in showtime_ids]
        _raise_first(await self._scripts.run(calls))

    async def state(self, showtime_id: int) -> MapState:
        """Where the showtime's seat map stands; the version counts up with every change, the end of a hold included.

        Read from Redis after the call, for all who call in the same moment at once.
        """
        state = await self._states.submit(showtime_id)
        return state or MapState(*await self._one(Call(VERSION, showtime_id, _keys(showtime_id))))

    async def snapshots(self, showtime_ids: Sequence[int]) -> list[Snapshot | DomainError]:
        """Where seat maps stand, and the seats held in each then; or why it could not be found out."""
        answers = await self._primed([Call(SNAPSHOT, each, _keys(each)) for each in showtime_ids])
        return [answer if isinstance(answer, DomainError) else _snapshot(answer) for answer in answers]

    async def watch(self, showtime_ids: Sequence[int], *, channel: str, ttl_s: int) -> list[Watch | DomainError]:
        """Have every change of these maps told on a channel for some seconds more; or why that could not be."""
        answers = await self._primed([Call(WATCH, each, _keys(each), (ttl_s, channel)) for each in showtime_ids])
        return [
            answer if isinstance(answer, DomainError) else Watch(answer[0], goes_on=answer[2] == 1)
            for answer in answers
        ]

    async def _read_states(self, asked: Sequence[int]) -> Sequence[MapState | Exception | None]:
        """None for what is not primed: whoever asks does that, and nobody else waits for it."""
        showtime_ids = list(dict.fromkeys(asked))
        answers = await self._scripts.run([Call(VERSION, each, _keys(each)) for each in showtime_ids])
        states = {
            showtime_id: answer if isinstance(answer, DomainError) else MapState(*answer) if len(answer) > 1 else None
            for showtime_id, answer in zip(showtime_ids, answers, strict=True)
        }
        return [states[showtime_id] for showtime_id in asked]

    async def ping(self) -> None:
        """Raise HoldsUnavailable unless Redis answers."""
        async with answering():
            await self._redis.execute_command("PING")

    async def _one(self, call: Call) -> list[int]:
        [answer] = await self._scripts.run((call,))
        if isinstance(answer, list) and answer[0] == -1:
            [answer] = await self._primed([call])
        if isinstance(answer, DomainError):
            raise answer
        return answer

    async def _primed(self, calls: Sequence[Call]) -> list[list[int] | DomainError]:
        """Run calls that answer -1 for a showtime Redis knows nothing of; prime those, and run them again."""
        answers: list[list[int] | DomainError] = list(await self._scripts.run(calls))
        for _ in range(PRIMING_TRIES - 1):
            missing = [index for index, answer in enumerate(answers) if isinstance(answer, list) and answer[0] == -1]
            if not missing:
                return answers
            unknown = await self._prime({calls[index].showtime_id for index in missing})
            again = [index for index in missing if calls[index].showtime_id not in unknown]
            for index in missing:
                answers[index] = unknown.get(calls[index].showtime_id, HoldsUnavailable())
            for index, answer in zip(again, await self._scripts.run([calls[index] for index in again]), strict=True):
                answers[index] = answer
        return [HoldsUnavailable() if isinstance(answer, list) and answer[0] == -1 else answer for answer in answers]

    async def _prime(self, showtime_ids: set[int]) -> dict[int, DomainError]:
        """Prime showtimes; answers those that could not be, and why."""
        each = list(showtime_ids)
        failed = await asyncio.gather(*map(self._prime_once, each))
        return {showtime_id: error for showtime_id, error in zip(each, failed, strict=True) if error is not None}

    async def _prime_once(self, showtime_id: int) -> DomainError | None:
        """Prime a showtime for all who wait for it at once."""
        priming = self._priming.get(showtime_id)
        if priming is None:
            priming = self._priming[showtime_id] = asyncio.create_task(self._prime_showtime(showtime_id))
            priming.add_done_callback(lambda _: self._priming.pop(showtime_id, None))
        return await asyncio.shield(priming)

    async def _prime_showtime(self, showtime_id: int) -> DomainError | None:
        try:
            prime = await self._primer(showtime_id)
            await self._scripts.run([_prime(showtime_id, prime)])
        except DomainError as error:
            return error
        return None


def _release_call(release: HoldRelease) -> Call:
    args: tuple[str | int, ...] = (str(release.reservation_id), *release.seat_ids)
    return Call(RELEASE, release.showtime_id, _keys(release.showtime_id, release.seat_ids), args)


def _prime(showtime_id: int, prime: Prime) -> Call:
    args: list[str | int] = [prime.version]
    for hold in prime.holds:
        args += [hold.seat_id, str(hold.reservation_id), max(hold.ttl_ms, 1)]
    return Call(PRIME, showtime_id, _keys(showtime_id, [hold.seat_id for hold in prime.holds]), tuple(args))


def _keys(showtime_id: int, seat_ids: Sequence[int] = ()) -> tuple[str, ...]:
    tag = f"{{{showtime_id}}}"
    return (f"{tag}:map", f"{tag}:held", *[f"{tag}:seat:{seat_id}" for seat_id in seat_ids])


def showtime_of(map_key: str) -> int:
    """The showtime whose map has this key; raises ValueError for any other key."""
    return int(map_key.removeprefix("{").removesuffix("}:map"))


def seat_key(showtime_id: int, seat_id: int) -> str:
    """The key of a held seat, whose value is the reservation's id."""
    return f"{{{showtime_id}}}:seat:{seat_id}"


def _holder(value: bytes | str | None) -> UUID | None:
    """None for what is not the service's, too."""
    try:
        return None if value is None else UUID(value.decode() if isinstance(value, bytes) else value)
    except ValueError:
        return None


def _raise_first(answers: Sequence[list[int] | DomainError]) -> None:
    for answer in answers:
        if isinstance(answer, DomainError):
            raise answer


def _snapshot(answer: Sequence[int]) -> Snapshot:
    version, layout, *held = answer
    return Snapshot(MapState(version, layout), frozenset(held))
