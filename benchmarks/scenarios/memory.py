"""A worker's resident memory after many requests and after few."""

from ..bench import Bench, say
from ..proc import only_worker, resident_kib
from ..records import Figure
from ..templates import empty_template
from ..walks import Walk
from .maps import write_requests

WORKERS = 1
CONNECTIONS = 64
FEW, MANY, MANY_SHORT = 10_000, 200_000, 50_000
LIMIT_S = 3600  # ends when all requests are answered
CONTESTANT = "product mix"


def run(bench: Bench) -> None:
    """Load one worker with maps, unchanged maps, accounts and holds; once, because it takes long."""
    stand = bench.stand
    many = MANY_SHORT if bench.plan.short else MANY
    walk = Walk(stand, stand.database("bench_memory", empty_template(stand)))
    with bench.product(
        "product-memory", database=walk.database, redis_url=stand.redis_url(0), workers=WORKERS
    ) as server:
        lists = write_requests(bench, server.url, walk.database, last=True)
        lines = "".join(open_list(lists[name]) for name in ("seats", "unchanged", "me"))
        requests = str(bench.write("mix.requests", lines))
        resident = []
        for count in (FEW, many - FEW):
            walk.drive(
                bench,
                CONTESTANT,
                server,
                "mix",
                connections=CONNECTIONS,
                seconds=LIMIT_S,
                environment={"REQUESTS": requests, "COUNT": str(count)},
            )
            resident.append(resident_kib(only_worker(server.pid)))
            say(f"  resident memory after {count:,} more requests: {resident[-1]:,} KiB")
    title = f"resident memory of a worker after {many:,} requests / after {FEW:,}"
    bench.records.figures.append(Figure(title, "growth", 1.1, 1.0, [resident[1] / resident[0]]))
    bench.records.notes.append(
        f"A worker had {resident[0]:,} KiB after {FEW:,} requests, {resident[1]:,} after {many:,}."
    )


def open_list(path: str) -> str:
    """Path of a list of requests that was written before."""
    with open(path) as file:
        return file.read()
