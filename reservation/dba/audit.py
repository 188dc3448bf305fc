"""The audit: checks the invariants over all of both stores. It only reads, and the service may run meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..booking.jobs.orphans import find_orphans, unbacked
from ..db.command_connections import tool_connection
from ..db.pool import Connection
from ..db.pool_options import tool_limits
from ..db.repository import audit as repository
from ..db.repository.audit import RULES, Finding
from ..runtime.redis_client import RedisClient, redis_client
from ..settings import Settings

NAMED_A_RULE = 20  # findings; one fault may violate a rule a million times
SECOND_LOOK_S = 3.0  # a hold is in Redis before it is in PostgreSQL, and stays there longer
WORK_MEM = "64MB"


@dataclass(frozen=True, slots=True)
class Violation:
    """A violated rule, what violates it, and how. The last one of a rule may stand for all that are not named."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject} {self.detail}"


async def audit(conn: Connection, redis: RedisClient) -> list[Violation]:
    """All violations, at most 20 of a rule and the number of the others; empty if every invariant holds.

    The rules see one snapshot of PostgreSQL, in a transaction of their own: the connection must not be in one. Holds
    without a reservation are checked twice, 3 seconds apart. Raises the errors of asyncpg and redis.
    """
    violations: list[Violation] = []
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await repository.open_snapshot(conn, work_mem=WORK_MEM)
        for rule in RULES:
            findings = await repository.violations(conn, rule=rule, row_limit=NAMED_A_RULE)
            violations += _named(rule.partition("/")[2], findings)
    return violations + _named("holds_without_reservation", await _orphaned_holds(conn, redis))


async def audit_stores(settings: Settings, *, tool: str) -> list[Violation]:
    """As `audit`, on connections of its own; `tool` names the one to PostgreSQL."""
    redis = redis_client(settings)
    try:
        async with tool_connection(settings.database_url, tool_limits(tool)) as conn:
            return await audit(conn, redis)
    finally:
        await redis.aclose()


def _named(rule: str, findings: Sequence[Finding]) -> list[Violation]:
    violations = [Violation(rule, finding.subject, finding.detail) for finding in findings]
    if findings and findings[0].found > len(findings):
        violations.append(Violation(rule, f"{findings[0].found - len(findings):,} more", "violate this rule"))
    return violations


async def _orphaned_holds(conn: Connection, redis: RedisClient) -> Sequence[Finding]:
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
    return "has expired or has other seats" if status == "held" else f"is {status}"
