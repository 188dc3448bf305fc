"""Small answers and seat maps, beside a server that only answers."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..bench import Bench
from ..processes import Server, get, running_server
from ..records import BenchmarkFailed
from ..templates import empty_template

# wrk has a thread of its own, so one worker leaves it a core of two.
WORKERS = 1
CONNECTIONS = 64
# Showtimes that are read in turn, and customers that read them.
SHOWTIMES = 16
CUSTOMERS = 64
BARE = Path(__file__).parents[1] / "peers" / "bare_aiohttp.py"
WARM_UP_S = 1
# Name, list of requests, and how large an answer can be, which tells a map from a 304. Each stands beside the bare
# handler that it is compared with: a map with one that answers the same bytes, the others with one that answers few.
SMALL, LARGE = range(50, 2_000), range(10_000, 100_000)
CONTESTANTS = (
    ("product /auth/me", "me", SMALL),
    ("bare aiohttp /small", "small", SMALL),
    ("product seat map 304", "unchanged", SMALL),
    ("bare aiohttp /map", "map", LARGE),
    ("product seat map 200", "seats", LARGE),
)


def run(bench: Bench) -> None:
    """Measure /auth/me, the map and the unchanged map, each right after the bare handler."""
    stand = bench.stand
    stand.database("bench_maps", empty_template(stand))
    with ExitStack() as stack:
        product = stack.enter_context(
            bench.product("product-maps", database="bench_maps", redis_url=stand.redis_url(0), workers=WORKERS)
        )
        scripts = write_requests(bench, product.url, "bench_maps")
        bare = stack.enter_context(running_bare(bench, scripts.pop("map bytes")))
        for name, which, size in CONTESTANTS:  # a warm-up
            _drive(bench, name, bare if name.startswith("bare") else product, scripts[which], size, keep=False)
        for _ in bench.repetitions():
            for name, which, size in CONTESTANTS:
                _drive(bench, name, bare if name.startswith("bare") else product, scripts[which], size)
    _ask(bench)


def _drive(bench: Bench, name: str, server: Server, requests: str, size: range, *, keep: bool = True) -> None:
    load = bench.drive(
        name,
        server,
        "get",
        connections=CONNECTIONS,
        seconds=None if keep else WARM_UP_S,
        keep=keep,
        environment={"REQUESTS": requests},
    )
    if round(load.bytes_each) not in size:
        raise BenchmarkFailed(f"{name}: {load.bytes_each:,.0f} bytes an answer, which should be {size}")


@contextmanager
def running_bare(bench: Bench, seat_map: str) -> Iterator[Server]:
    """Run the bare server, with a map of the product's to answer."""
    command: list[str | Path] = [sys.executable, BARE, "{port}", bench.write("map.json", seat_map)]
    with running_server("bare-aiohttp", command, folder=bench.stand.folder) as server:
        yield server


def write_requests(bench: Bench, url: str, database: str, *, last: bool = False) -> dict[str, str]:
    """Write the lists of GETs that wrk reads; gives their paths by name, and the bytes of a map for the bare server.

    The maps are those of the first showtimes, or of the last ones, which a walk through the seats does not reach.
    """
    tokens = [line.split()[1] for line in bench.stand.tokens(database).read_text().splitlines()][:CUSTOMERS]
    shows = [line.split()[1] for line in bench.stand.seats(database).read_text().splitlines() if line[:4] == "show"]
    paths = [f"/showtimes/{show}/seats" for show in (shows[-SHOWTIMES:] if last else shows[:SHOWTIMES])]
    answers = [get(url + path) for path in paths]
    seats = json.loads(answers[0][1])["seats"]
    if len(seats) != 200:
        raise ValueError(f"a seat map of {len(seats)} seats instead of 200")
    lists = {
        "small": [f"/small {token} -" for token in tokens],
        "map": ["/map - -"],
        "me": [f"/auth/me {token} -" for token in tokens],
        "seats": [f"{path} - -" for path in paths],
        "unchanged": [f"{path} - {headers['ETag']}" for path, (headers, _) in zip(paths, answers, strict=True)],
    }
    written = {
        name: str(bench.write(f"{database}-{name}.requests", "\n".join(lines) + "\n")) for name, lines in lists.items()
    }
    return {**written, "map bytes": answers[0][1].decode()}


def _ask(bench: Bench) -> None:
    ask = bench.records.ask_ratio
    ask("GET /auth/me / bare /small", of="product /auth/me", to="bare aiohttp /small", asked=0.95, aim=0.98)
    ask(
        "seat map of 200 seats, 200 / bare /map",
        of="product seat map 200",
        to="bare aiohttp /map",
        asked=0.9,
        aim=0.98,
    )
    ask(
        "seat map of 200 seats, 304 / bare /small",
        of="product seat map 304",
        to="bare aiohttp /small",
        asked=0.85,
        aim=0.98,
    )
    bench.records.note_ratio(
        "seat map of 200 seats, 200 / bare /small", of="product seat map 200", to="bare aiohttp /small"
    )
