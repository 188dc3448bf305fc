"""The model of benchmarks/capacity.py against what can be computed by hand."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from benchmarks.bench import Bench, Plan
from benchmarks.capacity import Cost, Model, Service, predicted
from benchmarks.processes import Server
from benchmarks.records import Sample
from benchmarks.sections import write_section
from benchmarks.stand import Stand
from benchmarks.workers import Fleet, contestant, table

SERVICE = Service(worker=Cost(0, 200e-6), postgresql=Cost(0, 50e-6), redis_s=20e-6, generator_s=10e-6)


def rate(service: Service, workers: int, *, cores: int) -> float:
    return predicted(service, workers, cores=cores)[0]


def test_one_worker_with_cores_to_spare_is_the_bottleneck() -> None:
    assert rate(SERVICE, 1, cores=64) == pytest.approx(2_500, rel=0.02)


def test_workers_add_up_while_there_are_cores() -> None:
    assert rate(SERVICE, 4, cores=64) == pytest.approx(10_000, rel=0.05)


def test_all_processes_together_do_not_use_more_than_the_cores() -> None:
    assert rate(SERVICE, 4, cores=2) == pytest.approx(2 / (2 * 280e-6), rel=0.05)
    with_background = replace(SERVICE, background_s=20e-6)
    assert rate(with_background, 4, cores=2) == pytest.approx(2 / (2 * 300e-6), rel=0.05)


def test_redis_alone_limits_any_number_of_workers() -> None:
    slow = Service(Cost(0, 10e-6), Cost(0, 10e-6), redis_s=500e-6, generator_s=1e-6)
    assert rate(slow, 8, cores=64) == pytest.approx(1_000, rel=0.02)


def test_a_single_customer_waits_for_each_step_in_turn_but_not_for_redis_after_a_confirm() -> None:
    alone, batch = Model(SERVICE, workers=1, customers=1, cores=64).run()
    assert alone == pytest.approx(1 / (2 * 280e-6 - 20e-6), rel=0.02)
    assert batch == 1


def test_batches_of_more_workers_are_smaller_and_cost_more() -> None:
    service = replace(SERVICE, postgresql=Cost(500e-6, 10e-6))
    batches = [predicted(service, workers, cores=4)[1] for workers in (1, 2, 4)]
    assert batches == sorted(batches, reverse=True)
    assert batches[0] > 2 * batches[2]
    assert rate(service, 4, cores=4) < rate(replace(SERVICE, postgresql=Cost(0, 60e-6)), 4, cores=4)


def test_what_a_batch_and_a_request_cost_follows_from_two_sizes_of_batches() -> None:
    cost = Cost.fitted((2, 60e-6), (10, 20e-6))
    assert (cost.batch_s, cost.request_s) == pytest.approx((100e-6, 10e-6))
    assert Cost.fitted((2, 20e-6), (10, 30e-6)) == Cost(0, 30e-6)  # no fixed part is seen
    assert Cost.fitted((2, 60e-6), (2, 50e-6)) == Cost(0, 50e-6)


def test_the_table_of_workers_compares_the_cpu_of_each_repetition_with_one_worker() -> None:
    plan = Plan(2, 1.0, short=False, product_settings={}, against="")
    fleet = Fleet(Bench(cast("Stand", None), plan), servers={number: cast("Server", None) for number in (1, 2)})
    for workers, totals in ((1, (100.0, 200.0)), (2, (115.0, 230.0))):
        fleet.batch_sizes[contestant(workers)] = [8.0 / workers] * 2
        for total in totals:
            parts = {"server": total * 0.5, "postgresql": total * 0.25, "redis": total * 0.25, "wrk": 1.0}
            fleet.bench.records.add(contestant(workers), Sample(1_000.0 * workers, 1, parts))
    fleet.batch_sizes[contestant(2, 128)] = [8.0] * 2
    for total in (105.0, 210.0):
        parts = {"server": total * 0.5, "postgresql": total * 0.25, "redis": total * 0.25, "wrk": 1.0}
        fleet.bench.records.add(contestant(2, 128), Sample(1_900.0, 1, parts))
    growing_load = table(fleet, {1: contestant(1), 2: contestant(2, 128)}).splitlines()[3:]
    assert growing_load == ["| 2 | 1,900 | 8.0 | 79 | 39 | 39 | 1.050 (1.050 .. 1.050), reached |"]
    rows = table(fleet, {workers: contestant(workers) for workers in (1, 2)}).splitlines()[2:]
    assert rows == [
        "| 1 | 1,000 | 8.0 | 75 | 38 | 38 | 1.000 (1.000 .. 1.000) |",
        "| 2 | 2,000 | 4.0 | 86 | 43 | 43 | 1.150 (1.150 .. 1.150), **missed** |",
    ]


def test_a_section_is_replaced_and_what_is_around_it_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- b: begin -->\n\nold\n\n<!-- b: end -->\n\nrest\n")
    write_section(page, "b", "new\n")
    assert page.read_text() == "# A\n\n<!-- b: begin -->\n\nnew\n\n<!-- b: end -->\n\nrest\n"
    with pytest.raises(ValueError, match="c: begin"):
        write_section(page, "c", "new")
