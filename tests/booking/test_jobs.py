"""Background jobs: each runs by itself, whatever the others do."""

import asyncio
from functools import partial

import pytest
import structlog
from redis.asyncio import Redis

from reservation.booking.jobs import schedule
from reservation.booking.jobs.schedule import Job, run_job, run_once, start_jobs
from reservation.errors import DatabaseUnavailable
from reservation.runtime.cancellation import cancel_and_wait
from tests.conftest import StartApi

LOG = structlog.stdlib.get_logger("test")
pytestmark = pytest.mark.usefixtures("jobs_run")


class Runs:
    """A job's function; counts its runs, raises the given errors first, and says when it ran without one."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.count = 0
        self.succeeded = asyncio.Event()

    async def __call__(self) -> None:
        self.count += 1
        if self._errors:
            raise self._errors.pop(0)
        self.succeeded.set()


@pytest.mark.parametrize(
    ("error", "event"), [(DatabaseUnavailable(), "job_postponed"), (ValueError("a fault"), "job_failed")]
)
async def test_a_failed_run_is_logged_and_followed_by_another(redis_url: str, error: Exception, event: str) -> None:
    runs = Runs(error)
    async with Redis.from_url(redis_url) as redis:
        with structlog.testing.capture_logs() as logs:
            task = asyncio.create_task(run_job(Job("some_job", 0, runs), redis, LOG))
            await asyncio.wait_for(runs.succeeded.wait(), 10)
            await cancel_and_wait([task])
    assert [(entry["event"], entry["job"]) for entry in logs] == [(event, "some_job")]


async def test_a_job_that_hangs_does_not_delay_another(redis_url: str) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    runs = Runs()
    async with Redis.from_url(redis_url) as redis:
        tasks = start_jobs((Job("hangs", 0, hang), Job("runs", 0, runs)), redis, LOG)
        await asyncio.wait_for(runs.succeeded.wait(), 10)
        await cancel_and_wait(tasks)


async def test_jobs_begin_one_after_another(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If all began at once, each would open a connection to PostgreSQL."""
    monkeypatch.setattr(schedule, "START_EVERY_S", 0.05)
    loop = asyncio.get_running_loop()
    began: dict[str, float] = {}
    all_began = asyncio.Event()

    async def begin(name: str) -> None:
        began.setdefault(name, loop.time())
        if len(began) == 3:
            all_began.set()

    async with Redis.from_url(redis_url) as redis:
        started = loop.time()
        tasks = start_jobs([Job(name, 600, partial(begin, name)) for name in ("a", "b", "c")], redis, LOG)
        await asyncio.wait_for(all_began.wait(), 20)
        await cancel_and_wait(tasks)
    assert list(began) == ["a", "b", "c"]
    assert began["c"] - started >= 2 * 0.05


async def test_a_shared_job_runs_in_one_worker_a_period(redis_url: str) -> None:
    first, second = Runs(), Runs()
    async with Redis.from_url(redis_url) as redis:
        await run_once(Job("shared", 600, first, shared=True), redis)
        await run_once(Job("shared", 600, second, shared=True), redis)
    assert (first.count, second.count) == (1, 0)


async def test_the_service_runs_its_shared_jobs_at_its_start(start_api: StartApi, redis_url: str) -> None:
    await start_api()
    names = {"delete_idempotency_keys", "expire_past_holds", "release_orphans"}
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(10):
        while await redis.exists(*(f"reservation:job:{name}" for name in names)) < len(names):
            await asyncio.sleep(0.01)
