"""Cycles and maps of 100, 10,000 and 100,000 showtimes in turn, and the memory that a visited showtime takes."""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

import redis

from ..bench import Bench, say
from ..proc import only_worker, resident_kib
from ..processes import Server
from ..records import Figure
from ..stand import Stand
from ..templates import many_template
from ..walks import Walk

WORKERS = 1
CONNECTIONS = 64
SEATS_A_HOLD = 2
MAX_REPETITIONS = 3
MAPS_S = 1
# More than the number, so that 100 at a time do not run out of seats.
LEAST_SHOWTIMES = 3_000
COUNTS, COUNTS_SHORT = (100, 10_000, 100_000), (100, 10_000)
VISIT_LIMIT_S = 40  # ends earlier when all are visited; if not, the others are new when their turn comes
# Of a worker that has never drawn a map, the first ones allocate what later ones use again.
FIRST_MAPS = 1_000


@dataclass(frozen=True, slots=True)
class Visited:
    """A service whose showtimes have all been visited once."""

    count: int
    server: Server
    walk: Walk
    maps: str  # a list of requests for get.lua

    def name(self, what: str) -> str:
        """The contestant's name."""
        return name_of(self.count, what)


def name_of(count: int, what: str) -> str:
    """The contestant's name."""
    return f"product {what}, {count:,} showtimes in turn"


def run(bench: Bench) -> None:
    """Each number has a service, a database and Redis keys of its own, and is loaded in turn with the others."""
    counts = COUNTS_SHORT if bench.plan.short else COUNTS
    with ExitStack() as stack:
        visited = [_visit(bench, stack, count, number) for number, count in enumerate(counts)]
        for number in bench.repetitions(at_most=MAX_REPETITIONS):
            for each in visited:
                _cycles(bench, each)
            for each in visited:
                _maps(bench, each, number)
    for each in visited:
        each.walk.check()
    _report(bench, counts)


def _visit(bench: Bench, stack: ExitStack, count: int, number: int) -> Visited:
    stand = bench.stand
    database = stand.database(f"bench_showtimes_{count}", many_template(stand))
    redis_url = stand.redis_url(number)
    showtimes = max(count, LEAST_SHOWTIMES) + FIRST_MAPS
    walk = Walk(stand, database, SEATS_A_HOLD, abreast=count, showtimes=showtimes)
    server = stack.enter_context(
        bench.product(f"product-showtimes-{count}", database=database, redis_url=redis_url, workers=WORKERS)
    )
    shows = (line.split()[1] for line in walk.seats.read_text().splitlines() if line.startswith("show"))
    maps = [f"/showtimes/{show}/seats - -\n" for show in islice(shows, count + FIRST_MAPS)]
    each = Visited(count, server, walk, str(bench.write(f"{database}.maps", "".join(maps[:count]))))
    first = str(bench.write(f"{database}.first-maps", "".join(maps[count:])))
    _visit_once(bench, each, first, keep=False)
    before = _memory(stand, each)
    visits = _visit_once(bench, each, each.maps, keep=True)
    grown = [after - earlier for earlier, after in zip(before, _memory(stand, each), strict=True)]
    worker, store = (size / visits for size in grown)
    say(f"  {visits:,} of {count:,} visited: {worker:,.0f} bytes each in the worker, {store:,.0f} in Redis")
    if count == max(COUNTS):  # of fewer, the worker's growth is in pages and in free blocks
        figures = bench.records.figures
        figures.append(Figure("bytes a showtime visited, worker", "memory", 500, 300, [worker]))
        figures.append(Figure("bytes a showtime visited, Redis", "memory", 250, 170, [store]))
    return each


def _visit_once(bench: Bench, each: Visited, maps: str, *, keep: bool) -> int:
    """Read each map once; return how many were read in time."""
    load = bench.drive(
        each.name("first maps"),
        each.server,
        "get",
        connections=CONNECTIONS,
        seconds=VISIT_LIMIT_S,
        keep=keep,
        environment={"REQUESTS": maps, "ONCE": "1"},
    )
    return load.requests


def _memory(stand: Stand, each: Visited) -> tuple[int, int]:
    """Bytes of the worker, and of Redis, which has no other clients during the run."""
    resident = resident_kib(only_worker(each.server.pid)) * 1024
    with redis.Redis.from_url(stand.servers.redis_url) as client:
        return resident, int(client.info("memory")["used_memory"])


def _cycles(bench: Bench, each: Visited) -> None:
    each.walk.drive(bench, each.name("cycles"), each.server, "cycles", connections=CONNECTIONS, unit="confirmed")


def _maps(bench: Bench, each: Visited, number: int) -> None:
    start = number * each.count // (MAX_REPETITIONS + 1)  # elsewhere than the last time
    environment = {"REQUESTS": each.maps, "FROM": str(start)}
    bench.drive(each.name("maps"), each.server, "get", connections=CONNECTIONS, seconds=MAPS_S, environment=environment)


def _report(bench: Bench, counts: tuple[int, ...]) -> None:
    records, (few, many, *more) = bench.records, counts
    cycles, maps = "cycles", "maps"
    records.ask_ratio(
        f"cycles, {many:,} showtimes in turn / {few:,}",
        of=name_of(many, cycles),
        to=name_of(few, cycles),
        asked=0.9,
        aim=1.0,
    )
    for what, count in [(maps, many), *((what, count) for count in more for what in (cycles, maps))]:
        records.note_ratio(
            f"{what}, {count:,} showtimes in turn / {few:,}", of=name_of(count, what), to=name_of(few, what)
        )
