"""The first seconds of a service that has just started, on showtimes that neither it nor Redis knows."""

from ..bench import Bench
from ..templates import empty_template
from ..walks import Walk

WORKERS = 1
CONNECTIONS = 64
ABREAST = 800
SEATS_A_HOLD = 2
SECONDS = 2  # whatever the plan says: the share of first touches depends on it
CONTESTANT = "product cycles, first run after a start"


def run(bench: Bench) -> None:
    """Start the service on an emptied Redis, load it at once; as often as there are repetitions."""
    stand = bench.stand
    walk = Walk(stand, stand.database("bench_cold", empty_template(stand)), SEATS_A_HOLD, ABREAST)
    for _ in bench.repetitions():
        with bench.product(
            "product-cold", database=walk.database, redis_url=stand.redis_url(0), workers=WORKERS
        ) as server:
            walk.drive(bench, CONTESTANT, server, "cycles", connections=CONNECTIONS, seconds=SECONDS, unit="confirmed")
    walk.check()
    bench.records.ask_p99("p99 of the first run on cold showtimes", CONTESTANT, asked=40, aim=20)
