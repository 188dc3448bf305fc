"""Fifteen random faults at a running service, alone and in pairs: what was answered holds. `make drill` has 200."""

import sys

import pytest

from tests.histories.rounds import Round, drill, missing
from tests.histories.schedule import make_schedule

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
ROUNDS = [Round("embedded", 3, 5), Round("external", 24, 10)]


@pytest.mark.parametrize("each", ROUNDS, ids=lambda each: each.stand)
async def test_what_was_answered_holds_whatever_fails(each: Round) -> None:
    if why := missing(each.stand):
        pytest.skip(why)
    print(each.command())
    outcome = await drill(each)
    assert [f"{broken.kind}: {broken.what}" for broken in outcome.violations] == []
    assert len(outcome.history.faults) == each.faults
    succeeded = {request.kind for request in outcome.history.requests if request.succeeded}
    assert succeeded >= {"hold", "confirm", "cancel", "read", "map"}


def test_a_seed_determines_the_schedule() -> None:
    one, same, other = (make_schedule("external", seed, 20) for seed in (1, 1, 2))
    assert one == same != other
