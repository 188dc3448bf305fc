"""`python -m tests.histories`: random faults at a running service, and what they broke. `make drill` causes 200."""

import argparse
import secrets
import signal
import sys
import time
from pathlib import Path

from tests.histories.drill import Outcome
from tests.histories.report import report
from tests.histories.rounds import STANDS, missing, run, split
from tests.histories.table import NOTES, tables

FAULTS = 200


def main() -> int:
    """Run the drills, print what they found, and write the table; 1 if a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends what it has started
    options = _parse()
    seed = options.seed if options.seed is not None else secrets.randbelow(1_000_000)
    absent = {stand: why for stand in options.stand if (why := missing(stand, options.only))}
    stands = [stand for stand in options.stand if stand not in absent]
    rounds = [*split(stands, seed, options.faults, options.only)] if stands else []
    left = {*stands} - {each.stand for each in rounds}
    absent |= dict.fromkeys(sorted(left), f"{options.faults} faults are {len(rounds)} rounds on other stands")
    for stand, why in absent.items():
        print(f"no drill on the stand {stand}: {why}")
    outcomes: list[Outcome] = []
    began = time.monotonic()
    for each in rounds:
        print(each.command(), flush=True)
        outcome = run(each)
        outcomes.append(outcome)
        for line in report(outcome):
            print(line, flush=True)
        if options.out is not None:  # after each round: what was found is there if this is interrupted
            minutes = (time.monotonic() - began) / 60
            options.out.write_text(_head(outcomes, seed, minutes, absent) + NOTES + "\n" + tables(outcomes))
    found = sum(len(outcome.violations) for outcome in outcomes)
    print(f"{found} broken promises" if found else "no promise was broken")
    return int(found > 0 or not outcomes)


def _head(outcomes: list[Outcome], seed: int, minutes: float, absent: dict[str, str]) -> str:
    faults = sum(len(outcome.history.faults) for outcome in outcomes)
    requests = sum(len(outcome.history.requests) for outcome in outcomes)
    text = (
        f"# Drills\n\n`make drill` with seed {seed}: {faults:,} faults at a service of two workers in {minutes:.0f}"
        f" minutes; {requests:,} requests of 8 customers and 2 viewers for 6 seats.\n"
    )
    return text + "".join(f"\nNot run: the stand {stand}, since {why}.\n" for stand, why in absent.items())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.histories")
    parser.add_argument("--faults", type=int, default=FAULTS, help=f"how many ({FAULTS})")
    parser.add_argument("--seed", type=int, help="determines the schedules; the rounds print theirs")
    parser.add_argument("--stand", choices=[*STANDS], action="append", help="on which servers (all, in turn)")
    parser.add_argument("--only", default="", help="faults that have this in their names, without pairs")
    parser.add_argument("--out", type=Path, help="where to write the table")
    options = parser.parse_args()
    options.stand = options.stand or [*STANDS]
    return options


if __name__ == "__main__":
    sys.exit(main())
