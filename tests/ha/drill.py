"""`python -m tests.ha.drill`: random kills of PostgreSQL's primary during sales, and what they cost, as a table.

Three servers under Patroni with synchronous_mode and synchronous_mode_strict, and three members of etcd. A kill ends
PostgreSQL alone, or the whole host. The seed determines which, and what the customers do. `--store`: another one.
"""

import argparse
import asyncio
import secrets
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random

from tests.ha import redis_kills
from tests.ha.postgresql_drill import drill
from tests.ha.postgresql_stand import HOST_KILLED, SERVER_KILLED
from tests.histories.drill import Outcome
from tests.histories.history import FOREVER

OUT = Path(__file__).parents[2] / "benchmarks" / "HA.md"
KILLS, A_ROUND, SHOWN = 20, 10, 20
STRICT = {"servers": 3, "etcd_members": 3, "synchronous_mode": True, "synchronous_mode_strict": True}
HEAD = """# Fail-overs

## PostgreSQL

`python -m tests.ha.drill --kills {kills} --seed {seed}`: three servers of PostgreSQL 15 under Patroni with
synchronous_mode and synchronous_mode_strict, three members of etcd, and a service of two workers, all on one machine;
8 customers and 2 viewers of 6 seats. *Acknowledged*: confirms that were answered with success after the recovery
before, until this one; for all, until the end. *Lost*, *sold twice*: found by the checker in all answers and in
PostgreSQL at the end of each round, and `reservation audit` was run. *Other*: any other broken promise. *Seconds to
recovery*: from the promotion to a hold, a confirm, a map and a cancel that succeed one after another.

| fault | kills | acknowledged | lost | sold twice | other | median seconds to recovery | worst |
|---|--:|--:|--:|--:|--:|--:|--:|
"""


def main() -> int:
    """Run the kills, print and write what they cost; 1 if a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it has started
    parser = argparse.ArgumentParser(prog="python -m tests.ha.drill")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"how many ({KILLS})")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="determines the kills")
    parser.add_argument("--out", type=Path, help="where to write the table (in the folder benchmarks)")
    parser.add_argument("--store", choices=["postgresql", *redis_kills.STORES], default="postgresql")
    options = parser.parse_args()
    if options.store != "postgresql":
        return redis_kills.cause(options.store, kills=options.kills, seed=options.seed, out=options.out)
    chance = Random(f"kills {options.seed}")
    kinds = [chance.choice((SERVER_KILLED, HOST_KILLED)) for _ in range(options.kills)]
    outcomes: list[Outcome] = []
    for begun in range(0, options.kills, A_ROUND):
        outcome, _ = asyncio.run(drill(kinds[begun : begun + A_ROUND], options.seed + begun, **STRICT))
        outcomes.append(outcome)
        for window in outcome.history.faults:
            print(f"{window.name}: recovered in {window.recovered - window.healed:.1f} s", flush=True)
        for broken in outcome.violations[:SHOWN]:
            print(f"    BROKEN {broken.kind}: {broken.what}", flush=True)
        done = sum(len(each.history.faults) for each in outcomes)
        (options.out or OUT).write_text(HEAD.format(kills=done, seed=options.seed) + table(outcomes))
    return int(any(outcome.violations for outcome in outcomes) or not outcomes)


def table(outcomes: Iterable[Outcome]) -> str:
    """The rows: one for each kind of fault, and one for all, with what was found at the ends of the rounds."""
    outcomes = [*outcomes]
    names = sorted({window.name for outcome in outcomes for window in outcome.history.faults})
    return "".join(_row(outcomes, name) for name in [*names, ""])


def _row(outcomes: list[Outcome], name: str) -> str:
    kinds = {"lost": 0, "sold twice": 0, "other": 0}
    recoveries: list[float] = []
    acknowledged = 0
    for outcome in outcomes:
        faults = outcome.history.faults
        begun = [0.0, *(window.recovered for window in faults)]
        ranges = [(start, each.recovered) for start, each in zip(begun, faults, strict=False) if name == each.name]
        ranges = ranges if name else [(0.0, FOREVER)]
        recoveries += [window.recovered - window.healed for window in faults if name in ("", window.name)]
        acknowledged += sum(any(start <= end <= until for start, until in ranges) for end in _confirmed(outcome))
        for broken in outcome.violations:
            if any(start <= broken.at <= until for start, until in ranges):
                kinds[broken.kind if broken.kind in kinds else "other"] += 1
    times = sorted(recoveries)
    median, worst = ("never" if each == FOREVER else f"{each:.1f}" for each in (times[len(times) // 2], times[-1]))
    cells = [name or "all", len(times), acknowledged, *kinds.values(), median, worst]
    return f"| {' | '.join(map(str, cells))} |\n"


def _confirmed(outcome: Outcome) -> list[float]:
    """When confirms were answered with success."""
    return [each.end for each in outcome.history.requests if each.kind == "confirm" and each.succeeded]


if __name__ == "__main__":
    sys.exit(main())
