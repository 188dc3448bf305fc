"""A whole load run or on-sale drill: customers, showtimes, requests, final audit, report."""

import asyncio
import gc
import resource
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvloop

from .access import TargetAccess, check_reachable
from .customers import SPARE_S, tokens_for
from .drill import Drill
from .drill_setup import set_up_by_api, set_up_by_sql
from .engine import Engine
from .final_audit import audit_run
from .plan import Plan
from .reports.drill_report import drill_figures
from .reports.live_display import live_display
from .reports.report import Report, make_report, run_figures
from .showtimes import find_showtimes

Result = TypeVar("Result")

DRILL_WAIT_S = 600.0  # for a connection: a drill has more customers than connections


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run on uvloop, with as many open files as this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def run_load(access: TargetAccess, plan: Plan, *, showtimes: int, max_in_flight: int) -> Report:
    """Run the plan against the target; raises LoadError."""
    async with access.client() as client:
        await check_reachable(client)
        tokens = await tokens_for(client, access, users=plan.users, life_s=plan.duration_s + SPARE_S)
        shows = await find_showtimes(client, count=showtimes, duration_s=plan.duration_s)
        engine = Engine(client, plan, shows, tokens, max_in_flight=max_in_flight)
        with _without_collections() as started_at, live_display(engine.measurements, client, plan.duration_s) as tick:
            await engine.run(tick)
        audit = await audit_run(client, engine.tracker, tokens, access.settings, seed=plan.seed)
    settings = {
        **access.report_settings(),
        **asdict(plan),
        "profile": plan.profile.name,
        "showtimes": showtimes,
        "max_in_flight": max_in_flight,
    }
    return make_report("run", engine.measurements, settings, audit.summary(), started_at, run_figures(engine))


async def run_drill(
    access: TargetAccess,
    *,
    customers: int,
    seats: int,
    per_customer: tuple[int, int],
    seed: int,
    admin: tuple[str, str] | None,
) -> Report:
    """Put a room on sale, release all customers at once, and check the outcome; raises LoadError.

    `admin`, of a remote target: the e-mail address and password of an administrator.
    """
    async with access.client(queue_timeout_s=DRILL_WAIT_S) as client:
        await check_reachable(client)
        tokens = await tokens_for(client, access, users=customers, life_s=DRILL_WAIT_S + SPARE_S)
        if access.settings is not None:
            show = await set_up_by_sql(client, access.settings, seats=seats)
        else:
            show = await set_up_by_api(client, seats=seats, admin=admin or ("", ""))
        drill = Drill(client, show, tokens, per_customer, seed)
        with _without_collections() as started_at:
            await drill.run()
        answer = await client.call("GET", f"/showtimes/{show.id}/seats")
        seat_map = answer.json()["seats"] if answer.status == 200 else ()  # without a map no seat counts as sold
        audit = await audit_run(client, drill.tracker, tokens, access.settings, seed=seed)
    settings = {
        **access.report_settings(),
        "profile": "drill",
        "customers": customers,
        "seats": seats,
        "per_customer": per_customer,
        "seed": seed,
        "showtime_id": show.id,
    }
    figures = drill_figures(drill, [seat["status"] for seat in seat_map])
    return make_report("drill", drill.measurements, settings, audit.summary(), started_at, figures)


@contextmanager
def _without_collections() -> Iterator[datetime]:
    """Keep the garbage collector from scanning, during the run, what exists before it; gives the time of the start."""
    gc.collect()
    gc.freeze()
    try:
        yield datetime.now(UTC)
    finally:
        gc.unfreeze()
