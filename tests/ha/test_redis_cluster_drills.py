"""Redis Cluster during sales: a master fails, and slots move; no promise is broken, and no restart is needed."""

import asyncio
from dataclasses import replace

import pytest

from tests.ha.costs import RecordCost
from tests.ha.postgresql_drill import costs
from tests.ha.redis_cluster import running_redis_cluster
from tests.ha.redis_drill import drill
from tests.ha.redis_nodes import PROGRAM
from tests.ha.redis_stand import GOES_ON, KILLED, SLOTS_MOVED
from tests.histories.faults import Fault
from tests.programs import program

pytestmark = pytest.mark.usefixtures("programs")


@pytest.fixture
def programs() -> None:
    program(PROGRAM, package="redis-server")


@pytest.mark.parametrize(
    "faults",
    [[KILLED], [GOES_ON, SLOTS_MOVED]],  # python -m tests.ha.drill --store redis-cluster has the others, too
    ids=lambda faults: ", then ".join(fault.name for fault in faults),
)
def test_sales_go_on_and_no_promise_is_broken_when(faults: list[Fault], record_cost: RecordCost) -> None:
    outcome, _ = asyncio.run(drill(running_redis_cluster, faults, 1))
    found = costs(outcome)
    for cost in found:
        record_cost(replace(cost, fault=f"{cost.fault} (Redis Cluster)"))
    assert outcome.violations == []
    assert [cost.fault for cost in found] == [fault.name for fault in faults]
