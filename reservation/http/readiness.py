"""Whether a hold and a confirm could be made just now: asked at most once a second, however many balancers ask."""

import asyncio
from collections.abc import Sequence
from functools import cache
from time import monotonic

from ..db.migrations import known_migrations
from ..db.pool import Connection, Database
from ..db.repository import ops
from ..errors import DatabaseUnavailable, HoldsUnavailable, Overloaded, Unavailable
from ..holds.store import Holds

FRESH_S = 1.0  # so long an answer is given again


class Readiness:
    """Checks both stores of a worker; callers at the same time share one check."""

    def __init__(self, database: Database, holds: Holds) -> None:
        self._database = database
        self._holds = holds
        self._check: asyncio.Task[Sequence[Unavailable]] | None = None
        self._ends_at = 0.0

    async def failures(self) -> Sequence[Unavailable]:
        """Why each store cannot be used, if so; the answer of an earlier call if that is less than FRESH_S old."""
        if self._check is None or (self._check.done() and monotonic() >= self._ends_at):
            self._check = asyncio.create_task(self._check_stores())
        return await asyncio.shield(self._check)

    async def _check_stores(self) -> Sequence[Unavailable]:
        found = await asyncio.gather(self._check_postgresql(), self._check_redis())
        self._ends_at = monotonic() + FRESH_S
        return [failure for failure in found if failure is not None]

    async def _check_postgresql(self) -> Unavailable | None:
        try:
            async with self._database.connection() as conn:
                reason = await _why_no_sale(conn)
        except Overloaded:
            return Overloaded("PostgreSQL: no connection of the pool became free in time.")
        except Unavailable:
            return DatabaseUnavailable("PostgreSQL does not answer.")
        return DatabaseUnavailable(f"PostgreSQL: {reason}.") if reason else None

    async def _check_redis(self) -> Unavailable | None:
        try:
            await self._holds.check_writable()
        except Overloaded:
            return Overloaded("Redis: too many commands wait for it.")
        except HoldsUnavailable as error:
            return HoldsUnavailable(_why_refused(error))
        return None


async def _why_no_sale(conn: Connection) -> str | None:
    refusal = await ops.write_refusal(conn)
    if refusal.is_standby:
        return "it is a standby"
    if refusal.is_read_only:
        return "it is read-only"
    role = await ops.role_without_booking_rights(conn)
    if role is not None:
        return f"the role {role} may not write reservations"
    missing = sorted(_known_migrations() - await ops.applied_migrations(conn))
    return f"the schema is out of date: {', '.join(missing)} not applied" if missing else None


def _why_refused(error: HoldsUnavailable) -> str:
    """The first word of Redis's refusal, such as OOM or READONLY; the rest may name hosts."""
    cause = error.__cause__
    while cause is not None and cause.__cause__ is not None:  # a connection that could not be opened names the reply
        cause = cause.__cause__
    word = str(cause).partition(" ")[0]
    return f"Redis refuses to write: {word}." if word.isupper() and word.isalpha() else "Redis does not answer."


@cache
def _known_migrations() -> frozenset[str]:
    """Those of the version that this worker runs, whatever an upgrade has put on the disk since."""
    return known_migrations()
