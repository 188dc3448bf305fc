"""The model of benchmarks/capacity.py against what can be computed by hand."""

import pytest

from benchmarks.capacity import Model, Service, predicted

SERVICE = Service(worker_s=200e-6, postgresql_s=50e-6, redis_s=20e-6, generator_s=10e-6)


def test_one_worker_with_cores_to_spare_is_the_bottleneck() -> None:
    assert predicted(SERVICE, 1, cores=64) == pytest.approx(2_500, rel=0.02)


def test_workers_add_up_while_there_are_cores() -> None:
    assert predicted(SERVICE, 4, cores=64) == pytest.approx(10_000, rel=0.05)


def test_all_processes_together_do_not_use_more_than_the_cores() -> None:
    assert predicted(SERVICE, 4, cores=2) == pytest.approx(2 / (2 * 280e-6), rel=0.05)


def test_redis_alone_limits_any_number_of_workers() -> None:
    slow = Service(worker_s=10e-6, postgresql_s=10e-6, redis_s=500e-6, generator_s=1e-6)
    assert predicted(slow, 8, cores=64) == pytest.approx(1_000, rel=0.02)


def test_a_single_customer_waits_for_each_step_in_turn() -> None:
    alone = Model(SERVICE, workers=1, customers=1, cores=64).run()
    assert alone == pytest.approx(1 / (2 * 280e-6), rel=0.02)
