"""A whole load run, search for the capacity, or on-sale drill: customers, showtimes, requests, final audit, report."""

import asyncio
import gc
import resource
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvloop

from . import LoadError
from .access import TargetAccess, check_reachable
from .capacity import Search, capacity_figures, step_of
from .client import Client
from .customers import SPARE_S, tokens_for
from .drill import Drill
from .drill_setup import set_up_by_api, set_up_by_sql
from .engine import Engine
from .final_audit import audit_run
from .leftovers import release_holds
from .limits import HoldLimits
from .plan import Plan
from .reports.capacity_report import step_line
from .reports.drill_report import drill_figures
from .reports.live_display import live_display
from .reports.report import Report, make_report, run_figures
from .service_metrics import difference, read_metrics
from .showtimes import Showtime, find_showtimes, read_again
from .thresholds import Threshold
from .tracked_reservations import ReservationTracker
from .viewers import SeatChanges, Viewers

Result = TypeVar("Result")

MOST_STEPS = 60
DRILL_WAIT_S = 600.0  # for a connection: a drill has more customers than connections


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run on uvloop, with as many open files as this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs against a target have in common: its customers' tokens, its showtimes, and their reservations."""

    client: Client
    tokens: Sequence[str]
    shows: Sequence[Showtime]
    max_in_flight: int
    limits: HoldLimits
    viewers: Viewers
    changes: SeatChanges
    tracker: ReservationTracker = field(default_factory=ReservationTracker)

    async def play(self, plan: Plan) -> Engine:
        """Run a plan to its last answer, on the seat maps as they are now."""
        await read_again(self.client, self.shows)
        self.limits.refused.clear()
        engine = Engine(
            self.client,
            plan,
            self.shows,
            self.tokens,
            max_in_flight=self.max_in_flight,
            tracker=self.tracker,
            limits=self.limits,
            changes=self.changes,
        )
        with live_display(engine.measurements, self.client, plan.duration_s) as tick:
            await engine.run(tick)
        return engine


@asynccontextmanager
async def _stage(
    access: TargetAccess, plan: Plan, *, showtimes: int, max_in_flight: int, duration_s: float
) -> AsyncIterator[Stage]:
    """The target made ready for a run of that plan, or for several within `duration_s`; raises LoadError."""
    async with access.client() as client:
        await check_reachable(client)
        limits = await HoldLimits.read(client)
        limits.check_seats(plan.seats[1])
        if plan.profile.shares.get("confirm"):
            limits.check_payment()
        tokens = await tokens_for(client, access, users=plan.users, life_s=duration_s + SPARE_S)
        await limits.count_reservations(client, tokens)
        shows = await find_showtimes(client, count=showtimes, duration_s=duration_s)
        changes = SeatChanges()
        async with Viewers(client.target, shows, plan.profile.viewers, changes) as viewers:
            stage = Stage(client, tokens, shows, max_in_flight, limits, viewers, changes)
            try:
                yield stage
            finally:  # also when it is interrupted
                await release_holds(client, stage.tracker, tokens, limits)


async def run_load(access: TargetAccess, plan: Plan, *, showtimes: int, max_in_flight: int) -> Report:
    """Run the plan against the target; raises LoadError."""
    opening = _stage(access, plan, showtimes=showtimes, max_in_flight=max_in_flight, duration_s=plan.duration_s)
    async with opening as stage:
        before = await read_metrics(stage.client, access.metrics_token)
        with _without_collections() as started_at:
            engine = await stage.play(plan)
        service = difference(before, await read_metrics(stage.client, access.metrics_token))
        audit = await audit_run(stage.client, stage.tracker, stage.tokens, access.settings, seed=plan.seed)
    settings = _settings(access, plan, showtimes, max_in_flight)
    figures = {**run_figures(engine), "viewers": stage.viewers.summary(), "service": service}
    return make_report("run", engine.measurements, settings, audit.summary(), started_at, figures)


async def run_capacity(
    access: TargetAccess,
    plan: Plan,
    search: Search,
    thresholds: Sequence[Threshold],
    *,
    showtimes: int,
    max_in_flight: int,
) -> Report:
    """Search for the highest rate that is sustained; `plan` is that of a step, at any rate. Raises LoadError."""
    steps: list[dict[str, Any]] = []
    best: Engine | None = None
    duration_s = MOST_STEPS * 2 * plan.duration_s
    opening = _stage(access, plan, showtimes=showtimes, max_in_flight=max_in_flight, duration_s=duration_s)
    async with opening as stage:
        before = await read_metrics(stage.client, access.metrics_token)
        with _without_collections() as started_at:
            while (rate := search.next_rate()) is not None and len(steps) < MOST_STEPS:
                engine = await stage.play(replace(plan, rate=rate, seed=plan.seed + len(steps)))
                steps.append(step_of(engine, thresholds))
                search.record(rate, is_sustained=steps[-1]["sustained"])
                print(step_line(steps[-1]), flush=True)
                if best is None or steps[-1]["sustained"]:
                    best = engine
                await release_holds(stage.client, stage.tracker, stage.tokens, stage.limits)
        service = difference(before, await read_metrics(stage.client, access.metrics_token))
        audit = await audit_run(stage.client, stage.tracker, stage.tokens, access.settings, seed=plan.seed)
    if best is None:
        raise LoadError("no rate could be tried: --from is above --to")
    settings = _settings(access, plan, showtimes, max_in_flight) | {"rate": search.start}
    figures = capacity_figures(best, steps, search) | {"viewers": stage.viewers.summary(), "service": service}
    return make_report("capacity", best.measurements, settings, audit.summary(), started_at, figures)


def _settings(access: TargetAccess, plan: Plan, showtimes: int, max_in_flight: int) -> dict[str, Any]:
    return {
        **access.report_settings(),
        **asdict(plan),
        "profile": plan.profile.name,
        "mix": dict(plan.profile.shares),
        "viewers": plan.profile.viewers,
        "showtimes": showtimes,
        "max_in_flight": max_in_flight,
    }


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
        limits = await HoldLimits.read(client)
        limits.check_seats(per_customer[1])
        limits.check_payment()
        if 0 < limits.per_minute < customers:
            raise LoadError(
                f"{customers:,} customers hold at the same instant, and {access.target.url} allows "
                f"{limits.per_minute:,} holds a minute from one address: set HOLDS_PER_MINUTE_PER_ADDRESS=0 there"
            )
        tokens = await tokens_for(client, access, users=customers, life_s=DRILL_WAIT_S + SPARE_S)
        if access.settings is not None:
            show = await set_up_by_sql(client, access.settings, seats=seats)
        else:
            show = await set_up_by_api(client, seats=seats, admin=admin or ("", ""))
        drill = Drill(client, show, tokens, per_customer, seed)
        before = await read_metrics(client, access.metrics_token)
        with _without_collections() as started_at:
            await drill.run()
        service = difference(before, await read_metrics(client, access.metrics_token))
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
    figures = drill_figures(drill, [seat["status"] for seat in seat_map]) | {"service": service}
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
