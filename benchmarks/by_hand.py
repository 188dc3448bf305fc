"""The stand with everything on it, kept up for whoever wants to run the load generators by hand."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .bench import Bench, say
from .fastapi_peer import running_peer
from .processes import Server
from .scenarios.maps import running_bare, write_requests
from .stand import empty_template
from .walks import Walk

WRK = Path(__file__).parent / "wrk"


def stay_up(bench: Bench, *, workers: int) -> None:
    """Start all contestants on databases of their own, print how to load them, and wait for Ctrl-C."""
    with _contestants(bench, workers) as (product, peer, bare, walks, lists):
        say(f"\nPostgreSQL: {bench.stand.database_url(walks[0].database)}")
        say(f"Valkey:     {bench.stand.servers.redis_url}\n")
        say("# Raise START by what a run has walked, else its seats are taken.")
        for server, walk in ((product, walks[0]), (peer, walks[1])):
            for script in ("holds", "cycles"):
                _print(script, server.url, walk.environment())
        for name in ("me", "seats", "unchanged"):
            _print("get", product.url, {"REQUESTS": lists[name]})
        for name in ("small", "map"):
            _print("get", bare.url, {"REQUESTS": lists[name]})
        signal.pause()


@contextmanager
def _contestants(
    bench: Bench, workers: int
) -> Iterator[tuple[Server, Server, Server, tuple[Walk, Walk], dict[str, str]]]:
    stand, template = bench.stand, empty_template(bench.stand)
    walks = (
        Walk(stand, stand.database("bench_by_hand", template)),
        Walk(stand, stand.database("bench_by_hand_peer", template)),
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


def _print(script: str, url: str, environment: dict[str, str]) -> None:
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    say(f"{variables} wrk -t1 -c64 -d5s -s {shlex.quote(str(WRK / script))}.lua {url}")
