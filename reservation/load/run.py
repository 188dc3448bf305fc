"""A whole load run or on-sale drill: customers, showtimes, requests, final audit, report."""

import asyncio
import gc
import resource
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from ..settings import Settings
from . import LoadError, customers
from .client import Client
from .customers import SPARE_S
from .drill import Drill
from .drill_report import drill_report
from .drill_setup import set_up_by_api, set_up_by_sql
from .engine import Engine
from .final_audit import audit_run
from .live_display import live_display
from .plan import Plan
from .report import Report, run_report
from .showtimes import find_showtimes
from .target import Target

Result = TypeVar("Result")

DRILL_WAIT_S = 600.0  # for a connection: a drill has more customers than connections
FAULTS = {
    "name_not_resolved": "the name of its host cannot be resolved",
    "connection_refused": "connection refused; is the service running there?",
    "plain_http": "what answers there speaks no TLS; is it http:// instead of https://?",
    "tls_error": "its TLS certificate or handshake is not accepted; --insecure takes any certificate",
    "malformed_answer": "what answers there is not HTTP; is it https:// instead of http://?",
}


@dataclass(frozen=True, slots=True)
class TargetAccess:
    """How the target is reached; with `tokens_file` tokens are kept there."""

    target: Target
    connections: int
    max_in_flight: int
    timeout_s: float
    tokens_file: Path | None

    def client(self, *, queue_timeout_s: float | None = None) -> Client:
        """A client of the target."""
        return Client(
            self.target, connections=self.connections, timeout_s=self.timeout_s, queue_timeout_s=queue_timeout_s
        )

    def settings(self, settings: Settings | None) -> dict[str, Any]:
        """The report's settings that a run and a drill have in common."""
        return {
            "url": self.target.url,
            "connections": self.connections,
            "timeout_s": self.timeout_s,
            "remote": settings is None,
        }


@dataclass(frozen=True, slots=True)
class Sale:
    """What is on sale and to how many; the administrator is for a target whose stores are not at hand."""

    customers: int
    seats: int
    fewest_seats: int
    most_seats: int
    seed: int
    admin_email: str
    admin_password: str


def run_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run on uvloop, with as many open files as this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


async def run_load(access: TargetAccess, plan: Plan, settings: Settings | None, *, showtimes: int) -> Report:
    """Run the plan against the target; with `settings`, its stores are at hand. Raises LoadError."""
    async with access.client() as client:
        await check_reachable(client)
        life_s = plan.duration_s + SPARE_S
        tokens = await tokens_for(client, settings, users=plan.users, life_s=life_s, file=access.tokens_file)
        shows = await find_showtimes(client, count=showtimes, duration_s=plan.duration_s)
        engine = Engine(client, plan, shows, tokens, max_in_flight=access.max_in_flight)
        with _without_collections() as started_at, live_display(engine.measurements, client, plan.duration_s) as tick:
            await engine.run(tick)
        audited = await audit_run(client, engine.tracker, tokens, settings, seed=plan.seed)
    named = {
        **access.settings(settings),
        "profile": plan.profile.name,
        "rate": plan.rate,
        "duration_s": plan.duration_s,
        "ramp_s": plan.ramp_s,
        "contention": plan.contention,
        "users": plan.users,
        "seats": [plan.fewest_seats, plan.most_seats],
        "seed": plan.seed,
        "showtimes": showtimes,
        "max_in_flight": access.max_in_flight,
    }
    return run_report(engine, settings=named, audit=audited.summary(), started_at=started_at)


async def run_drill(access: TargetAccess, sale: Sale, settings: Settings | None) -> Report:
    """Put a room on sale, release all customers at once, and check the outcome; raises LoadError."""
    async with access.client(queue_timeout_s=DRILL_WAIT_S) as client:
        await check_reachable(client)
        life_s = DRILL_WAIT_S + SPARE_S
        tokens = await tokens_for(client, settings, users=sale.customers, life_s=life_s, file=access.tokens_file)
        if settings is None:
            show = await set_up_by_api(client, seats=sale.seats, email=sale.admin_email, password=sale.admin_password)
        else:
            show = await set_up_by_sql(client, settings, seats=sale.seats)
        drill = Drill(client, show, tokens, sale.most_seats, sale.fewest_seats, sale.seed)
        with _without_collections() as started_at:
            await drill.run()
        answer = await client.fetch(client.target.request("GET", f"/showtimes/{show.id}/seats"))
        seats = answer.json()["seats"] if answer.status == 200 else ()  # without a map no seat counts as sold
        audited = await audit_run(client, drill.tracker, tokens, settings, seed=sale.seed)
    named = {
        **access.settings(settings),
        "profile": "drill",
        "customers": sale.customers,
        "seats": sale.seats,
        "per_customer": [sale.fewest_seats, sale.most_seats],
        "seed": sale.seed,
        "showtime_id": show.id,
    }
    statuses = [seat["status"] for seat in seats]
    return drill_report(drill, settings=named, statuses=statuses, audit=audited.summary(), started_at=started_at)


@contextmanager
def _without_collections() -> Iterator[datetime]:
    """Keep the garbage collector from scanning, during the run, what exists before it; gives the time of the start."""
    gc.collect()
    gc.freeze()
    try:
        yield datetime.now(UTC)
    finally:
        gc.unfreeze()


async def check_reachable(client: Client) -> None:
    """Raise LoadError unless the target is alive."""
    answer = await client.fetch(client.target.request("GET", "/health"))
    if answer.status != 200:
        cause = FAULTS.get(answer.fault, answer.fault) or answer.status
        raise LoadError(f"{client.target.url} does not answer /health: {cause}")


async def check_stores(client: Client, settings: Settings) -> None:
    """Raise LoadError unless the target is alive and its stores are those of the settings."""
    await check_reachable(client)
    await customers.check_tokens(client, await customers.mint_tokens(settings, users=1, life_s=0))


async def tokens_for(
    client: Client, settings: Settings | None, *, users: int, life_s: float, file: Path | None
) -> list[str]:
    """Tokens of that many customers that are good for `life_s` seconds: from the file, minted, or by logging in."""
    tokens = customers.read_tokens(file, users=users, life_s=life_s) if file is not None else None
    if tokens is None:
        if settings is not None:
            tokens = await customers.mint_tokens(settings, users=users, life_s=life_s)
        else:
            tokens = await customers.log_in_all(client, users=users)
            if not customers.outlive(tokens, life_s - SPARE_S):
                raise LoadError(f"{client.target.url} gives tokens that run out before the end: ask for less")
        if file is not None:
            customers.write_tokens(file, tokens)
        file = None
    await customers.check_tokens(client, tokens, file)
    return tokens
