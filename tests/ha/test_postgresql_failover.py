"""Fail-overs of PostgreSQL under Patroni during sales: no answered confirm is lost, no seat is sold twice."""

import asyncio
from random import Random

import pytest

from tests.ha.costs import RecordCost
from tests.ha.postgresql_cluster import require_programs
from tests.ha.postgresql_drill import costs, drill
from tests.ha.postgresql_stand import CUT_OFF, FAULTS, HOST_KILLED, SERVER_KILLED, STANDS_STILL, SWITCHOVER
from tests.histories.drill import Outcome
from tests.histories.faults import Fault

SYNCHRONOUS = {"synchronous_mode": True}

pytestmark = pytest.mark.usefixtures("programs")


@pytest.fixture
def programs() -> None:
    require_programs()


def record_costs(outcome: Outcome, record_cost: RecordCost) -> None:
    for cost in costs(outcome):
        record_cost(cost)


@pytest.mark.parametrize("fault", [SERVER_KILLED, SWITCHOVER, STANDS_STILL, CUT_OFF], ids=lambda fault: fault.name)
def test_no_answered_confirm_is_lost_in_a_failover_to_a_synchronous_standby(
    fault: Fault, record_cost: RecordCost
) -> None:
    outcome, log, _ = asyncio.run(drill([fault], 1, **SYNCHRONOUS))
    record_costs(outcome, record_cost)
    assert outcome.violations == []
    assert "database_failed_over" in log


def test_no_answered_confirm_is_lost_by_kills_of_primaries_in_strict_mode(record_cost: RecordCost) -> None:
    kills = [SERVER_KILLED, HOST_KILLED]
    strict = SYNCHRONOUS | {"synchronous_mode_strict": True}
    outcome, _, _ = asyncio.run(drill(kills, 2, servers=3, etcd_members=3, **strict))
    record_costs(outcome, record_cost)
    assert outcome.violations == []


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in Random(0).sample(FAULTS, len(FAULTS))}) == len(FAULTS)
