"""Holds against Redis's own benchmark on the same script, and confirms against pgbench on the plain transaction."""

from pathlib import Path

from ..bench import Bench, Plan
from ..pgbench import CLIENTS, confirm_held, prepare_held
from ..processes import Server
from ..records import BenchmarkFailed
from ..redis_benchmark import take_holds
from ..templates import empty_template, peer_template
from ..walks import Walk

WORKERS = 2
CONNECTIONS, MANY_CONNECTIONS = 64, 256
WARM_UP_S = 1
HOLD_TIMES = 2  # longer than other runs, because confirms are faster than the holds that they need
CONFIRM_LIMIT_S = 60  # ends when everything is confirmed
PRODUCT, PGBENCH = "bench_bookings", "bench_pgbench"

HOLDS, SCRIPT = "product holds", "redis-benchmark, hold script"
CONFIRMS, MANY_CONFIRMS = "product confirms, 64 connections", "product confirms, 256 connections"
PLAIN = "pgbench, plain confirm, 8 clients"


def run(bench: Bench) -> None:
    """Hold for a while; then confirm one half of it at 64 connections and the other at 256."""
    stand = bench.stand
    stand.database(PRODUCT, empty_template(stand))
    stand.database(PGBENCH, peer_template(stand))
    walk = Walk(stand, PRODUCT)
    transactions, requests = _sizes(bench.plan)
    with bench.product("product-bookings", database=PRODUCT, redis_url=stand.redis_url(0), workers=WORKERS) as server:
        walk.drive(bench, HOLDS, server, "holds", connections=CONNECTIONS, seconds=WARM_UP_S, keep=False)
        for held in _export(bench, walk):
            _confirm(bench, CONFIRMS, server, held, CONNECTIONS, keep=False)
        for number in bench.repetitions():
            first = (number - 1) * transactions
            prepare_held(bench, PGBENCH, first=first, count=transactions)
            take_holds(bench, SCRIPT, 1, count=requests)
            seconds = HOLD_TIMES * bench.plan.seconds
            walk.drive(bench, HOLDS, server, "holds", connections=CONNECTIONS, seconds=seconds)
            few, many = _export(bench, walk)
            stand.checkpoint()
            _confirm(bench, CONFIRMS, server, few, CONNECTIONS)
            stand.checkpoint()
            confirm_held(bench, PLAIN, PGBENCH, first=first, count=transactions)
            stand.checkpoint()
            _confirm(bench, MANY_CONFIRMS, server, many, MANY_CONNECTIONS)
    ask = bench.records.ask_ratio
    ask("holds through HTTP / redis-benchmark, same script", of=HOLDS, to=SCRIPT, asked=0.22, aim=0.3)
    ask("confirms through HTTP, 64 connections / pgbench", of=CONFIRMS, to=PLAIN, asked=2.0, aim=2.5)
    ask("confirms through HTTP, 256 connections / pgbench", of=MANY_CONFIRMS, to=PLAIN, asked=2.6, aim=3.0)


def _sizes(plan: Plan) -> tuple[int, int]:
    """Transactions of pgbench, and requests of redis-benchmark, that take it about half a run's time."""
    return int(plan.seconds * 500) * CLIENTS, int(plan.seconds * 20_000)


def _export(bench: Bench, walk: Walk) -> tuple[Path, Path]:
    """Write what is held, with the tokens of its owners, into two files of alike reservations."""
    owners = walk.tokens_by_user()
    with bench.stand.connect(walk.database) as connection:
        rows = connection.execute(
            "select id, user_id from reservations where status = 'held' order by created_at, id"
        ).fetchall()
    if not rows:
        raise BenchmarkFailed("nothing is held after the holds")
    lines = [f"{reservation_id} {owners[user_id]}\n" for reservation_id, user_id in rows]
    return bench.write("few.held", "".join(lines[0::2])), bench.write("many.held", "".join(lines[1::2]))


def _confirm(bench: Bench, contestant: str, server: Server, held: Path, connections: int, *, keep: bool = True) -> None:
    bench.drive(
        contestant,
        server,
        "confirms",
        connections=connections,
        seconds=CONFIRM_LIMIT_S,
        keep=keep,
        environment={"HELD": str(held)},
    )
