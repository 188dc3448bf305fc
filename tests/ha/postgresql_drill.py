"""A drill on servers under Patroni: each fault begins with all of them healthy."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.ha.costs import Cost
from tests.ha.postgresql_stand import PatroniStand
from tests.histories.client import Client
from tests.histories.drill import Drill, Outcome
from tests.histories.faults import Fault
from tests.histories.history import FOREVER, Broken
from tests.histories.schedule import Step
from tests.histories.stands import running

BEFORE_S, LASTS_S = 1.0, 0.0


class FailoverDrill(Drill):
    """A drill whose faults are fail-overs."""

    stand: PatroniStand

    async def _cause(self, step: Step, probe: Client, showtime_id: int, seat: int) -> list[Broken]:
        await self.stand.cluster.until_healthy()
        return await super()._cause(step, probe, showtime_id, seat)

    async def _look_at_the_end(self, showtime_id: int) -> None:
        await self.stand.cluster.until_healthy()
        self.stand.primary = await self.stand.cluster.primary()
        await super()._look_at_the_end(showtime_id)


async def drill(faults: list[Fault], seed: int, **settings: Any) -> tuple[Outcome, str]:
    """Cause these faults one after another; what was found, and what the service has logged."""
    steps = [Step((fault,), BEFORE_S, 0.0, LASTS_S) for fault in faults]
    with TemporaryDirectory(prefix="reservation-ha.", ignore_cleanup_errors=True) as folder:
        async with running(PatroniStand(Path(folder), **settings)) as stand:
            outcome = await FailoverDrill(stand, steps, seed).run()
            return outcome, stand.instance.printed() if stand.instance is not None else ""


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
