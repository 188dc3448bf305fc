"""Rounds: each a drill on a stand of its own, determined by its stand, seed and count."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.histories.clocks import LIBRARY, ClockStand
from tests.histories.drill import Drill, Outcome
from tests.histories.faults import FAULTS
from tests.histories.schedule import make_schedule
from tests.histories.stands import DEBIAN_POSTGRESQL, DEBIAN_REDIS, ROOT, ExternalStand, Stand, running

STANDS: dict[str, type[Stand]] = {each.name: each for each in (Stand, ExternalStand, ClockStand)}
NEEDED = {
    "embedded": (),
    "external": (DEBIAN_REDIS, DEBIAN_POSTGRESQL),
    "clocks": (DEBIAN_POSTGRESQL, LIBRARY),
}
PACKAGES = {LIBRARY: "Debian's package faketime; LIBFAKETIME names it at another place"}
A_ROUND = 10
TURNS = ("external", "embedded", "clocks", "external", "embedded")


class Round(NamedTuple):
    """What determines a drill; `only` chooses the faults by their names."""

    stand: str
    seed: int
    faults: int
    only: str = ""

    def command(self) -> str:
        """What runs it again."""
        only = f' --only "{self.only}"' if self.only else ""
        return f"python -m tests.histories --stand {self.stand} --seed {self.seed} --faults {self.faults}{only}"


def missing(stand: str, only: str = "") -> str:
    """Why a stand cannot run here, or has no fault with that in its name; nothing if it can."""
    if not all(any(part in name for name in FAULTS[stand]) for part in only.split(" + ")):
        return f"none of its faults is {only!r}"
    absent = [
        f"{program} ({PACKAGES[program]})" if program in PACKAGES else str(program)
        for program in NEEDED[stand]
        if not program.exists()
    ]
    return f"{' and '.join(absent)} is not installed" if absent else ""


def split(stands: list[str], seed: int, count: int, only: str = "") -> Iterator[Round]:
    """So many faults in rounds of ten, on these stands in turn."""
    turns = [stand for stand in TURNS if stand in stands]
    for number, begun in enumerate(range(0, count, A_ROUND)):
        yield Round(turns[number % len(turns)], seed + number, min(A_ROUND, count - begun), only)


def run(each: Round, tree: Path = ROOT) -> Outcome:
    """Run a round; from the main thread, which must have no event loop. `tree` is the folder of the package to run."""
    return asyncio.run(drill(each, tree))


async def drill(each: Round, tree: Path = ROOT) -> Outcome:
    """The same, within an event loop."""
    steps = make_schedule(each.stand, each.seed, each.faults, each.only)
    with TemporaryDirectory(prefix="reservation-drill.", ignore_cleanup_errors=True) as folder:
        async with running(STANDS[each.stand](Path(folder), tree)) as stand:
            return await Drill(stand, steps, each.seed, clocks_are_right=each.stand != "clocks").run()
