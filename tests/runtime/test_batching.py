"""Natural batching on its own: who goes with whom, whose failure is whose, and who waited for what."""

import asyncio
import gc
import traceback
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from reservation.errors import DatabaseUnavailable, DomainError, NotFound, Overloaded, TooManyAttempts
from reservation.limit_texts import attempts_text
from reservation.runtime.batching import Batcher
from reservation.runtime.timing import Timings, current_timings, start_timings, timed

PATIENCE_S = 2.0
Outcomes = Sequence[str | Exception]
Caller = asyncio.Task[str]

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class Clock:
    """The seconds that the batcher and the timings count; they pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("reservation.runtime.batching.perf_counter", clock)
    monkeypatch.setattr("reservation.runtime.timing.perf_counter", clock)
    return clock


class Work:
    """A batch's work that takes as long as the test wants, and remembers what it was asked to do."""

    def __init__(self, *, gated: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.flying = 0
        self.most_flying = 0
        self._gate = asyncio.Semaphore(0)
        self._gated = gated

    async def __call__(self, items: Sequence[str]) -> Outcomes:
        self.batches.append(list(items))
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            if self._gated:
                await self._gate.acquire()
            return self.outcomes(items)
        finally:
            self.flying -= 1

    def outcomes(self, items: Sequence[str]) -> Outcomes:
        return [NotFound(item) if item.startswith("missing") else f"done {item}" for item in items]

    def land(self) -> None:
        """Let one batch come back."""
        self._gate.release()

    def open(self) -> None:
        """Let all batches come back from now on."""
        self._gated = False
        self._gate.release()


class Fails(Work):
    """Work that fails as a whole when it is asked for poison."""

    def outcomes(self, items: Sequence[str]) -> Outcomes:
        if "poison" in items:
            raise DomainError("the batch is lost")
        return super().outcomes(items)


class Miscounts(Work):
    """Work that answers one more or one less than it was asked."""

    def __init__(self, by: int) -> None:
        super().__init__()
        self.by = by

    def outcomes(self, items: Sequence[str]) -> Outcomes:
        return [*super().outcomes(items), "too much"][: len(items) + self.by]


def call(batcher: Batcher[str, str], *items: str) -> list[Caller]:
    """Callers who come in the same moment, in this order."""
    return [asyncio.create_task(batcher.submit(item)) for item in items]


async def answers(callers: Sequence[Caller]) -> list[str | BaseException]:
    """What became of each caller."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*callers, return_exceptions=True)


async def one(batcher: Batcher[str, str], item: str) -> str:
    """The answer to a single call."""
    return await asyncio.wait_for(batcher.submit(item), PATIENCE_S)


async def turn(loops: int = 5) -> None:
    """Let everything that can go on go on; nothing here waits for anything but the gate."""
    for _ in range(loops):
        await asyncio.sleep(0)


async def test_a_lone_caller_goes_at_once_and_alone() -> None:
    work = Work()
    batcher = Batcher(work, max_batch=8)

    assert await one(batcher, "a") == "done a"
    assert await one(batcher, "b") == "done b"

    assert work.batches == [["a"], ["b"]]


async def test_what_comes_in_the_same_moment_goes_together() -> None:
    work = Work()
    batcher = Batcher(work, max_batch=8)

    assert await answers(call(batcher, "a", "b", "c")) == ["done a", "done b", "done c"]

    assert work.batches == [["a", "b", "c"]]


async def test_what_queues_during_a_flight_goes_next_in_its_order() -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=8)
    callers = call(batcher, "a")
    await turn()
    for item in ("b", "c", "d"):
        callers += call(batcher, item)
        await turn()
    assert work.batches == [["a"]]

    work.open()

    assert await answers(callers) == ["done a", "done b", "done c", "done d"]
    assert work.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_has_no_more_than_most() -> None:
    work = Work()

    items = [f"{number:02}" for number in range(17)]
    assert await answers(call(Batcher(work, max_batch=5), *items)) == [f"done {item}" for item in items]

    assert work.batches == [items[:5], items[5:10], items[10:15], items[15:]]


async def test_who_comes_when_too_many_wait_is_refused_alone() -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=2, max_waiting=3)
    flying = call(batcher, "a")
    await turn()
    waiting = call(batcher, "b", "c", "d")
    await turn()

    with pytest.raises(Overloaded):
        await one(batcher, "e")
    work.open()

    assert await answers(flying + waiting) == ["done a", "done b", "done c", "done d"]
    assert await one(batcher, "f") == "done f"
    assert work.batches == [["a"], ["b", "c"], ["d"], ["f"]]


async def test_an_exception_among_the_outcomes_is_its_callers_alone() -> None:
    work = Work()

    first, missing, last = call(Batcher(work, max_batch=8), "a", "missing b", "c")

    assert await answers([first, last]) == ["done a", "done c"]
    with pytest.raises(NotFound, match="missing b"):
        await missing
    assert work.batches == [["a", "missing b", "c"]]


async def test_what_the_work_raises_reaches_its_whole_batch_and_no_other() -> None:
    work = Fails(gated=True)
    batcher = Batcher(work, max_batch=3)
    first = call(batcher, "a")
    await turn()
    lost = call(batcher, "b", "poison", "c")
    later = call(batcher, "d", "e")
    await turn()

    work.open()

    assert await answers(first) == ["done a"]
    assert [str(error) for error in await answers(lost) if isinstance(error, DomainError)] == ["the batch is lost"] * 3
    assert await answers(later) == ["done d", "done e"]
    assert work.batches == [["a"], ["b", "poison", "c"], ["d", "e"]]


@pytest.mark.parametrize(
    ("error", "took_s", "queue_fails"),
    [(DatabaseUnavailable(), 60, True), (DatabaseUnavailable(), 0.001, False), (DomainError(), 60, False)],
)
async def test_behind_a_store_that_hangs_the_queue_does_not_wait_for_its_turn(
    clock: Clock, error: DomainError, took_s: float, queue_fails: bool
) -> None:
    """Else each batch would wait for a timeout of its own; a failure that comes at once says nothing of the next."""
    gate = asyncio.Event()

    async def work(items: Sequence[str]) -> Outcomes:
        if "a" in items:
            await gate.wait()
            clock.seconds += took_s
            raise error
        return items

    batcher = Batcher[str, str](work, max_batch=8)
    flying = call(batcher, "a")
    await turn()
    waiting = call(batcher, "b", "c")
    await turn()
    waiting[1].cancel()
    await turn()
    gate.set()

    assert [type(answer) for answer in await answers(flying)] == [type(error)]
    first = (await answers(waiting))[0]
    assert type(first) is type(error) if queue_fails else first == "b"
    assert await one(batcher, "d") == "d"


@pytest.mark.parametrize("by", [-1, 1])
async def test_a_wrong_number_of_outcomes_is_loud_for_all(by: int) -> None:
    """Else a caller would wait for ever, or get the outcome of another."""
    for error in await answers(call(Batcher(Miscounts(by), max_batch=8), "a", "b", "c")):
        assert isinstance(error, RuntimeError)
        assert str(error) == f"a batch of 3 has {3 + by} outcomes"


async def test_who_gives_up_in_the_queue_is_left_out() -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=2)
    callers = call(batcher, "a")
    await turn()
    callers += call(batcher, "b", "c", "d", "e")
    await turn()

    callers[2].cancel()
    await turn()
    work.open()

    first, second, gone, *rest = await answers(callers)
    assert [first, second, *rest] == ["done a", "done b", "done d", "done e"]
    assert isinstance(gone, asyncio.CancelledError)
    assert work.batches == [["a"], ["b", "d"], ["e"]]  # a place in the batch is not spent on who has gone


async def test_when_all_in_the_queue_give_up_there_is_no_batch() -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=2)
    flying = call(batcher, "a")
    await turn()
    waiting = call(batcher, "b", "c", "d")
    await turn()

    for caller in waiting:
        caller.cancel()
    work.open()

    assert await answers(flying) == ["done a"]
    assert await one(batcher, "e") == "done e"
    assert work.batches == [["a"], ["e"]]


@pytest.mark.parametrize("others", ["c", "missing c", "poison"])
async def test_who_gives_up_in_flight_changes_nothing_for_the_others(others: str) -> None:
    """Whatever becomes of the batch: an outcome, an exception of one, and one of all."""
    work = Fails(gated=True)
    batcher = Batcher(work, max_batch=8)
    callers = call(batcher, "a", "b", others)
    await turn()

    callers[1].cancel()
    await turn()
    assert callers[1].cancelled()
    assert work.flying == 1  # the work was not cancelled with its caller
    work.open()

    first, _, last = await answers(callers)
    if others == "poison":
        assert [type(first), type(last)] == [DomainError, DomainError]
    else:
        assert first == "done a"
        assert isinstance(last, NotFound) if others == "missing c" else last == "done c"
    assert await one(batcher, "d") == "done d"


async def test_who_gives_up_with_an_exception_on_its_way_leaves_nothing_unretrieved() -> None:
    """asyncio would log each as an exception that was never retrieved, once an outage meets a timeout."""
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

    async def outage() -> None:
        work = Fails(gated=True)
        first, second, third = callers = call(Batcher(work, max_batch=8), "a", "missing b", "poison")
        await turn()
        second.cancel()
        first.add_done_callback(lambda _: third.cancel())  # when the exception is there, and not yet raised
        work.open()
        await answers(callers)

    await outage()
    gc.collect()
    await turn()

    assert complaints == []


@pytest.mark.parametrize("lanes", [1, 2, 3])
async def test_lanes_bound_the_batches_in_flight(lanes: int) -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=2, lanes=lanes)
    callers = call(batcher, *(f"{number:02}" for number in range(12)))
    await turn(20)
    assert work.flying == lanes

    for _ in range(6):
        work.land()
        await turn(20)

    assert await answers(callers) == [f"done {number:02}" for number in range(12)]
    assert work.most_flying == lanes
    assert [len(batch) for batch in work.batches] == [2] * 6


async def test_a_lane_that_is_free_does_not_wait_for_the_other() -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=8, lanes=2)
    first = call(batcher, "a", "b")
    await turn()

    second = call(batcher, "c")
    await turn()

    assert work.batches == [["a", "b"], ["c"]]
    work.open()
    work.open()
    assert await answers(first + second) == ["done a", "done b", "done c"]


@pytest.mark.parametrize("lanes", [1, 2])
async def test_nothing_is_left_over_afterwards(lanes: int) -> None:
    """All lanes are free again, whatever the batches came to, and no task stays behind."""
    before = asyncio.all_tasks()
    work = Fails()
    batcher = Batcher(work, max_batch=2, lanes=lanes)
    for _ in range(3):
        callers = call(batcher, "a", "missing b", "poison", "c", "d", "e", "f")
        await turn(1)
        callers[5].cancel()
        await answers(callers)
    await turn()
    assert asyncio.all_tasks() == before

    work.batches.clear()
    work.most_flying = 0
    assert await answers(call(batcher, "x", "y", "z")) == ["done x", "done y", "done z"]
    assert work.batches == [["x", "y"], ["z"]]

    slow = Work(gated=True)
    batcher._run = slow  # the same batcher, whose batches now take their time: each lane takes one
    callers = call(batcher, *"abcdef")
    await turn(20)
    assert slow.flying == lanes
    for _ in range(3):
        slow.land()
        await turn(20)
    assert await answers(callers) == [f"done {item}" for item in "abcdef"]


async def test_what_follows_a_batch_keeps_its_callers_waiting_and_nobody_else() -> None:
    work, followed = Work(), []
    gates = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def follow(outcomes: Outcomes) -> None:
        followed.append(list(outcomes))
        await gates[str(outcomes[0]).removeprefix("done ")].wait()

    batcher = Batcher[str, str](work, max_batch=8, after_batch=follow)
    first = call(batcher, "a", "missing a")
    await turn()
    second = call(batcher, "b")
    await turn()

    assert [outcomes[0] for outcomes in followed] == ["done a", "done b"]
    assert not any(caller.done() for caller in [*first, *second])
    gates["b"].set()
    assert await answers(second) == ["done b"]
    assert not any(caller.done() for caller in first)
    gates["a"].set()
    assert await first[0] == "done a"
    with pytest.raises(NotFound):
        await first[1]


async def test_when_what_follows_fails_the_whole_batch_hears_of_it_and_no_other() -> None:
    async def follow(outcomes: Outcomes) -> None:
        if "done poison" in outcomes:
            raise DomainError("lost on the way")

    batcher = Batcher[str, str](Work(), max_batch=2, after_batch=follow)
    callers = call(batcher, "a", "poison", "b")

    for caller in callers[:2]:
        with pytest.raises(DomainError, match="lost on the way"):
            await caller
    assert await callers[2] == "done b"


async def test_the_wait_for_what_follows_counts_for_the_callers_of_its_batch(clock: Clock) -> None:
    async def work(items: Sequence[str]) -> Outcomes:
        with timed("postgresql"):
            clock.seconds += 0.25
        return items

    async def follow(_: Outcomes) -> None:
        with timed("redis"):
            clock.seconds += 0.5

    async def timed_call(item: str) -> Timings:
        timings = start_timings()
        await batcher.submit(item)
        return timings

    batcher = Batcher[str, str](work, max_batch=1, after_batch=follow)
    for timings in await asyncio.gather(timed_call("a"), timed_call("b")):
        assert (timings.postgresql, timings.redis) == pytest.approx((250, 500))


async def test_timings_tell_the_queue_from_the_work(clock: Clock) -> None:
    """One who queued during a flight has waited for it; what the batch waits for counts for each of its callers."""
    gate = asyncio.Event()

    async def work(items: Sequence[str]) -> Outcomes:
        with timed("postgresql"):
            await gate.wait()
            clock.seconds += 0.002
        with timed("redis"):
            clock.seconds += 0.5
        return items

    async def timed_call(item: str) -> Timings:
        timings = start_timings()
        assert await batcher.submit(item) == item
        return timings

    batcher = Batcher[str, str](work, max_batch=8)
    callers = [asyncio.create_task(timed_call("a"))]
    await turn()
    clock.seconds += 1
    callers.append(asyncio.create_task(timed_call("b")))
    await turn()
    clock.seconds += 10
    callers.append(asyncio.create_task(timed_call("c")))
    await turn()
    gate.set()
    alone, early, late = await asyncio.wait_for(asyncio.gather(*callers), PATIENCE_S)

    assert (alone.pool, alone.postgresql, alone.redis) == pytest.approx((0, 11_002, 500))
    # They waited for the end of the first flight, and none of its work is theirs.
    assert (early.pool, early.postgresql, early.redis) == pytest.approx((10_502, 2, 500))
    assert (late.pool, late.postgresql, late.redis) == pytest.approx((502, 2, 500))


async def test_the_wait_in_the_queue_counts_as_one_for_the_pool(clock: Clock) -> None:
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=8)
    flying = call(batcher, "a")
    await turn()
    timings = start_timings()
    waiting = call(batcher, "b")
    await turn()
    clock.seconds += 7
    work.open()
    await answers(flying + waiting)

    assert (timings.pool, timings.postgresql, timings.redis) == pytest.approx((7_000, 0, 0))


async def test_who_is_refused_has_waited_too(clock: Clock) -> None:
    """An exception among the outcomes is an answer like any other."""
    work = Work(gated=True)
    batcher = Batcher(work, max_batch=8)
    flying = call(batcher, "a")
    await turn()
    timings = start_timings()
    waiting = call(batcher, "missing b")
    await turn()
    clock.seconds += 7
    work.open()
    await answers(flying + waiting)

    assert timings.pool == pytest.approx(7_000)


async def test_one_without_timings_is_served_beside_one_with() -> None:
    work = Work()
    batcher = Batcher(work, max_batch=8)
    without = call(batcher, "a")
    start_timings()

    assert await answers(without + call(batcher, "b")) == ["done a", "done b"]


async def test_a_batch_has_a_context_of_its_own() -> None:
    """It works for many: one caller's request id in its log lines, or its waits in one caller's timings, would lie."""
    seen: list[str] = []
    timings_seen: list[Timings | None] = []

    async def work(items: Sequence[str]) -> Outcomes:
        seen.append(whose.get())
        timings_seen.append(current_timings())
        whose.set("the batch's")
        return items

    batcher = Batcher[str, str](work, max_batch=8)
    mine = start_timings()
    whose.set("mine")

    await one(batcher, "a")

    assert seen == ["nobody's"]
    assert whose.get() == "mine"
    assert timings_seen[0] is not mine
    assert current_timings() is mine


async def test_each_caller_of_a_failed_batch_gets_an_exception_of_its_own_with_the_same_cause() -> None:
    """One instance raised in many tasks would collect the tracebacks and contexts of all of them."""
    cause = OSError("connection lost")

    async def work(_: Sequence[str]) -> Outcomes:
        raise TooManyAttempts(policy="login", most=5, window_s=60, retry_after_s=7) from cause

    errors = await answers(call(Batcher[str, str](work, max_batch=8), "a", "b", "c"))

    assert len({id(error) for error in errors}) == 3
    depths = set()
    for error in errors:
        assert isinstance(error, TooManyAttempts)
        assert (str(error), error.policy, error.retry_after_s) == (attempts_text("login", 5, 60), "login", 7)
        assert error.__cause__ is cause
        depths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(depths) == 1
