"""Makes the deliveries of a channel: claimed, tried, retried with growing delays, and given up in the end.

At least once: a process that is killed between the receiver's answer and the note of it leaves a claim, after whose end
the delivery is made again. Receivers know the repeat by its id.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

from structlog.stdlib import BoundLogger

from ..db.pool import Connection, Database
from ..db.repository import deliveries
from ..db.repository.deliveries import Channel, Delivery, Outcome
from ..errors import Unavailable
from ..runtime.cancellation import cancel_and_wait
from ..runtime.work_spans import Work, work_span
from . import metrics
from .relayed import RelayedEvents

ATTEMPT_S = 60.0
CLAIM_S = 120  # longer than an attempt and the note of its outcome take
POLL_S = 1.0
LAST_ATTEMPTS_S = 5.0
# Ten attempts within a day.
DELAYS_S = (5, 60, 300, 1_800, 7_200, 18_000, 18_000, 18_000, 18_000)
CAUSED_BY = "traceparent"  # in the data of a delivery: of the request that asked for it, where it is sampled
JITTER = 0.2  # of a delay, so that what failed together is not repeated together


class DeliveryFailed(Exception):
    """An attempt failed; the message is shown to administrators and names no person.

    `status_code` is what the receiver answered. `is_permanent`: another attempt would fail, too.
    """

    def __init__(self, cause: str, *, status_code: int | None = None, is_permanent: bool = False) -> None:
        super().__init__(cause)
        self.status_code = status_code
        self.is_permanent = is_permanent


# Makes one delivery, and returns the receiver's status code, if it has one; raises DeliveryFailed and Unavailable.
Deliver: TypeAlias = Callable[[Delivery], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt."""

    outcome: Outcome
    error: str | None = None
    status_code: int | None = None
    retry_ms: int = 0


class DeliveryChannel:
    """The deliveries of one channel that this process makes, at most `at_once` at the same time."""

    def __init__(
        self,
        database: Database,
        channel: Channel,
        deliver: Deliver,
        log: BoundLogger,
        *,
        at_once: int,
        delays_s: Sequence[float] = DELAYS_S,
        relayed: RelayedEvents | None = None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._deliver = deliver
        self._log = log
        self._at_once = at_once
        self._delays_s = delays_s
        self._relayed = relayed or RelayedEvents()
        self._running: dict[asyncio.Task[None], Delivery] = {}

    async def run_due(self) -> int:
        """Make all deliveries that are due, and return how many attempts that were; raises Unavailable."""
        total = 0
        while True:
            total += await self._start_due()
            if not self._running:
                return total
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def run_forever(self) -> None:
        """Make deliveries when they are due, until it is cancelled; then close() ends the attempts under way."""
        while True:
            try:
                started = await self._start_due()
            except Unavailable as error:
                started = 0
                self._log.warning("deliveries_postponed", channel=self._channel, cause=repr(error.__cause__))
            if self._running:
                # A claim may have left some due, since there was no place for them.
                timeout = None if len(self._running) >= self._at_once else POLL_S
                await asyncio.wait(self._running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            elif not started:
                await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """Give the attempts under way some seconds, and cancel those that are left: they are made again later."""
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_ATTEMPTS_S)
        await cancel_and_wait([*self._running])

    async def _start_due(self) -> int:
        places = self._at_once - len(self._running)
        if places <= 0:
            return 0
        async with self._database.connection() as conn:
            claimed = await self._claim(conn, places)
        for each in claimed:
            task = asyncio.create_task(self._make(each))
            self._running[task] = each
            task.add_done_callback(self._running.pop)
        return len(claimed)

    async def _claim(self, conn: Connection, places: int) -> Sequence[Delivery]:
        return await deliveries.claim(conn, channel=self._channel, row_limit=places, claim_s=CLAIM_S)

    async def _make(self, delivery: Delivery) -> None:
        caused_by = (delivery.data or {}).get(CAUSED_BY)
        with work_span(
            f"{self._channel} {delivery.kind}",
            caused_by=caused_by if isinstance(caused_by, str) else None,
            link=self._relayed.traceparent_of(delivery.event_id),
        ) as work:
            attempt = await self._make_and_note(delivery)
            _describe(work, delivery, attempt)

    async def _make_and_note(self, delivery: Delivery) -> Attempt:
        started = perf_counter()
        attempt = await self._try(delivery)
        seconds = perf_counter() - started
        metrics.ATTEMPTS.counts[self._channel, attempt.outcome] += 1
        metrics.ATTEMPT_SECONDS.of(self._channel).observe(seconds)
        try:
            async with self._database.connection() as conn:
                await deliveries.end_attempt(
                    conn,
                    delivery=delivery,
                    outcome=attempt.outcome,
                    retry_ms=attempt.retry_ms,
                    error=attempt.error,
                    status_code=attempt.status_code,
                    duration_ms=round(seconds * 1000),
                )
        except Unavailable as error:  # it is made again when its claim ends
            self._log.warning("delivery_not_noted", channel=self._channel, id=delivery.id, cause=repr(error.__cause__))
        return attempt

    async def _try(self, delivery: Delivery) -> Attempt:
        fields = {"channel": self._channel, "id": delivery.id, "kind": delivery.kind, "attempt": delivery.attempts}
        try:
            async with asyncio.timeout(ATTEMPT_S):
                status_code = await self._deliver(delivery)
        except DeliveryFailed as failure:
            return self._failed(delivery, str(failure), failure.status_code, is_permanent=failure.is_permanent)
        except TimeoutError:
            return self._failed(delivery, f"not done within {ATTEMPT_S:.0f} s")
        except Unavailable as error:
            return self._failed(delivery, f"the service's own stores did not answer: {type(error).__name__}")
        except Exception:  # a defect in one delivery must neither stop the others nor lose this one
            self._log.exception("delivery_failed", **fields)
            return self._failed(delivery, "an internal error, which the log tells")
        self._log.info("delivered", **fields)
        return Attempt("delivered", status_code=status_code)

    def _failed(
        self, delivery: Delivery, cause: str, status_code: int | None = None, *, is_permanent: bool = False
    ) -> Attempt:
        is_last = is_permanent or delivery.attempts > len(self._delays_s)
        self._log.log(
            40 if is_last else 30,
            "delivery_given_up" if is_last else "delivery_postponed",
            channel=self._channel,
            id=delivery.id,
            kind=delivery.kind,
            attempt=delivery.attempts,
            cause=cause,
        )
        if is_last:
            return Attempt("dead", cause, status_code)
        delay_s = self._delays_s[delivery.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not for security
        return Attempt("pending", cause, status_code, round(delay_s * 1000))


def _describe(work: Work, delivery: Delivery, attempt: Attempt) -> None:
    """What the span says: ids alone, and no name or address of a person."""
    work.is_failed = attempt.outcome != "delivered"
    work.attributes |= {
        "reservation.delivery_id": delivery.id,
        "reservation.attempt": delivery.attempts,
        "reservation.outcome": attempt.outcome,
    }
    if delivery.reservation_id is not None:
        work.attributes["reservation.reservation_id"] = str(delivery.reservation_id)
    if attempt.status_code is not None:
        work.attributes["reservation.status_code"] = attempt.status_code
    if attempt.error is not None:
        work.attributes["error.message"] = attempt.error
