"""The control law of load shedding, with clocks that the test sets."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from math import ceil

import pytest

from reservation.runtime.lanes import Lane
from reservation.runtime.load_shedding import (
    DELAY,
    EVENT_LOOP,
    FLOOR,
    GROWTH,
    MOST,
    MOST_OF_LANE,
    OWN_SHARES,
    REFUSED,
    SHARES,
    SHRINK,
    WATCH_FROM,
    DelayLimit,
    Gate,
    LoadShedding,
)

TARGET_S = 0.1
LATE_S, IN_TIME_S = 0.2, 0.05
LIST_CONNECTIONS = 5
PATIENCE_S = 60


@pytest.fixture
def shedding() -> LoadShedding:
    """Without a timer: the tests end its intervals."""
    made = LoadShedding(target_s=TARGET_S, list_connections=LIST_CONNECTIONS)
    made.is_watching = True
    return made


def enter(gate: Gate, times: int) -> int:
    """Try to take requests; return how many were taken."""
    return sum(gate.enter() for _ in range(times))


def end_interval(shedding: LoadShedding, *, lag_s: float = 0.0, elapsed_s: Mapping[Lane, float] | None = None) -> None:
    shedding.measure(lag_s)
    for lane, seconds in (elapsed_s or {}).items():
        shedding.gates[lane].note(seconds)
    shedding.adapt()


def test_a_lane_takes_requests_up_to_its_limit_and_again_when_one_has_ended(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.HOLD]

    assert enter(gate, MOST_OF_LANE + 10) == MOST_OF_LANE
    assert not gate.is_open()
    gate.leave()
    assert enter(gate, 2) == 1


def test_lanes_are_refused_in_their_order(shedding: LoadShedding) -> None:
    """As more and more requests of other lanes are in progress, reports are refused first and confirms last."""
    closed: list[Lane] = []
    for shedding.in_progress in range(MOST + 1):
        closed += [lane for lane, gate in shedding.gates.items() if lane not in closed and not is_shared(gate)]

    assert closed == sorted(Lane, reverse=True)


def is_shared(gate: Gate) -> bool:
    """Whether a lane is taken beyond its own share."""
    gate.in_progress = int(OWN_SHARES[gate.lane] * MOST) + 1
    return gate.is_open()


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_has_a_share_of_its_own_however_many_others_are_in_progress(shedding: LoadShedding, lane: Lane) -> None:
    shedding.in_progress = MOST

    taken = enter(shedding.gates[lane], MOST)

    assert taken == ceil(OWN_SHARES[lane] * MOST) > 10


def test_fewer_requests_than_are_watched_use_up_no_share() -> None:
    assert min(SHARES.values()) * FLOOR >= WATCH_FROM


def test_a_limit_is_reduced_if_every_request_was_late(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.HOLD]
    enter(gate, 200)

    end_interval(shedding, elapsed_s={Lane.HOLD: LATE_S})

    assert gate.limit.value == 200 * SHRINK  # of what was in progress, not of what might have been
    assert not gate.is_open()
    assert shedding.gates[Lane.CONFIRM].limit.value == MOST_OF_LANE  # slow holds do not refuse confirms


def test_a_limit_stays_if_one_request_was_in_time(shedding: LoadShedding) -> None:
    """Some of a burst are late, all of a queue that stands."""
    gate = shedding.gates[Lane.HOLD]
    enter(gate, 200)
    gate.note(IN_TIME_S)

    end_interval(shedding, elapsed_s={Lane.HOLD: LATE_S})

    assert gate.limit.value == MOST_OF_LANE


def test_an_interval_without_an_answer_is_late(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.CONFIRM]
    enter(gate, 200)
    end_interval(shedding)
    assert gate.limit.value == 200 * SHRINK


def test_a_burst_at_the_end_of_an_interval_has_not_waited_for_it(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.CONFIRM]
    shedding.measure(0.0)
    enter(gate, 200)
    end_interval(shedding)
    assert gate.limit.value == MOST_OF_LANE

    end_interval(shedding)  # without an answer, and they were in progress all the time
    assert gate.limit.value == 200 * SHRINK


def test_requests_of_a_moment_in_an_interval_without_samples_have_not_waited_for_it(shedding: LoadShedding) -> None:
    """A busy event loop takes a sample at the end of an interval only."""
    gate = shedding.gates[Lane.CONFIRM]
    end_interval(shedding)
    enter(gate, 200)
    end_interval(shedding)
    assert gate.limit.value == MOST_OF_LANE


def test_requests_without_an_answer_are_late_when_they_have_waited_for_the_target() -> None:
    shedding = LoadShedding(target_s=0.25, list_connections=LIST_CONNECTIONS)
    shedding.is_watching = True
    limit = shedding.gates[Lane.LIST].limit
    limits = []

    enter(shedding.gates[Lane.LIST], 200)
    for _ in range(3):
        end_interval(shedding)
        limits.append(limit.value)

    assert limits == [MOST_OF_LANE, MOST_OF_LANE, 200 * SHRINK]
    end_interval(shedding, elapsed_s={Lane.LIST: IN_TIME_S})
    end_interval(shedding)
    assert limit.value > 200 * SHRINK  # an answer begins the time anew


@pytest.mark.parametrize("lane", [Lane.ACCOUNT, Lane.REPORT])
def test_what_takes_long_by_itself_is_no_queue(shedding: LoadShedding, lane: Lane) -> None:
    gate = shedding.gates[lane]
    enter(gate, 200)
    end_interval(shedding)
    assert gate.limit.value == MOST_OF_LANE


def test_few_requests_are_no_queue_however_long_they_take(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.HOLD]
    enter(gate, FLOOR - 1)
    end_interval(shedding, elapsed_s={Lane.HOLD: LATE_S})
    assert gate.limit.value == MOST_OF_LANE


@pytest.mark.parametrize(("lane", "floor"), [(Lane.HOLD, FLOOR), (Lane.LIST, LIST_CONNECTIONS)])
def test_a_limit_is_never_below_its_floor(shedding: LoadShedding, lane: Lane, floor: int) -> None:
    gate = shedding.gates[lane]
    enter(gate, 200)
    for _ in range(50):
        end_interval(shedding, elapsed_s={lane: LATE_S})
    assert gate.limit.value == floor


def test_a_limit_grows_back_when_requests_are_in_time(shedding: LoadShedding) -> None:
    gate = shedding.gates[Lane.HOLD]
    enter(gate, 100)
    end_interval(shedding, elapsed_s={Lane.HOLD: LATE_S})
    reduced = gate.limit.value

    end_interval(shedding, elapsed_s={Lane.HOLD: IN_TIME_S})
    assert gate.limit.value == reduced * GROWTH
    for _ in range(50):
        end_interval(shedding, elapsed_s={Lane.HOLD: IN_TIME_S})
    assert gate.limit.value == MOST_OF_LANE


def test_a_busy_event_loop_reduces_what_all_lanes_may_use(shedding: LoadShedding) -> None:
    enter(shedding.gates[Lane.HOLD], 200)
    end_interval(shedding, lag_s=TARGET_S, elapsed_s={Lane.HOLD: IN_TIME_S})
    assert shedding.limit.value == 200 * SHRINK
    assert not shedding.gates[Lane.HOLD].is_open()
    assert shedding.gates[Lane.CONFIRM].is_open()


def test_refusals_are_told_by_lane_after_the_interval() -> None:
    told: list[Mapping[Lane, int]] = []
    shedding = LoadShedding(target_s=TARGET_S, list_connections=LIST_CONNECTIONS, on_refused=told.append)
    shedding.is_watching = True
    before = REFUSED.counts["hold"]

    enter(shedding.gates[Lane.HOLD], MOST_OF_LANE + 3)

    tight = [shedding.is_tight]
    end_interval(shedding)
    assert told == [{Lane.HOLD: 3}]
    assert REFUSED.counts["hold"] == before + 3
    end_interval(shedding)
    assert told == [{Lane.HOLD: 3}]
    assert [*tight, shedding.is_tight] == [True, False]


def steps(step_s: float) -> Callable[[], float]:
    """A clock that goes on by this much whenever it is read."""
    numbers = count()
    return lambda: next(numbers) * step_s


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("worked_s", "is_reduced"), [(0.06, True), (0.001, False)])
async def test_the_lag_counts_as_far_as_the_event_loop_has_worked(worked_s: float, *, is_reduced: bool) -> None:
    """It is 50 ms by the clock in both cases; in the second other programs had the CPU."""
    shedding = LoadShedding(
        target_s=TARGET_S, list_connections=LIST_CONNECTIONS, clock=steps(0.06), work_clock=steps(worked_s)
    )
    DELAY.values[EVENT_LOOP] = 0.0

    enter(shedding.gates[Lane.HOLD], 200)  # which starts the timer
    await until(lambda: DELAY.values[EVENT_LOOP] > 0)

    assert (shedding.limit.value < MOST) is is_reduced
    shedding.stop()


async def test_nothing_is_measured_while_few_requests_are_in_progress() -> None:
    shedding = LoadShedding(target_s=TARGET_S, list_connections=LIST_CONNECTIONS)
    gate = shedding.gates[Lane.HOLD]

    watching = []
    for _ in range(16):
        enter(gate, 1)
        watching.append(shedding.is_watching)
    assert watching == [False] * 15 + [True]
    gate.leave()
    await until(lambda: not shedding.is_watching)


def test_three_times_the_capacity_is_served_like_the_capacity() -> None:
    """A server that answers one request a millisecond, in their order, and to refuse one takes it 0.02 ms."""
    limit = DelayLimit(floor=FLOOR, most=MOST, target_s=TARGET_S)
    waiting: deque[int] = deque()
    elapsed_ms: list[int] = []
    free_ms, seconds = 0.0, 10
    for now_ms in range(seconds * 1000):
        free_ms += 1.0
        for _ in range(3):
            if len(waiting) < limit.value:
                waiting.append(now_ms)
            else:
                free_ms -= 0.02
        while waiting and free_ms >= 1.0:
            free_ms -= 1.0
            elapsed_ms.append(now_ms - waiting.popleft())
            limit.shortest_s = min(limit.shortest_s, elapsed_ms[-1] / 1000)
        limit.sample(len(waiting))
        if now_ms % 100 == 99:
            limit.adapt()

    assert len(elapsed_ms) >= 0.9 * seconds * 1000
    last = sorted(elapsed_ms[len(elapsed_ms) // 5 :])
    assert last[int(len(last) * 0.99)] < 250
