"""Fifteen random faults at a running service, alone and in pairs: what was answered holds. `make drill` has 200."""

import sys
from pathlib import Path

import pytest

from tests.histories import rounds
from tests.histories.__main__ import FAULTS
from tests.histories.clocks import LIBRARY
from tests.histories.report import report
from tests.histories.rounds import STANDS, Round, drill, missing, split
from tests.histories.schedule import make_schedule

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
ROUNDS = [Round("embedded", 3, 5), Round("external", 24, 10)]


@pytest.mark.parametrize("each", ROUNDS, ids=lambda each: each.stand)
async def test_what_was_answered_holds_whatever_fails(each: Round) -> None:
    if why := missing(each.stand):
        pytest.skip(why)
    print(each.command())
    outcome = await drill(each)
    print(*report(outcome), sep="\n")
    assert [broken.kind for broken in outcome.violations] == []
    assert len(outcome.history.faults) == each.faults
    succeeded = {request.kind for request in outcome.history.requests if request.succeeded}
    assert succeeded >= {"hold", "confirm", "cancel", "read", "map"}


@pytest.mark.parametrize("count", [30, FAULTS])
def test_a_drill_of_the_usual_number_of_faults_is_on_every_stand(count: int) -> None:
    made = [*split([*STANDS], 1, count)]
    assert {each.stand for each in made} == STANDS.keys()
    assert sum(each.faults for each in made) == count


def test_a_stand_without_its_servers_or_without_the_fault_is_named_with_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = tmp_path / "libfaketime.so.1"
    assert missing("external", "FLUSHALL + the network to PostgreSQL is slow") in {"", missing("external")}
    monkeypatch.setitem(rounds.NEEDED, "clocks", (absent,))
    monkeypatch.setitem(rounds.PACKAGES, absent, rounds.PACKAGES[LIBRARY])
    assert "faketime" in missing("clocks")
    assert missing("clocks").startswith(f"{absent} (")
    assert missing("embedded") == "" == missing("embedded", "FLUSHALL")
    assert missing("clocks", "FLUSHALL") == "none of its faults is 'FLUSHALL'"


def test_a_seed_determines_the_schedule() -> None:
    one, same, other = (make_schedule("external", seed, 20) for seed in (1, 1, 2))
    assert one == same != other
