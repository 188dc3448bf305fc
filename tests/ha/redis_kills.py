"""`python -m tests.ha.drill --store redis-cluster` or `redis-sentinel`: what failures of masters cost, as a table."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.ha.costs import table
from tests.ha.postgresql_drill import costs
from tests.ha.redis_cluster import running_redis_cluster
from tests.ha.redis_drill import RECOVERED_WITHIN_S, drill
from tests.ha.redis_nodes import running_sentinels
from tests.ha.redis_stand import GOES_ON, KILLED, RESTARTED, SLOTS_MOVED, STANDS_STILL, SWITCHED_OVER, Servers
from tests.histories.drill import Outcome
from tests.histories.faults import Fault

OUT = Path(__file__).parents[2] / "benchmarks"
OTHERS, A_ROUND, SHOWN = 2, 10, 20
TEXT = """# Fail-overs: {title}

`python -m tests.ha.drill --store {store} --kills {kills} --seed {seed}`: {servers},
and a service of two workers, all on one machine; 8 customers of 6 seats, 2 viewers who poll the map and 4 who follow it
live, in {rounds} rounds with new servers each.

{table}
*Acknowledged*: confirms that were answered with success since the recovery before, until this one; all of them were
looked for at the end of the round. *Lost*, *sold twice*: found by the checker in all answers and in PostgreSQL.
*Seconds to recovery*: from the election, or the end of another fault, to a hold, a confirm, a map and a cancel that
succeed one after another. Other broken promises (holds, maps, live maps, workers that were started again, `reservation
audit` at the end): {other}.
"""


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of servers, and the faults that are caused there beside kills."""

    title: str
    servers: str
    run: Callable[[Path], AbstractContextManager[Servers]]
    others: tuple[Fault, ...]


STORES = {
    "redis-cluster": Store(
        "Redis Cluster",
        "three masters of Redis 7, each with a replica",
        running_redis_cluster,
        (STANDS_STILL, GOES_ON, SWITCHED_OVER, RESTARTED, SLOTS_MOVED),
    ),
    # Another master while the old one works may double a hold: docs/operator/redis-sentinel.md.
    "redis-sentinel": Store(
        "Redis with Sentinel",
        "a master of Redis 7 with two replicas and three Sentinels",
        running_sentinels,
        (STANDS_STILL, GOES_ON, RESTARTED),
    ),
}


def cause(store: str, *, kills: int, seed: int, out: Path | None) -> int:
    """Cause the faults, print and write what they cost; 1 if a promise was broken or a recovery was late."""
    faults = choose(store, kills, seed)
    outcomes: list[Outcome] = []
    for begun in range(0, len(faults), A_ROUND):
        outcome, _ = asyncio.run(drill(STORES[store].run, faults[begun : begun + A_ROUND], seed + begun))
        outcomes.append(outcome)
        for cost in costs(outcome):
            print(f"{cost.fault}: recovered in {cost.recoveries_s[0]:.1f} s", flush=True)
        for broken in outcome.violations[:SHOWN]:
            print(f"    BROKEN {broken.kind}: {broken.what}", flush=True)
        (out or OUT / f"HA-{store}.md").write_text(report(outcomes, store, kills=kills, seed=seed))
    recoveries = [cost.recoveries_s[0] for outcome in outcomes for cost in costs(outcome)]
    is_kept = not any(outcome.violations for outcome in outcomes)
    return int(not is_kept or not recoveries or max(recoveries) >= RECOVERED_WITHIN_S)


def choose(store: str, kills: int, seed: int) -> list[Fault]:
    """So many kills, and some of each other fault, in a random order."""
    chosen = [KILLED] * kills + [*STORES[store].others] * OTHERS
    return Random(f"{store} {seed}").sample(chosen, len(chosen))


def report(outcomes: Sequence[Outcome], store: str, *, kills: int, seed: int) -> str:
    """The page: the table has a row for each kind of fault, and one for all."""
    found = sorted((cost for outcome in outcomes for cost in costs(outcome)), key=lambda cost: cost.fault)
    broken = [each.kind for outcome in outcomes for each in outcome.violations]
    return TEXT.format(
        title=STORES[store].title,
        store=store,
        kills=kills,
        seed=seed,
        servers=STORES[store].servers,
        rounds=len(outcomes),
        table=table([*found, *(replace(cost, fault="all") for cost in found)]),
        other=len(broken) - broken.count("lost") - broken.count("sold twice"),
    )
