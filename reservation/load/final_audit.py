"""The audit after a run: the customers' books against what the service says now, and the stores where they are at hand.

It is always made, and what cannot be looked at counts as broken. Nothing else goes on meanwhile that could excuse a
difference.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import asyncpg
from redis.exceptions import RedisError

from ..db.pool_options import tool_limits
from ..dba.audit import audit
from ..runtime.redis_client import redis_client
from ..settings import Settings
from .client import Client
from .connection import Answer
from .tracked_reservations import Booking, Ledger

Item = TypeVar("Item")

MAX_LOOKED_UP = 2000
MAX_UNKNOWN = 10_000  # looked up besides, since only the service knows what became of them
MAX_MAPS = 500
AT_ONCE = 16
TRIES = 5
PAUSE_S = 1.0
# What a reservation may be after the last thing that its customer knows of it.
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
    """What was looked at, of how many, and what was wrong; `stores` is None where they were not at hand."""

    violations: list[str] = field(default_factory=list)
    confirmed: int = 0
    looked_up: int = 0
    reservations: int = 0
    unknown_looked_up: int = 0
    unknown: int = 0
    maps: int = 0
    maps_sold: int = 0
    seats: int = 0
    stores: bool | None = None

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations

    def summary(self) -> dict[str, Any]:
        """The audit's part of the JSON report."""
        return {
            "clean": self.clean,
            "confirmed_reservations": self.confirmed,
            "reservations_looked_up": self.looked_up,
            "reservations": self.reservations,
            "unknown_looked_up": self.unknown_looked_up,
            "unknown": self.unknown,
            "seat_maps_looked_at": self.maps,
            "seat_maps_sold_from": self.maps_sold,
            "seats_found_booked": self.seats,
            "stores_audited": bool(self.stores),
            "violations": self.violations,
        }


async def audit_run(
    client: Client, ledger: Ledger, tokens: Sequence[str], settings: Settings | None, *, seed: int
) -> AuditResult:
    """Check everything that follows from the answers, and with `settings` the stores as well."""
    result = AuditResult(violations=list(ledger.violations))
    extra = ledger.counts["violations"] - len(ledger.violations)
    if extra:
        result.violations.append(f"{extra:,} more violations by the answers themselves")
    result.confirmed = sum(booking.state == "confirmed" for booking in ledger.bookings.values())
    health = await _insist(client, client.target.request("GET", "/health"))
    if health.status == 200:
        await _look_up(client, ledger, tokens, result, seed)
        await _look_at_maps(client, ledger, result)
    else:
        cause = health.status or health.fault
        result.violations.append(f"the service does not answer any more ({cause}): nothing could be looked up")
    if settings is not None:
        try:
            result.violations += await _audit_stores(settings)
            result.stores = True
        except (asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError) as error:
            result.violations.append(f"the stores could not be audited: {error}")
    return result


async def _look_up(client: Client, ledger: Ledger, tokens: Sequence[str], result: AuditResult, seed: int) -> None:
    """Every reservation, or of very many a sample, must be what its customer was told.

    Those whose last answer was lost are no part of the sample: one of them that turns out to be confirmed owns its
    seats, and a seat that was sold to somebody else meanwhile was sold twice.
    """
    everyone = [*ledger.bookings.values(), *ledger.past]
    chance = Random(f"audit {seed}")  # noqa: S311 - to be repeatable
    unknown = [booking for booking in everyone if booking.state in UNKNOWN]
    known = [booking for booking in everyone if booking.state not in UNKNOWN]
    result.reservations, result.unknown = len(everyone), len(unknown)
    # The unknown ones last: the service may still be at work on what nobody waits for any more.
    bookings = [*_some(known, MAX_LOOKED_UP, chance), *_some(unknown, MAX_UNKNOWN, chance)]

    async def look_up(booking: Booking) -> None:
        request = client.target.request("GET", f"/reservations/{booking.id}", token=tokens[booking.user])
        answer = await _insist(client, request)
        found = answer.json() if answer.status == 200 else None
        said = f"reservation {booking.id}, which was answered {booking.state}"
        if found is None:
            result.violations.append(f"{said}, is answered {answer.status or answer.fault} {answer.code}")
        elif found["status"] not in POSSIBLE[booking.state]:
            result.violations.append(f"{said}, is {found['status']}")
        if found is not None and found["status"] == "confirmed":
            result.violations += _sold(ledger, booking, [seat["seat_id"] for seat in found["seats"]])
        result.looked_up += 1
        result.unknown_looked_up += booking.state in UNKNOWN

    await _each(look_up, bookings)


def _sold(ledger: Ledger, booking: Booking, seats: Sequence[int]) -> list[str]:
    """Enter the seats of a reservation that was found confirmed; gives what is wrong and was not known before."""
    wrong = [clash for clash in ledger.sold(booking, seats) if clash not in ledger.violations]
    if sorted(seats) != sorted(booking.seats):
        held = sorted(booking.seats)
        wrong.append(f"reservation {booking.id} was answered seats {held}, and is confirmed with {sorted(seats)}")
    return wrong


async def _look_at_maps(client: Client, ledger: Ledger, result: AuditResult) -> None:
    """Every seat that was sold must be shown as booked."""
    sold: dict[int, set[int]] = {}
    for showtime_id, seat in ledger.owners:
        sold.setdefault(showtime_id, set()).add(seat)

    async def look_at(showtime_id: int) -> None:
        answer = await _insist(client, client.target.request("GET", f"/showtimes/{showtime_id}/seats"))
        if answer.status != 200:
            result.violations.append(f"the seat map of showtime {showtime_id}: {answer.status or answer.fault}")
            return
        statuses = {seat["id"]: seat["status"] for seat in answer.json()["seats"]}
        for seat in sorted(sold[showtime_id]):
            if statuses.get(seat) != "booked":
                owner = ledger.owners[showtime_id, seat]
                shown = statuses.get(seat, "missing")
                result.violations.append(f"showtime {showtime_id}, seat {seat}: sold to {owner}, shown as {shown}")
        result.maps += 1
        result.seats += len(sold[showtime_id])

    result.maps_sold = len(sold)
    await _each(look_at, sorted(sold)[:MAX_MAPS])


async def _audit_stores(settings: Settings) -> list[str]:
    redis = redis_client(settings)
    conn = await asyncpg.connect(settings.database_url, server_settings=tool_limits("load audit"))
    try:
        return [str(violation) for violation in await audit(conn, redis)]
    finally:
        await conn.close()
        await redis.aclose()


async def _insist(client: Client, request: bytes) -> Answer:
    """Ask again for a while when there is no proper answer: a service that is catching its breath breaks no promise."""
    for _ in range(TRIES):
        answer = await client.fetch(request)
        if answer.status and answer.status < 500:
            break
        await asyncio.sleep(PAUSE_S)
    return answer


def _some(items: list[Item], most: int, chance: Random) -> list[Item]:
    """All of them, or of too many a sample."""
    return items if len(items) <= most else chance.sample(items, most)


async def _each(work: Callable[[Item], Awaitable[None]], items: Sequence[Item]) -> None:
    """Do the work for every item, a few at once."""
    queue = iter(items)

    async def lane() -> None:
        for item in queue:
            await work(item)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
