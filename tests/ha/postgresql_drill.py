"""A drill on servers under Patroni: each fault begins with all of them healthy."""

import os
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar, cast

import asyncpg

from tests.ha.costs import Cost
from tests.ha.postgresql_stand import PatroniStand
from tests.histories.client import Client
from tests.histories.drill import Drill, Outcome
from tests.histories.faults import Fault
from tests.histories.history import FOREVER, Broken
from tests.histories.schedule import Step
from tests.histories.stands import running

T = TypeVar("T")

BEFORE_S, LASTS_S, LOOKS = 1.0, 0.0, 5
RECOVERED_WITHIN_S = 5.0  # of the promotion: docs/operator/postgresql-failover.md


class FailoverDrill(Drill):
    """A drill whose faults are fail-overs."""

    stand: PatroniStand

    def __init__(self, stand: PatroniStand, steps: list[Step], seed: int) -> None:
        super().__init__(stand, steps, seed)
        self.commits_s: list[float] = []

    async def _cause(self, step: Step, probe: Client, showtime_id: int, seat: int) -> list[Broken]:
        await self.stand.cluster.until_healthy()
        broken = await super()._cause(step, probe, showtime_id, seat)
        window = self.history.faults[-1]
        recovery_s = window.recovered - window.healed
        assert self.stand.first_commit is not None
        self.commits_s.append(await self.stand.first_commit)
        print(
            f"{window.name}: recovered in {recovery_s:.1f} s, PostgreSQL committed in {self.commits_s[-1]:.1f} s,"
            f" load {os.getloadavg()[0]:.0f}",
            flush=True,
        )
        if recovery_s > RECOVERED_WITHIN_S:
            for each in probe.history.requests:
                if each.start > window.healed:
                    print(f"    {each.start - window.healed:.1f}-{each.end - window.healed:.1f} s: {each}", flush=True)
        return broken

    async def _look_at_the_end(self, showtime_id: int) -> None:
        look = super()._look_at_the_end
        await self._on_the_primary(lambda: look(showtime_id))

    async def _audit(self) -> list[Broken]:
        return await self._on_the_primary(super()._audit)

    async def _on_the_primary(self, look: Callable[[], Awaitable[T]]) -> T:
        """Once all servers are well; again if the primary changes meanwhile, as it may on a busy machine."""
        for tries_left in reversed(range(LOOKS)):
            await self.stand.cluster.until_healthy()
            self.stand.primary = await self.stand.cluster.primary()
            try:
                return await look()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if not tries_left:
                    raise
        raise AssertionError


class Found(NamedTuple):
    """What was found, what the service has logged, and seconds from each promotion to a commit without the service."""

    outcome: Outcome
    log: str
    commits_s: list[float]


async def drill(faults: list[Fault], seed: int, **settings: Any) -> Found:
    """Cause these faults one after another."""
    steps = [Step((fault,), BEFORE_S, 0.0, LASTS_S) for fault in faults]
    with TemporaryDirectory(prefix="reservation-ha.", ignore_cleanup_errors=True) as folder:
        async with running(PatroniStand(Path(folder), **settings)) as stand:
            running_drill = FailoverDrill(cast("PatroniStand", stand), steps, seed)
            outcome = await running_drill.run()
            log = stand.instance.printed() if stand.instance is not None else ""
            return Found(outcome, log, running_drill.commits_s)


def costs(outcome: Outcome) -> list[Cost]:
    """What each fault has cost: what was answered and broken since the recovery before, until its own.

    What came after the last recovery, and what was found at the end, counts as the last one's.
    """
    faults = outcome.history.faults
    confirmed = [each.end for each in outcome.history.requests if each.kind == "confirm" and each.succeeded]
    found: list[Cost] = []
    ranges = pairwise([0.0, *(window.recovered for window in faults[:-1]), FOREVER])
    for window, (start, until) in zip(faults, ranges, strict=True):
        kinds = [broken.kind for broken in outcome.violations if start < broken.at <= until]
        acknowledged = sum(start < end <= until for end in confirmed)
        recovery_s = window.recovered - window.healed
        found.append(Cost(window.name, 1, acknowledged, kinds.count("lost"), kinds.count("sold twice"), (recovery_s,)))
    return found
