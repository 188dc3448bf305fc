"""A whole run: customers, data set, load, audit, report."""

import asyncio
import gc
import resource
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from ..settings import Settings
from . import LoadError, customers
from .client import Client
from .engine import Engine
from .final_audit import audit_run
from .live_display import live_display
from .plan import Plan
from .report import Report, run_report
from .showtimes import find_shows
from .target import Target

Result = TypeVar("Result")

WORDS = {
    "name_not_resolved": "the name of its host cannot be resolved",
    "connection_refused": "connection refused; is the service running there?",
    "plain_http": "what answers there speaks no TLS; is it http:// instead of https://?",
    "tls_error": "its TLS certificate or handshake is not accepted; --insecure takes any certificate",
    "malformed_answer": "what answers there is not HTTP; is it https:// instead of http://?",
}


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the target is reached; with `tokens_file` tokens are kept there."""

    target: Target
    connections: int
    max_in_flight: int
    timeout_s: float
    tokens_file: Path | None


def run_loop(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run on uvloop, with as many open files as this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


async def run_load(wiring: Wiring, plan: Plan, settings: Settings | None, *, showtimes: int) -> Report:
    """Run the plan against the target; with `settings`, its stores are at hand. Raises LoadError."""
    life_s = plan.duration_s + customers.SPARE_S
    async with open_client(wiring) as client:
        await check_reachable(client)
        tokens = await tokens_for(client, settings, users=plan.users, life_s=life_s, file=wiring.tokens_file)
        shows = await find_shows(client, count=showtimes, duration_s=plan.duration_s)
        engine = Engine(client, plan, shows, tokens, max_in_flight=wiring.max_in_flight)
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look at it in the middle of the run
        started_at = datetime.now(UTC)
        with live_display(engine.measures, client, plan.duration_s) as each_second:
            await engine.run(each_second)
        gc.unfreeze()
        audited = await audit_run(client, engine.ledger, tokens, settings, seed=plan.seed)
    named = {
        "url": wiring.target.url,
        "profile": plan.profile.name,
        "rate": plan.rate,
        "duration_s": plan.duration_s,
        "ramp_s": plan.ramp_s,
        "contention": plan.contention,
        "users": plan.users,
        "seats": [plan.fewest_seats, plan.most_seats],
        "seed": plan.seed,
        "showtimes": showtimes,
        "connections": wiring.connections,
        "max_in_flight": wiring.max_in_flight,
        "timeout_s": wiring.timeout_s,
        "remote": settings is None,
    }
    return run_report(engine, settings=named, audit=audited.summary(), started_at=started_at)


def open_client(wiring: Wiring, *, queue_timeout_s: float | None = None) -> Client:
    """A client as the wiring says."""
    return Client(
        wiring.target,
        connections=wiring.connections,
        timeout_s=wiring.timeout_s,
        queue_timeout_s=queue_timeout_s,
    )


async def check_reachable(client: Client) -> None:
    """Raise LoadError unless the target is alive."""
    answer = await client.fetch(client.target.request("GET", "/health"))
    if answer.status != 200:
        cause = WORDS.get(answer.fault, answer.fault) or answer.status
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
            if not customers.outlive(tokens, life_s - customers.SPARE_S):
                raise LoadError(f"{client.target.url} gives tokens that run out before the end: ask for less")
        if file is not None:
            customers.write_tokens(file, tokens)
        file = None
    await customers.check_tokens(client, tokens, file)
    return tokens
