"""A mutant: a piece of text in a file, what replaces it, and the tests that must fail then."""

from dataclasses import dataclass

BOOKING, HOLDS, RACES, FAULTS = "tests/booking", "tests/holds", "tests/races", "tests/faults"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong in it, and how it is made; `tests` are files and folders for pytest."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
