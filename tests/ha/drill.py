"""`python -m tests.ha.drill`: random kills of PostgreSQL's primary during sales, and what they cost, as a table.

Three servers under Patroni with synchronous_mode and synchronous_mode_strict, and three members of etcd. A kill ends
PostgreSQL alone, or the whole host; between the kills come the other faults of a primary. The seed determines which,
and what the customers do. `--store`: another one.
"""

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from random import Random
from statistics import median

from tests.ha import redis_kills
from tests.ha.costs import seconds, table
from tests.ha.postgresql_drill import RECOVERED_WITHIN_S, costs, drill
from tests.ha.postgresql_stand import CUT_OFF, HOST_KILLED, SERVER_KILLED, STANDS_STILL, SWITCHOVER
from tests.histories.drill import Outcome
from tests.histories.faults import Fault

OUT = Path(__file__).parents[2] / "benchmarks" / "HA.md"
KILLS, OTHERS, A_ROUND, SHOWN = 20, 2, 6, 20
STRICT = {"servers": 3, "etcd_members": 3, "synchronous_mode": True, "synchronous_mode_strict": True}
TEXT = """# Fail-overs

## PostgreSQL with synchronous standbys

`python -m tests.ha.drill {command}`: three servers of PostgreSQL 15 under Patroni
with synchronous_mode and synchronous_mode_strict, three members of etcd, and a service of two workers, all on one
machine; 8 customers and 2 viewers of 6 seats; {done} of {rounds} rounds, each with new servers. The machine has
{processors} processors, and its load average of a quarter of an hour was up to {load:.0f}.

{table}
*Acknowledged*: confirms that were answered with success since the recovery before, until this one; all of them were
looked for at the end of the round. *Lost*, *sold twice*: found by the checker in all answers and in PostgreSQL at the
end. *Seconds to recovery*: from the promotion to a hold, a confirm, a map and a cancel that succeed one after another.
A commit on the new primary without the service, which waits for a standby that follows it, took {median_s} s in the
median and {worst_s} s at most. Other broken promises (maps, holds, `reservation audit` at the end): {other}.
"""


def main() -> int:
    """Cause the faults, print and write what they cost; 1 if a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it has started
    parser = argparse.ArgumentParser(prog="python -m tests.ha.drill")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of a server or its host ({KILLS})")
    parser.add_argument("--others", type=int, default=OTHERS, help=f"of each other fault ({OTHERS})")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="determines the kills")
    parser.add_argument("--out", type=Path, help="where to write the table (in the folder benchmarks)")
    parser.add_argument("--store", choices=["postgresql", *redis_kills.STORES], default="postgresql")
    options = parser.parse_args()
    if options.store != "postgresql":
        return redis_kills.cause(options.store, kills=options.kills, seed=options.seed, out=options.out)
    faults = choose(options.kills, options.others, options.seed)
    outcomes: list[Outcome] = []
    loads: list[float] = []
    commits_s: list[float] = []
    for begun in range(0, len(faults), A_ROUND):
        outcome, _, of_round = asyncio.run(drill(faults[begun : begun + A_ROUND], options.seed + begun, **STRICT))
        outcomes.append(outcome)
        commits_s += of_round
        for broken in outcome.violations[:SHOWN]:
            print(f"BROKEN {broken.kind}: {broken.what}", flush=True)
        loads.append(os.getloadavg()[2])
        command = f"--kills {options.kills} --others {options.others} --seed {options.seed}"
        (options.out or OUT).write_text(
            report(command, outcomes, rounds=ceil(len(faults) / A_ROUND), load=max(loads), commits_s=commits_s)
        )
    kept = all(not outcome.violations and _worst_s(outcome) < RECOVERED_WITHIN_S for outcome in outcomes)
    return int(not (outcomes and kept))


def choose(kills: int, others: int, seed: int) -> list[Fault]:
    """So many kills, and so many of each other fault, in a random order."""
    chance = Random(f"kills {seed}")
    chosen = [chance.choice((SERVER_KILLED, HOST_KILLED)) for _ in range(kills)]
    chosen += [fault for fault in (STANDS_STILL, CUT_OFF, SWITCHOVER) for _ in range(others)]
    return chance.sample(chosen, len(chosen))


def report(command: str, outcomes: Sequence[Outcome], *, rounds: int, load: float, commits_s: Sequence[float]) -> str:
    """The page: the table has a row for each kind of fault, and one for all."""
    found = sorted((cost for outcome in outcomes for cost in costs(outcome)), key=lambda cost: cost.fault)
    broken = [each.kind for outcome in outcomes for each in outcome.violations]
    return TEXT.format(
        command=command,
        done=len(outcomes),
        rounds=rounds,
        load=load,
        processors=os.cpu_count(),
        median_s=seconds(median(commits_s)),
        worst_s=seconds(max(commits_s)),
        table=table([*found, *(replace(cost, fault="all") for cost in found)]),
        other=len(broken) - broken.count("lost") - broken.count("sold twice"),
    )


def _worst_s(outcome: Outcome) -> float:
    return max(cost.recoveries_s[0] for cost in costs(outcome))


if __name__ == "__main__":
    sys.exit(main())
