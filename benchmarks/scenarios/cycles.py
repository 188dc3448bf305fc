"""Whole cycles, hold and confirm, through HTTP: the product and the FastAPI peer."""

from contextlib import ExitStack

from ..bench import Bench, say
from ..fastapi_peer import STACK, running_peer
from ..templates import empty_template, peer_template
from ..walks import Walk

# Two: all processes share the machine, and throughput counts here.
WORKERS = 2
PEER_WORKERS = (1, 2)
CONNECTIONS = 64
WARM_UP_S = 1
MAX_REPETITIONS = 3
PRODUCT, PEER = "product cycles", "FastAPI cycles"


def run(bench: Bench) -> None:
    """Find the number of workers with which the peer is faster, then measure both in turn."""
    stand = bench.stand
    product_walk = Walk(stand, stand.database("bench_cycles", empty_template(stand)))
    peer_walk = Walk(stand, stand.database("bench_peer", peer_template(stand)))
    workers = best_peer_workers(bench, peer_walk)
    with ExitStack() as stack:
        product = stack.enter_context(
            bench.product(
                "product-cycles", database=product_walk.database, redis_url=stand.redis_url(0), workers=WORKERS
            )
        )
        peer = stack.enter_context(
            running_peer(bench, database=peer_walk.database, redis_url=stand.redis_url(2), workers=workers)
        )
        pairs = ((PEER, peer, peer_walk), (PRODUCT, product, product_walk))
        for name, server, walk in pairs:
            walk.drive(bench, name, server, "cycles", connections=CONNECTIONS, seconds=WARM_UP_S, keep=False)
        for _ in bench.repetitions(at_most=MAX_REPETITIONS):
            for name, server, walk in pairs:
                walk.drive(bench, name, server, "cycles", connections=CONNECTIONS, unit="confirmed")
    for walk in (product_walk, peer_walk):
        walk.check()
    bench.records.ask_ratio(f"hold-and-confirm cycles / {STACK}", of=PRODUCT, to=PEER, asked=25, aim=50)


def best_peer_workers(bench: Bench, walk: Walk) -> int:
    """Run the peer with either number of workers for some seconds; return the faster number."""
    rates = {}
    for workers in PEER_WORKERS:
        with running_peer(bench, database=walk.database, redis_url=bench.stand.redis_url(2), workers=workers) as server:
            walk.drive(bench, PEER, server, "cycles", connections=CONNECTIONS, seconds=WARM_UP_S, keep=False)
            load = walk.drive(bench, PEER, server, "cycles", connections=CONNECTIONS, keep=False)
            rates[workers] = load.per_s("confirmed")
    best = max(rates, key=lambda workers: rates[workers])
    say(f"  FastAPI with 1 worker {rates[1]:.0f}, with 2 {rates[2]:.0f} cycles/s: {best} from here on")
    bench.records.notes.append(
        f"The peer on {STACK} did {rates[1]:.0f} cycles/s with 1 worker and {rates[2]:.0f} with 2; {best} counted."
    )
    return best
