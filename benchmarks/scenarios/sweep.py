"""Throughput against concurrency: the curves of plots/throughput.svg, without a goal."""

from collections.abc import Callable
from contextlib import ExitStack

from ..bench import HEADER, Bench, say
from ..fastapi_peer import running_peer
from ..processes import Server
from ..records import SWEPT, THROUGHPUT
from ..templates import empty_template, peer_template
from ..walks import Walk
from .cycles import PEER_WORKERS
from .maps import running_bare, write_requests

WORKERS = 1
CONNECTIONS = (1, 8, 64, 256)
CONNECTIONS_SHORT = (1, 16, 256)
SECONDS = 1
MAX_REPETITIONS = 1  # there are many points, and none has a goal


def run(bench: Bench) -> None:
    """Run everything at every concurrency, a few times."""
    stand = bench.stand
    walk = Walk(stand, stand.database("bench_sweep", empty_template(stand)))
    peer_walk = Walk(stand, stand.database("bench_sweep_peer", peer_template(stand)))
    with ExitStack() as stack:
        product = stack.enter_context(
            bench.product("product-sweep", database=walk.database, redis_url=stand.redis_url(0), workers=WORKERS)
        )
        peer = stack.enter_context(
            running_peer(bench, database=peer_walk.database, redis_url=stand.redis_url(2), workers=max(PEER_WORKERS))
        )
        lists = write_requests(bench, product.url, walk.database, last=True)
        bare = stack.enter_context(running_bare(bench, lists.pop("map bytes")))
        contestants: list[tuple[str, Callable[[str, int], float]]] = [
            ("bare", lambda name, n: _gets(bench, name, bare, lists["map"], n)),
            ("map", lambda name, n: _gets(bench, name, product, lists["seats"], n)),
            ("304", lambda name, n: _gets(bench, name, product, lists["unchanged"], n)),
            ("holds", lambda name, n: _walk(bench, name, product, walk, "holds", n)),
            ("cycles", lambda name, n: _walk(bench, name, product, walk, "cycles", n)),
            ("FastAPI cycles", lambda name, n: _walk(bench, name, peer, peer_walk, "cycles", n)),
        ]
        say(HEADER)
        for _ in range(min(bench.plan.repetitions, MAX_REPETITIONS)):
            for connections in CONNECTIONS_SHORT if bench.plan.short else CONNECTIONS:
                for name, measure in contestants:
                    rate = measure(f"{SWEPT}{name}, {connections} connections", connections)
                    bench.records.curve(THROUGHPUT, name).append((connections, rate))


def _gets(bench: Bench, name: str, server: Server, requests: str, connections: int) -> float:
    load = bench.drive(
        name, server, "get", connections=connections, seconds=SECONDS, environment={"REQUESTS": requests}
    )
    return load.per_s()


def _walk(bench: Bench, name: str, server: Server, walk: Walk, script: str, connections: int) -> float:
    unit = "confirmed" if script == "cycles" else None
    return walk.drive(bench, name, server, script, connections=connections, seconds=SECONDS, unit=unit).per_s(unit)
