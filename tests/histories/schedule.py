"""Random schedules of faults: the seed, the stand and the count determine all of one."""

from dataclasses import dataclass
from random import Random

from tests.histories.faults import FAULTS, Fault

PAIRS = 0.4  # of the steps, two faults at once


@dataclass(frozen=True, slots=True)
class Step:
    """One fault, or two of which the second begins later; then both last so long. Seconds."""

    faults: tuple[Fault, ...]
    before_s: float
    between_s: float
    lasts_s: float

    @property
    def name(self) -> str:
        """The names of its faults."""
        return " + ".join(sorted(fault.name for fault in self.faults))

    @property
    def parts(self) -> frozenset[str]:
        """What its faults touch."""
        return frozenset[str]().union(*(fault.parts for fault in self.faults))


def make_schedule(stand: str, seed: int, count: int, only: str = "") -> list[Step]:
    """So many steps; each kind of fault comes once before one comes again.

    `only` chooses the faults by a part of their names; with " + " in it, each step has these two.
    """
    chance = Random(f"schedule {stand} {seed}")
    if " + " in only:
        both = tuple(FAULTS[stand][name] for name in only.split(" + "))
        return [_step(both, chance) for _ in range(count)]
    known = [fault for name, fault in sorted(FAULTS[stand].items()) if only in name]
    if not known:
        raise ValueError(f"no fault on the {stand} stand has {only!r} in its name")
    steps: list[Step] = []
    waiting: list[Fault] = []
    while len(steps) < count:
        waiting = waiting or chance.sample(known, len(known))
        chosen = [waiting.pop()]
        if chance.random() < PAIRS and not only:
            partners = FAULTS["external" if stand == "clocks" else stand]
            others = [each for each in partners.values() if not each.parts & chosen[0].parts]
            chosen += chance.sample(sorted(others, key=lambda each: each.name), min(1, len(others)))
        steps.append(_step(tuple(chosen), chance))
    return steps


def _step(faults: tuple[Fault, ...], chance: Random) -> Step:
    return Step(faults, chance.uniform(0.2, 0.8), chance.uniform(0, 0.4), chance.choice((0.3, 0.8, 1.5, 2.5)))
