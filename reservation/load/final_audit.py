"""The audit after a run: compares the answers that customers got with what the service answers now, and the stores.

It always runs, and what cannot be checked counts as a violation. No load runs meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, TypeVar

import asyncpg
from redis.exceptions import RedisError

from ..dba.audit import audit_stores
from ..settings import Settings
from .client import Client
from .connection import Answer
from .tracked_reservations import ReservationTracker, TrackedReservation

Item = TypeVar("Item")

MAX_LOOKED_UP = 2000
MAX_UNKNOWN = 10_000  # looked up besides the sample: only the service knows their status
MAX_MAPS = 500
AT_ONCE = 16
TRIES = 5
PAUSE_S = 1.0
# The statuses that a reservation may have, by the state after its last answer.
POSSIBLE: dict[str, set[str]] = {
    "held": {"held", "expired"},
    "confirmed": {"confirmed"},
    "cancelled": {"cancelled"},
    "confirming": {"held", "expired", "confirmed"},
    "unknown": {"held", "expired", "confirmed", "cancelled"},
}
UNKNOWN = {"confirming", "unknown"}


@dataclass(slots=True)
class AuditResult:
    """What was checked, of how many, and what was wrong; named as in the JSON report."""

    violations: list[str] = field(default_factory=list)
    confirmed_reservations: int = 0
    reservations_looked_up: int = 0
    reservations: int = 0
    unknown_looked_up: int = 0
    unknown: int = 0
    seat_maps_looked_at: int = 0
    seat_maps_sold_from: int = 0
    seats_found_booked: int = 0
    stores_audited: bool = False

    def summary(self) -> dict[str, Any]:
        """The audit's part of the JSON report; `clean` is whether nothing was wrong."""
        return {"clean": not self.violations, **asdict(self)}


async def audit_run(
    client: Client, tracker: ReservationTracker, tokens: Sequence[str], settings: Settings | None, *, seed: int
) -> AuditResult:
    """Check what follows from the answers, and with `settings` the stores as well."""
    result = AuditResult(violations=list(tracker.violations))
    extra = tracker.counts["violations"] - len(tracker.violations)
    if extra:
        result.violations.append(f"{extra:,} more violations by the answers themselves")
    result.confirmed_reservations = sum(item.state == "confirmed" for item in tracker.reservations.values())
    health = await _get(client, "/health")
    if health.status == 200:
        await _look_up(client, tracker, tokens, result, seed)
        await _look_at_maps(client, tracker, result)
    else:
        cause = health.status or health.fault
        result.violations.append(f"the service does not answer any more ({cause}): nothing could be looked up")
    if settings is not None:
        try:
            result.violations += map(str, await audit_stores(settings, tool="load audit"))
            result.stores_audited = True
        except (asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError) as error:
            result.violations.append(f"the stores could not be audited: {error}")
    return result


async def _look_up(
    client: Client, tracker: ReservationTracker, tokens: Sequence[str], result: AuditResult, seed: int
) -> None:
    """Every reservation, or of very many a sample, must have the status that was answered.

    Those whose last answer was lost are looked up besides the sample: a confirmed one owns its seats, and a seat of it
    that was sold to another customer was sold twice.
    """
    all_reservations = [*tracker.reservations.values(), *tracker.past]
    chance = Random(f"audit {seed}")  # noqa: S311 - to be repeatable
    unknown = [reservation for reservation in all_reservations if reservation.state in UNKNOWN]
    known = [reservation for reservation in all_reservations if reservation.state not in UNKNOWN]
    result.reservations, result.unknown = len(all_reservations), len(unknown)
    # The unknown ones last: the service may still be processing their requests.
    chosen = [*_sample(known, MAX_LOOKED_UP, chance), *_sample(unknown, MAX_UNKNOWN, chance)]

    async def look_up(reservation: TrackedReservation) -> None:
        answer = await _get(client, f"/reservations/{reservation.id}", tokens[reservation.user])
        found: Any = answer.json() if answer.status == 200 else None
        found = found or {"status": f"answered {answer.status or answer.fault} {answer.code}"}
        if found["status"] not in POSSIBLE[reservation.state]:
            result.violations.append(
                f"reservation {reservation.id}, which was answered {reservation.state}, is {found['status']}"
            )
        if found["status"] == "confirmed":
            result.violations += _record_sale(tracker, reservation, [seat["seat_id"] for seat in found["seats"]])
        result.reservations_looked_up += 1
        result.unknown_looked_up += reservation.state in UNKNOWN

    await _each(look_up, chosen)


def _record_sale(tracker: ReservationTracker, reservation: TrackedReservation, seats: Sequence[int]) -> list[str]:
    """Record the seats of a reservation that was found confirmed; gives the violations that are new."""
    wrong = [clash for clash in tracker.record_sale(reservation, seats) if clash not in tracker.violations]
    if sorted(seats) != sorted(reservation.seats):
        held = sorted(reservation.seats)
        wrong.append(f"reservation {reservation.id} was answered seats {held}, and is confirmed with {sorted(seats)}")
    return wrong


async def _look_at_maps(client: Client, tracker: ReservationTracker, result: AuditResult) -> None:
    """Every seat that was sold must be shown as booked."""
    sold: dict[int, set[int]] = {}
    for showtime_id, seat in tracker.owners:
        sold.setdefault(showtime_id, set()).add(seat)

    async def look_at(showtime_id: int) -> None:
        answer = await _get(client, f"/showtimes/{showtime_id}/seats")
        if answer.status != 200:
            result.violations.append(f"the seat map of showtime {showtime_id}: {answer.status or answer.fault}")
            return
        statuses = {seat["id"]: seat["status"] for seat in answer.json()["seats"]}
        for seat in sorted(sold[showtime_id]):
            shown = statuses.get(seat, "missing")
            if shown != "booked":
                owner = tracker.owners[showtime_id, seat]
                result.violations.append(f"showtime {showtime_id}, seat {seat}: sold to {owner}, shown as {shown}")
        result.seat_maps_looked_at += 1
        result.seats_found_booked += len(sold[showtime_id])

    result.seat_maps_sold_from = len(sold)
    await _each(look_at, sorted(sold)[:MAX_MAPS])


async def _get(client: Client, path: str, token: str = "") -> Answer:
    """The answer, requested again after a fault or a 5xx: a service that recovers from the load violates nothing."""
    for _ in range(TRIES):
        answer = await client.call("GET", path, token=token)
        if answer.status and answer.status < 500:
            break
        await asyncio.sleep(PAUSE_S)
    return answer


def _sample(items: list[Item], most: int, chance: Random) -> list[Item]:
    return items if len(items) <= most else chance.sample(items, most)


async def _each(work: Callable[[Item], Awaitable[None]], items: Sequence[Item]) -> None:
    """Do the work for every item, AT_ONCE at a time."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
