"""The reference model finds faults that are planted into the service."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings as hypothesis
from hypothesis.stateful import run_state_machine_as_test

from reservation.booking import redis_lease
from reservation.booking.redis_lease import RedisLease
from reservation.db import statements
from reservation.db.repository import confirms
from reservation.holds.pending_updates import PendingUpdates
from reservation.holds.store import Holds
from tests.interleavings.reference_model import NotAllowed
from tests.interleavings.test_model import RUNS, Play, customers_of, play

__all__ = ["play"]

Plant = Callable[[pytest.MonkeyPatch], None]


def without_sql(*replaced: tuple[str, str]) -> Plant:
    """A confirm in which conditions are replaced."""

    def changed(name: str) -> str:
        text = statements.sql(name)
        if name == "reservations/confirm":
            for old, new in replaced:
                assert text.count(old) == 1
                text = text.replace(old, new)
        return text

    return lambda patch: patch.setattr(confirms, "sql", changed)


def without_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RedisLease, "covers", lambda *_: True)


def without_epoch(patch: pytest.MonkeyPatch) -> None:
    """The times are compared, with margins that no pause of a script exceeds; the epoch is not."""
    covers = RedisLease.covers

    def covers_in_time(lease: RedisLease, life_s: float) -> bool:
        lease.epoch = lease._holds.epoch
        return covers(lease, life_s)

    patch.setattr(redis_lease, "REDIS_MARGIN_MS", 60_000)
    patch.setattr(redis_lease, "UNVERIFIED_S", 60.0)
    patch.setattr(RedisLease, "covers", covers_in_time)


def without_release(patch: pytest.MonkeyPatch) -> None:
    async def release(*_: Any) -> None:
        pass

    patch.setattr(PendingUpdates, "release", release)


def without_redis(method: str) -> Plant:
    """Redis is not asked, and all seats are granted."""

    async def granted(*_: Any, **__: Any) -> frozenset[int]:
        return frozenset()

    return lambda patch: patch.setattr(Holds, method, granted)


FAULTS: dict[str, tuple[Plant, str, str]] = {
    "a hold is not checked before its answer": (
        without_check,
        "fault: 1, before, waits while Redis is flushed, hold | hold: A, 1, once",
        "1. A: hold, seats [1]: answered 201",
    ),
    "Redis's epoch is not compared after a hold": (
        without_epoch,
        "fault: 1, before, waits while Redis is flushed, hold | hold: A, 1, once",
        "1. A: hold, seats [1]: answered 201",
    ),
    "a confirm does not compare the customer": (
        without_sql(("r.user_id is not distinct from ($2::bigint[])[asked.place]", "$2::bigint[] is not null")),
        "hold: A, 1, once | confirm: the other, 0",
        "2. B: confirm of hold 1, seats [1]: answered 200",
    ),
    "a confirm does not look at the end of the hold": (
        without_sql(
            (
                "case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end",
                "r.status",
            ),
            ("r.expires_at > clock_timestamp() and (", "("),
        ),
        "hold: A, 1, once | pass_time: 2 | hold: B, 1, once | confirm: its customer, 1",
        "3. A: confirm of hold 1, seats [1]: answered 200",
    ),
    "an extension is not told to Redis": (
        without_redis("extend"),
        "hold: A, both, once | pass_time: 1 | extend: its customer, 0 | pass_time: 1 | hold: B, 2, once",
        "3. B: hold, seats [2]: answered 201",
    ),
    "a cancel does not release its seats": (
        without_release,
        "hold: A, both, once | cancel: its customer, 0 | look: B",
        "3. B: map, seats [1, 2]: answered held held",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_a_script(play: Play, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    plant, script, found = FAULTS[fault]
    play.run(script)
    plant(monkeypatch)
    with pytest.raises(NotAllowed) as raised:
        play.run(script)
    assert found in str(raised.value)


def test_a_planted_fault_is_found_by_random_steps_whose_script_is_printed(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_redis("take")(monkeypatch)
    with pytest.raises(NotAllowed) as raised:
        run_state_machine_as_test(customers_of(play), settings=hypothesis(RUNS, phases=[Phase.generate]))
    [script] = [note.split('"')[1] for note in raised.value.__notes__ if note.startswith("STEPS=")]
    with pytest.raises(NotAllowed):
        play.run(script)
