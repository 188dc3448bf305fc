"""Cycles of shops with API keys: hold and pay where payments are made elsewhere, hold and confirm without payments.

A payment by staff is slower: it is recorded in the change log, in a transaction of its own.
"""

from contextlib import ExitStack

from ..bench import Bench
from ..templates import empty_template
from ..walks import Walk

WORKERS = 2
CONNECTIONS = 64
WARM_UP_S = 1
FREE, PAID = "product cycles, without payment", "product cycles, paid elsewhere"


def run(bench: Bench) -> None:
    """Load two instances of the service in turn."""
    stand = bench.stand
    walks = {
        FREE: Walk(stand, stand.database("bench_free", empty_template(stand))),
        PAID: Walk(stand, stand.database("bench_paid", empty_template(stand))),
    }
    for walk in walks.values():
        walk.tokens = stand.api_keys(walk.database)
    settings = {FREE: {}, PAID: {"PAYMENT_PROVIDER": "external"}}
    finish = {FREE: "confirm", PAID: "pay"}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                bench.product(
                    f"product-{walk.database}",
                    database=walk.database,
                    redis_url=stand.redis_url(number),
                    workers=WORKERS,
                    settings=settings[name],
                )
            )
            for number, (name, walk) in enumerate(walks.items())
        }

        def drive(name: str, *, seconds: float | None = None, keep: bool = True) -> None:
            walks[name].drive(
                bench,
                name,
                servers[name],
                "cycles",
                connections=CONNECTIONS,
                seconds=seconds,
                unit="confirmed",
                keep=keep,
                environment={"FINISH": finish[name]},
            )

        for name in walks:
            drive(name, seconds=WARM_UP_S, keep=False)
        for _ in bench.repetitions():
            for name in walks:
                drive(name)
    for walk in walks.values():
        walk.check()
    bench.records.ask_ratio("cycles paid elsewhere / without payment", of=PAID, to=FREE, asked=0.85, aim=0.9)
