"""Whole cycles with an Idempotency-Key on every request, and without."""

from ..bench import Bench
from ..templates import empty_template
from ..walks import Walk

WORKERS = 2
CONNECTIONS = 64
WARM_UP_S = 1
KEYED, PLAIN = "product cycles, with keys", "product cycles, without"


def run(bench: Bench) -> None:
    """Load one instance of the service in turn with both, through the same seats."""
    walk = Walk(bench.stand, bench.stand.database("bench_keys", empty_template(bench.stand)))
    contestants = {PLAIN: {"KEYED": "0"}, KEYED: {"KEYED": "1"}}
    redis_url = bench.stand.redis_url(0)
    with bench.product("product-keys", database=walk.database, redis_url=redis_url, workers=WORKERS) as server:

        def drive(name: str, *, seconds: float | None = None, keep: bool = True) -> None:
            walk.drive(
                bench,
                name,
                server,
                "cycles",
                connections=CONNECTIONS,
                seconds=seconds,
                unit="confirmed",
                keep=keep,
                environment=contestants[name],
            )

        for name in contestants:
            drive(name, seconds=WARM_UP_S, keep=False)
        for _ in bench.repetitions():
            for name in contestants:
                drive(name)
    walk.check()
    bench.records.ask_ratio("cycles with an Idempotency-Key / without", of=KEYED, to=PLAIN, asked=0.92, aim=0.97)
