"""Logins with real Argon2 hashes, and the latency of other requests meanwhile."""

from reservation.seed.scale import PASSWORD

from ..bench import Bench
from ..records import Figure, Sample
from ..templates import empty_template
from ..wrk import started_wrk
from .maps import write_requests

# Only hashing counts, and each worker has threads for it.
WORKERS = 2
CONNECTIONS = 16
MAX_REPETITIONS = 3
# Eight visitors look at a map ten times a second each, so that their own requests do not queue behind each other.
VISITORS, DELAY_MS = 8, 100
LOGINS, OTHERS = "product logins", "product seat map 200, beside logins"


def run(bench: Bench) -> None:
    """Log in as fast as it goes while visitors look at seat maps at a modest rate."""
    stand = bench.stand
    database = stand.database("bench_logins", empty_template(stand))
    with stand.connect(database) as connection:
        rows = connection.execute("select email from users where role = 'user' order by id").fetchall()
    emails = str(bench.write("emails", "".join(f"{email}\n" for (email,) in rows)))
    with bench.product("product-logins", database=database, redis_url=stand.redis_url(0), workers=WORKERS) as server:
        lists = write_requests(bench, server.url, database)
        for _ in bench.repetitions(at_most=MAX_REPETITIONS):
            with started_wrk(
                "get",
                server.url,
                seconds=bench.plan.seconds,
                connections=VISITORS,
                folder=stand.folder,
                environment={"REQUESTS": lists["seats"], "DELAY_MS": str(DELAY_MS)},
            ) as end:
                bench.drive(
                    LOGINS,
                    server,
                    "logins",
                    connections=CONNECTIONS,
                    seconds=bench.plan.seconds + 1,  # longer than the visitors' run
                    environment={"LOGINS": emails, "PASSWORD": PASSWORD},
                )
                maps = end()
            bench.keep(OTHERS, Sample(maps.per_s(), maps.requests, {}, maps.latency_ms))
    records = bench.records
    records.figures.append(Figure("logins a second", "rate", 60, 80, records.rates(LOGINS)))
    p99 = [sample.latency_ms["p99"] for sample in records.samples[OTHERS]]
    records.figures.append(Figure("p99 of seat maps during the logins", "latency", 50, 50, p99))
