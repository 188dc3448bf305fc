"""Whole cycles on a database with a million reservations in it, and on an empty one."""

from contextlib import ExitStack

from ..bench import Bench
from ..templates import empty_template, million_template
from ..walks import Walk

WORKERS = 2
CONNECTIONS = 64
WARM_UP_S = 1
FULL, EMPTY = "product cycles, 1,000,000 stored", "product cycles, empty database"


def run(bench: Bench) -> None:
    """Load two instances of the service in turn; only their databases differ."""
    stand = bench.stand
    walks = {
        EMPTY: Walk(stand, stand.database("bench_volume_empty", empty_template(stand))),
        FULL: Walk(stand, stand.database("bench_volume_full", million_template(stand))),
    }
    sold = walks[FULL].sold()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                bench.product(
                    walk.database.replace("bench", "product"),
                    database=walk.database,
                    redis_url=stand.redis_url(number),
                    workers=WORKERS,
                )
            )
            for number, (name, walk) in enumerate(walks.items())
        }
        for name, walk in walks.items():
            walk.drive(bench, name, servers[name], "cycles", connections=CONNECTIONS, seconds=WARM_UP_S, keep=False)
        for _ in bench.repetitions():
            for name, walk in walks.items():
                walk.drive(bench, name, servers[name], "cycles", connections=CONNECTIONS, unit="confirmed")
    walks[EMPTY].check()
    walks[FULL].check(sold)
    bench.records.ask_ratio(
        "cycles with 1,000,000 reservations stored / empty database", of=FULL, to=EMPTY, asked=0.97, aim=1.0
    )
