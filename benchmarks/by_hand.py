"""Starts all servers and keeps them running, to run the load generators by hand."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .bench import Bench, say
from .fastapi_peer import running_peer
from .processes import Server
from .scenarios.maps import running_bare, write_requests
from .templates import empty_template, peer_template
from .walks import Walk

WRK = Path(__file__).parent / "wrk"


def stay_up(bench: Bench, *, workers: int) -> None:
    """Start all contestants on databases of their own, print how to load them, and wait for Ctrl-C."""
    with _contestants(bench, workers) as (product, peer, bare, walks, lists):
        say(f"\nPostgreSQL: {bench.stand.database_url(walks[0].database)}")
        say(f"Valkey:     {bench.stand.servers.redis_url}")
        say("\nThese only read:\n")
        for label, name in (("GET /auth/me", "me"), ("seat maps", "seats"), ("unchanged seat maps, 304", "unchanged")):
            _print(f"product: {label}", "get", product.url, {"REQUESTS": lists[name]})
        for label, name in (("a small answer", "small"), ("a seat map's bytes", "map")):
            _print(f"bare aiohttp: {label}", "get", bare.url, {"REQUESTS": lists[name]})
        say("\nThese write. Raise START to what a run has walked, else its seats are taken.\n")
        for contestant, server, walk in (("product", product, walks[0]), ("FastAPI peer", peer, walks[1])):
            for label, script in (("holds", "holds"), ("holds and confirms", "cycles")):
                _print(f"{contestant}: {label}", script, server.url, walk.environment())
        say("\nAll servers stay up until Ctrl-C ends them.")
        signal.pause()


@contextmanager
def _contestants(
    bench: Bench, workers: int
) -> Iterator[tuple[Server, Server, Server, tuple[Walk, Walk], dict[str, str]]]:
    stand = bench.stand
    walks = (
        Walk(stand, stand.database("bench_by_hand", empty_template(stand))),
        Walk(stand, stand.database("bench_by_hand_peer", peer_template(stand))),
    )
    with ExitStack() as stack:
        product = stack.enter_context(
            bench.product("product", database=walks[0].database, redis_url=stand.redis_url(0), workers=workers)
        )
        peer = stack.enter_context(
            running_peer(bench, database=walks[1].database, redis_url=stand.redis_url(2), workers=2)
        )
        lists = write_requests(bench, product.url, walks[0].database)
        bare = stack.enter_context(running_bare(bench, lists.pop("map bytes")))
        yield product, peer, bare, walks, lists


def _print(label: str, script: str, url: str, environment: dict[str, str]) -> None:
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    say(f"# {label}")
    say(f"{variables} wrk -t1 -c64 -d5s -s {shlex.quote(str(WRK / script))}.lua {url}")
