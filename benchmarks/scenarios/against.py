"""This tree against another commit: both run at once and are loaded in turn, A B then B A."""

from contextlib import ExitStack
from dataclasses import dataclass

from ..bench import Bench, say
from ..processes import Server
from ..templates import empty_template
from ..versions import BASELINE, THIS, Version, check_out
from ..walks import Walk
from .maps import write_requests

WORKERS = 1
MAX_REPETITIONS = 3  # of four cycles each
CONNECTIONS = 64
ABREAST = 800
SEATS_A_HOLD = 2  # as the goals were measured
WARM_UP_S, GET_S = 2, 1
CYCLES = "cycles"
GETS = {"GET /auth/me": "me", "seat map 200": "seats", "seat map 304": "unchanged"}
PROCESSES = {"server": "worker", "postgresql": "PostgreSQL", "redis": "Redis", "wrk": "generator"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions under load."""

    version: Version
    server: Server
    walk: Walk
    lists: dict[str, str]

    def name(self, what: str) -> str:
        """The contestant's name."""
        return name_of(self.version, what)

    def drive(self, bench: Bench, what: str, *, keep: bool = True, seconds: float | None = None) -> None:
        """Load it once."""
        if what == CYCLES:
            self.walk.drive(
                bench,
                self.name(what),
                self.server,
                "cycles",
                connections=CONNECTIONS,
                seconds=seconds,
                unit="confirmed",
                keep=keep,
            )
        else:
            environment = {"REQUESTS": self.lists[GETS[what]]}
            bench.drive(
                self.name(what),
                self.server,
                "get",
                connections=CONNECTIONS,
                seconds=seconds,
                keep=keep,
                environment=environment,
            )


def name_of(version: Version, what: str) -> str:
    """The contestant's name of a version under a kind of load."""
    return f"{version.name}: {what}"


def run(bench: Bench) -> None:
    """Cycles, accounts and maps of both versions."""
    other = check_out(bench.plan.against, bench.stand.folder)
    with ExitStack() as stack:
        sides = [_side(bench, stack, version, number) for number, version in enumerate((THIS, other))]
        for side in sides:
            for what in (CYCLES, *GETS):
                side.drive(bench, what, keep=False, seconds=WARM_UP_S if what == CYCLES else GET_S)
        for number in bench.repetitions(at_most=MAX_REPETITIONS):
            for side in (*sides, *sides[::-1]):
                side.drive(bench, CYCLES)
            for what in GETS:
                for side in in_turn(sides, number):
                    side.drive(bench, what, seconds=GET_S)
    for side in sides:
        side.walk.check()
    _report(bench, other)


def in_turn(sides: list[Side], number: int) -> list[Side]:
    """A B in odd repetitions and B A in even ones, so that neither is always the first."""
    return sides if number % 2 else sides[::-1]


def _side(bench: Bench, stack: ExitStack, version: Version, number: int) -> Side:
    stand = bench.stand
    database = stand.database(f"bench_against_{number}", empty_template(stand, version))
    walk = Walk(stand, database, SEATS_A_HOLD, ABREAST)
    server = stack.enter_context(
        bench.product(
            f"against-{number}",
            database=database,
            redis_url=stand.redis_url(number),
            workers=WORKERS,
            version=version,
        )
    )
    lists = write_requests(bench, server.url, database, last=True)
    lists.pop("map bytes")
    return Side(version, server, walk, lists)


def _report(bench: Bench, other: Version) -> None:
    records = bench.records
    title = f"cycles, 64 connections, {ABREAST} showtimes / {other.name}"
    this_cycles, other_cycles = name_of(THIS, CYCLES), name_of(other, CYCLES)
    if other.name == BASELINE:  # the goal is against that commit only
        records.ask_ratio(title, of=this_cycles, to=other_cycles, asked=1.7, aim=2.0)
    else:
        records.note_ratio(title, of=this_cycles, to=other_cycles)
    records.ask_cpu("worker CPU a cycle", this_cycles, "server", asked=190, aim=150)
    for what in GETS:
        records.note_ratio(f"{what} / {other.name}", of=name_of(THIS, what), to=name_of(other, what))
    for process, word in PROCESSES.items():
        records.note_cpu_ratio(f"{word} CPU a cycle / {other.name}", process, of=this_cycles, to=other_cycles)
    for note in records.notes[-len(GETS) - len(PROCESSES) :]:
        say(f"  {note}")
