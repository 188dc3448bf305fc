"""The drill of Redis chooses its faults by the seed, and writes what they have cost."""

import pytest

from tests.ha.redis_kills import OTHERS, STORES, choose, report
from tests.ha.redis_stand import KILLED
from tests.histories.drill import Outcome
from tests.histories.history import Broken, FaultWindow, History, Request


@pytest.mark.parametrize("store", STORES)
def test_the_seed_determines_the_faults_and_the_kills_are_as_many_as_asked(store: str) -> None:
    faults = choose(store, 7, seed=1)
    assert faults == choose(store, 7, seed=1) != choose(store, 7, seed=2)
    assert faults.count(KILLED) == 7
    assert all(faults.count(other) == OTHERS for other in STORES[store].others)


@pytest.mark.parametrize("store", STORES)
def test_the_page_counts_confirms_and_broken_promises(store: str) -> None:
    history = History(
        requests=[Request("confirm", 1.0, 2.0, 200), Request("confirm", 1.0, 2.0, 503)],
        faults=[FaultWindow(KILLED.name, KILLED.parts, 3.0, 7.0, 8.5)],
    )
    found = Outcome(history, [Broken("lost", 9.0, "a confirm"), Broken("stale map", 9.0, "a map")])
    text = report([found], store, kills=1, seed=3)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows[2:] == [[name, "1", "1", "1", "0", "1.5", "1.5"] for name in (KILLED.name, "all")]
    assert "audit` at the end): 1." in text
    assert f"--store {store} --kills 1 --seed 3" in text
