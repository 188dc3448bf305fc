"""A stand whose stores have clocks that can be set: libfaketime (Debian's package `faketime`) is loaded into both.

Redis is Valkey here: Debian's redis-server uses jemalloc, which does not work with libfaketime.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from reservation.embedded.binaries import valkey_program
from tests.histories.faults import CLOCK, fault
from tests.histories.stands import DEBIAN_POSTGRESQL, ROOT, ExternalStand, Stand

# The folder has the name of the processor.
INSTALLED = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), Path("/usr/lib/faketime/libfaketime.so.1")]
LIBRARY = Path(os.environ.get("LIBFAKETIME", INSTALLED[0]))
JUMPS_S = (-5, -1, 1, 5)


class ClockStand(ExternalStand):
    """External servers that take their time from files."""

    name = "clocks"

    def __init__(self, folder: Path, tree: Path = ROOT) -> None:
        programs = folder / "programs"
        programs.mkdir()
        for program in DEBIAN_POSTGRESQL.iterdir():
            if program.name != "postgres":
                (programs / program.name).symlink_to(program)
        valkey = valkey_program(None)
        self.clocks = (folder / "postgresql", folder / "redis")
        for clock, program in zip(self.clocks, (DEBIAN_POSTGRESQL / "postgres", valkey), strict=True):
            self._wrap(programs / program.name, program, clock)
        super().__init__(folder, tree, programs=(programs, programs / valkey.name))
        for clock in self.clocks:
            set_clock(clock, 0)
        folder.chmod(0o755)  # PostgreSQL may run as another user

    @staticmethod
    def _wrap(path: Path, program: Path, clock: Path) -> None:
        environment: dict[str, object] = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": clock,
            "FAKETIME_NO_CACHE": 1,
            "FAKETIME_DISABLE_SHM": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
        }
        assignments = " ".join(f"{name}={value}" for name, value in environment.items())
        path.write_text(f'#!/bin/sh\nexec env {assignments} {program} "$@"\n')
        path.chmod(0o755)


def set_clock(clock: Path, ahead_s: int) -> None:
    """Set a clock so many seconds ahead of this machine's, or behind."""
    unfinished = clock.with_suffix(".unfinished")
    unfinished.write_text(f"{ahead_s:+d}s\n")
    unfinished.rename(clock)


def _jump(name: str, place: int) -> None:
    @fault(f"the clock of {name} jumps", CLOCK, on="clocks")
    @asynccontextmanager
    async def inject(stand: Stand, chance: Random) -> AsyncIterator[None]:
        if not isinstance(stand, ClockStand):
            raise TypeError("the stand has no clocks")
        set_clock(stand.clocks[place], chance.choice(JUMPS_S))
        try:
            yield
        finally:
            set_clock(stand.clocks[place], 0)


_jump("PostgreSQL", 0)
_jump("Redis", 1)
