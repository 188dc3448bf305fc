"""The stored plans keep what the headers promise: the indexes that `Plan:` names, and limits that stop a scan."""

import re
from collections.abc import Iterator

import pytest

from reservation.dba import stored_plans
from reservation.dba.buffer_bounds import bounds
from reservation.dba.statement_headers import load, names

PLANNED = stored_plans.planned()
INDEX = re.compile(r"\b\w+_(?:pkey|key|idx|excl)\b")
NODE = re.compile(r" *[\d,]+  ( *)(.*)")
# A limit of a header's sample, with the order in front of it; and the orders in which no two rows are equal.
LIMIT = re.compile(r"(?:order by ((?:(?!order by|limit)[^()]|\(\*\))*) )?limit \d+")
RANDOM_IDS = re.compile(r"from (?:payments|refunds|tickets)\b[^()]*order by (?:\w+\.)?id\b")  # as they are filled
UNIQUE_ORDERS = {"reservation_id, number", "showtime_id, seat_id", "user_id, key", "count(*), showtime_id"}


def stored(name: str) -> str:
    return (stored_plans.PLANS_DIR / f"{name}.txt").read_text()


def broken(promised: str, plan: str) -> Iterator[str]:
    """What a header promises that its stored plan does not keep."""
    for index in INDEX.findall(promised):
        if not re.search(rf"\b{index}\b", plan):
            yield f"no {index}"
    if "stopped by the limit" in promised:
        nodes = [(len(found[1]), found[2]) for found in map(NODE.fullmatch, plan.splitlines()) if found]
        for place, (depth, node) in enumerate(nodes):
            if node.endswith("Limit"):
                yield from unlimited(subtree(nodes, place, depth))


def subtree(nodes: list[tuple[int, str]], place: int, depth: int) -> list[tuple[int, str]]:
    end = next((at for at in range(place + 1, len(nodes)) if nodes[at][0] <= depth), len(nodes))
    return nodes[place + 1 : end]


def unlimited(nodes: list[tuple[int, str]]) -> Iterator[str]:
    """The nodes that read all of their input before a limit above them can stop them, and read it from a table."""
    for place, (depth, node) in enumerate(nodes):
        reads_table = any(" on " in below and "CTE Scan" not in below for _, below in subtree(nodes, place, depth))
        if "Bitmap Heap Scan" in node or (re.search(r"\bSort\b", node) and reads_table):
            yield f"{node} under a Limit"


def test_every_statement_of_the_service_has_a_stored_plan() -> None:
    folder = stored_plans.PLANS_DIR
    found = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.txt")}
    assert found == set(PLANNED)
    assert {"reservations/confirm", "audit/unbacked_holds"} <= found
    assert not found & {"audit/wrong_totals", "schema/migration_files", "seed/analyze", "statistics/top"}


def test_no_stored_plan_reads_a_table_in_sequence() -> None:
    assert [name for name in PLANNED if "Seq Scan" in stored(name)] == [
        "ops/applied_migrations",
        "webhooks/add_deliveries",  # all webhooks, of which there are 100 at most
    ]


def test_buffer_bounds_are_of_statements_with_a_stored_plan() -> None:
    stated = bounds(stored_plans.BOUNDS_FILE)
    assert {bound.name for bound in stated} <= set(PLANNED)
    assert len({(bound.name, bound.size) for bound in stated}) == len(stated) > 20


@pytest.mark.parametrize("name", PLANNED)
def test_the_stored_plan_is_what_the_header_promises(name: str) -> None:
    assert list(broken(load(name).plan, stored(name))) == []


SORTED = """\
buffers up to 1,024
             1  Limit
             1    Sort
             1      Bitmap Heap Scan on reservations r
           100        Bitmap Index Scan using reservations_user_id_idx by (user_id = $1)
"""
STOPPED = """\
buffers up to 4
             1  Sort
             1    CTE page: Limit
           100      Index Scan using users_pkey on users by (id > $1)
             1    Index Scan using seats_pkey on seats by (id = $2)
             1    InitPlan 1: Limit
             1      Sort
             1        CTE Scan on page
"""


def test_a_promise_that_the_plan_does_not_keep_is_found() -> None:
    promise = "index scan on reservations_user_id_idx, stopped by the limit; seats by seats_pkey."
    assert list(broken(promise, SORTED)) == [
        "no seats_pkey",
        "Sort under a Limit",
        "Bitmap Heap Scan on reservations r under a Limit",
    ]
    assert list(broken("index scan on users_pkey, stopped by the limit; then seats_pkey.", STOPPED)) == []
    assert list(broken("index scan on sers_pkey.", STOPPED)) == ["no sers_pkey"]


def test_samples_take_the_same_rows_whatever_their_order_on_disk() -> None:
    limits = {name: list(orders(load(name).sample or "")) for name in names()}
    assert sum(map(len, limits.values())) > 100
    assert {name: found for name, found in limits.items() if not all(map(is_unique, found))} == {}
    assert [name for name in names() if RANDOM_IDS.search(" ".join((load(name).sample or "").split()))] == []


def orders(sample: str) -> Iterator[str]:
    """For each limit of a sample, the columns that its rows are sorted by; empty if they are not."""
    for found in LIMIT.finditer(" ".join(sample.split())):
        yield re.sub(r"\b\w+\.| (?:desc|asc)\b", "", found[1] or "")


def is_unique(order: str) -> bool:
    return order.rpartition(", ")[2] == "id" or order in UNIQUE_ORDERS
