"""The audit: looks for broken promises in the whole of both stores. It reads only, and traffic may go on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from ..booking.orphan_job import find_orphans, unbacked
from ..db.repository import audit as repository
from ..db.repository.audit import Connection, Finding

NAMED_A_RULE = 20  # a broken rule is often broken a million times
SECOND_LOOK_S = 3.0  # a hold is in Redis before it is in PostgreSQL, and leaves it after
WORK_MEM = "64MB"

# Every rule that one statement can judge; the function's name is the rule's.
_RULES: tuple[Callable[..., Awaitable[Sequence[Finding]]], ...] = (
    repository.seats_sold_twice,
    repository.seats_not_booked,
    repository.seats_not_reserved,
    repository.seats_not_confirmed,
    repository.seats_of_other_rooms,
    repository.wrong_totals,
    repository.reservations_without_seats,
    repository.overlapping_showtimes,
    repository.archived_and_kept,
    repository.archived_seats_sold_twice,
    repository.archived_wrong_totals,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which rule, by whom, and how. The last one of a rule may stand for all that were not named."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject} {self.detail}"


async def audit(conn: Connection, redis: Redis) -> list[Violation]:
    """Everything that is wrong, at most 20 a rule and how many more; empty when all is well.

    PostgreSQL is judged at one moment, in a transaction of its own: the connection must not be in one. Holds without
    a reservation are looked at twice, 3 seconds apart. Raises what asyncpg and redis raise when a store fails.
    """
    violations: list[Violation] = []
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await repository.open_snapshot(conn, work_mem=WORK_MEM)
        for rule in _RULES:
            violations += _named(rule.__name__, await rule(conn, row_limit=NAMED_A_RULE))
    return violations + _named("holds_without_reservation", await _orphaned_holds(conn, redis))


def _named(rule: str, findings: Sequence[Finding]) -> list[Violation]:
    violations = [Violation(rule, finding.subject, finding.detail) for finding in findings]
    if findings and findings[0].found > len(findings):
        violations.append(Violation(rule, f"{findings[0].found - len(findings):,} more", "break this rule"))
    return violations


async def _orphaned_holds(conn: Connection, redis: Redis) -> Sequence[Finding]:
    orphans = await find_orphans(redis, lambda held: unbacked(conn, held), second_look_s=SECOND_LOOK_S)
    return [
        Finding(
            subject=f"key {orphan.held.key}",
            detail=f"holds the seat for reservation {orphan.held.holder}, which {_state(orphan.status)}",
            found=len(orphans),
        )
        for orphan in orphans[:NAMED_A_RULE]
    ]


def _state(status: str | None) -> str:
    if status is None:
        return "does not exist"
    return "has run out or does not want it" if status == "held" else f"is {status}"
