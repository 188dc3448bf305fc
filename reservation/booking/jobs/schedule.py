"""The background jobs of a worker, each in a task of its own with its own period."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter, time

from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ...errors import Unavailable
from ...runtime.redis_client import RedisClient
from ...runtime.work_spans import work_span
from ...seatmap.ticket_types import REFRESH_S
from ..context import BookingContext
from ..idempotency import delete_old_keys
from ..metrics import JOB_FAILURES, JOB_LAST_SUCCESS, JOB_SECONDS
from .availability import OpenShowtimesRound, count_changed, count_expired
from .expire import expire_past_holds
from .figures import measure
from .orphans import release_orphans

RETRY_EVERY_S = 1
CHECK_REDIS_EVERY_S = 1
CLEAN_UP_EVERY_S = 30
MEASURE_EVERY_S = 15
COUNT_EVERY_S = 3  # lists show counts that are at most 5 s old, the run of the job included
TRACED_FROM_S = 5  # jobs with a shorter period would be most of all spans
# Between the first runs of jobs: a worker that starts needs fewer connections to PostgreSQL than one for each job.
START_EVERY_S = 0.05
COUNT_ALL_EVERY_S = 10  # 200 showtimes a run: 20,000 in 17 minutes by one worker


@dataclass(frozen=True, slots=True)
class Job:
    """A function that runs at the start of a worker and then every `period_s` seconds.

    `shared`: only one worker of the fleet runs it in each period.
    """

    name: str
    period_s: int
    run: Callable[[], Awaitable[object]]
    shared: bool = False

    @property
    def redis_key(self) -> str:
        """The Redis key that a worker sets to run a shared job."""
        return f"reservation:job:{self.name}"


def booking_jobs(redis: RedisClient, context: BookingContext, *, second_look_s: float) -> Sequence[Job]:
    """The jobs of one worker; for `second_look_s` see `find_orphans`."""
    age_s = max(context.hold_ttl_s, context.hold_max_s)
    return (
        # Otherwise a master that was demoted would be left only when a customer wants to hold something.
        Job("check_redis_writable", CHECK_REDIS_EVERY_S, context.holds.check_writable),
        Job("retry_pending_updates", RETRY_EVERY_S, context.pending_updates.retry),
        Job(
            "count_changed_showtimes",
            COUNT_EVERY_S,
            partial(count_changed, context.database, context.pending_updates.changed_showtimes),
        ),
        Job("count_expired_holds", COUNT_EVERY_S, partial(count_expired, context.database), shared=True),
        Job("count_open_showtimes", COUNT_ALL_EVERY_S, OpenShowtimesRound(context.database).count_next, shared=True),
        Job("measure", MEASURE_EVERY_S, partial(measure, context.database)),
        Job("refresh_ticket_types", REFRESH_S, context.ticket_types.refresh),
        Job("delete_idempotency_keys", CLEAN_UP_EVERY_S, partial(delete_old_keys, context.database), shared=True),
        Job(
            "expire_past_holds",
            CLEAN_UP_EVERY_S,
            partial(expire_past_holds, redis, context.database, age_s=age_s),
            shared=True,
        ),
        Job(
            "release_orphans",
            CLEAN_UP_EVERY_S,
            partial(release_orphans, redis, context, second_look_s=second_look_s),
            shared=True,
        ),
    )


def start_jobs(jobs: Sequence[Job], redis: RedisClient, log: BoundLogger) -> list[asyncio.Task[None]]:
    """A task for each job, which runs it as `run_job` does; each begins shortly after the one before."""

    async def run_later(job: Job, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await run_job(job, redis, log)

    return [asyncio.create_task(run_later(job, number * START_EVERY_S)) for number, job in enumerate(jobs)]


async def run_job(job: Job, redis: RedisClient, log: BoundLogger) -> None:
    """Run a job until it is cancelled; a run that fails is logged, and the next one follows after the period."""
    while True:
        try:
            await run_once(job, redis)
        except Exception as error:  # a defect is logged with its traceback; in any case the next run follows
            JOB_FAILURES.counts[job.name] += 1
            if isinstance(error, Unavailable | RedisError | OSError):
                log.warning("job_postponed", job=job.name, cause=repr(error))
            else:
                log.exception("job_failed", job=job.name)
        await asyncio.sleep(job.period_s)


async def run_once(job: Job, redis: RedisClient) -> None:
    """Run a job, unless it is shared and another worker has run it in this period."""
    # The key expires a second before the next run, so that the same worker may run it again.
    if not job.shared or await redis.set(job.redis_key, "1", nx=True, ex=job.period_s - 1):
        started = perf_counter()
        with nullcontext() if job.period_s < TRACED_FROM_S else work_span(f"job {job.name}"):
            await job.run()
        JOB_SECONDS.of(job.name).observe(perf_counter() - started)
        JOB_LAST_SUCCESS.values[job.name] = time()
