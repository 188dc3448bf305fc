"""Percentiles are exact to three digits, and a late generator makes the run suspect."""

import math
import random

import pytest
from hdrh.histogram import HdrHistogram

from reservation.load.connection import Answer
from reservation.load.measurements import PERCENTILES, Histogram, Measurements


def exact(ordered: list[float], percentile: float) -> float:
    return ordered[max(math.ceil(len(ordered) * percentile / 100) - 1, 0)]


def test_percentiles_are_exact_to_three_digits() -> None:
    chance = random.Random(3)
    latencies = sorted(chance.lognormvariate(-5, 1.5) for _ in range(20_000))
    histogram = Histogram()
    for latency in latencies:
        histogram.add(latency)
    for percentile in PERCENTILES:
        assert histogram.ms(percentile) == pytest.approx(exact(latencies, percentile) * 1000, rel=0.002)
    summary = histogram.summary()
    assert summary["count"] == 20_000
    assert summary["max_ms"] == pytest.approx(latencies[-1] * 1000, rel=0.002)
    assert summary["mean_ms"] == pytest.approx(sum(latencies) / 20, rel=0.002)


def test_the_distribution_rises_to_the_maximum_and_the_encoded_histogram_decodes() -> None:
    histogram = Histogram()
    for ms in range(1, 1001):
        histogram.add(ms / 1000)
    points = histogram.distribution()
    assert points == sorted(points)
    assert points[0][0] == 0
    assert points[-1][1] == pytest.approx(1000, rel=0.002)
    assert HdrHistogram.decode(histogram.encode()).get_total_count() == 1000


def test_a_report_without_measurements_is_empty() -> None:
    assert Histogram().summary() == {"count": 0}
    assert Histogram().distribution() == []
    assert Measurements().suspicions == []


def test_a_latency_beyond_the_scale_counts_as_its_end() -> None:
    histogram = Histogram()
    histogram.add(-1)
    histogram.add(1e9)
    assert histogram.count == 2
    assert histogram.ms(100) == pytest.approx(3_600_000, rel=0.002)


@pytest.mark.parametrize(("late_ms", "suspect"), [(1, False), (50, True)])
def test_a_late_generator_makes_the_run_suspect(late_ms: float, suspect: bool) -> None:
    measurements = Measurements()
    for number in range(100):
        at_s = number / 100
        measurements.offer(at_s, at_s + late_ms / 1000)
        sent_s, ended_s = at_s + late_ms / 1000, at_s + late_ms / 1000 + 0.02
        measurements.count("map", Answer(200, "", b"", b"", sent_s, ended_s), at_s, sent_s, expected=True)
    assert bool(measurements.suspicions) is suspect
    assert measurements.latency["map"].ms(50) == pytest.approx(late_ms + 20, rel=0.01)  # from the intended instant
    assert measurements.service["map"].ms(50) == pytest.approx(20, rel=0.01)


def test_every_kind_of_timeout_is_an_error_and_a_latency_and_a_lost_connection_only_an_error() -> None:
    measurements = Measurements()
    for fault in ("timeout", "connection_wait_timeout", "connect_timeout", "connection_lost", "connection_refused"):
        answer = Answer(0, fault, b"", b"", 10 if "conn" in fault else 0, 10)
        measurements.count("hold", answer, 0, 0, expected=False)
    assert measurements.errors.total() == 5
    assert measurements.latency["hold"].count == measurements.all.count == 3
    assert measurements.latency["hold"].ms(0) == pytest.approx(10_000, rel=0.002)
    assert measurements.service["hold"].count == 1  # the other two were never sent
    assert measurements.answered == 0
    assert measurements.seconds[10].errors == 5


def test_requests_refused_for_the_load_have_latencies_of_their_own() -> None:
    measurements = Measurements()
    body = b'{"code": "overloaded"}'
    with_time, without = b"HTTP/1.1 503 x\r\nRetry-After: 1\r\n\r\n", b"HTTP/1.1 503 x\r\n\r\n"
    for status, head, ended_at in ((200, b"", 0.5), (503, with_time, 0.01), (503, without, 0.02)):
        answer = Answer(status, "", head, body, sent_at=0.0, ended_at=ended_at)
        measurements.count("map", answer, 0.0, 0.0, expected=status == 200)
    assert (measurements.overloaded.count, measurements.accepted.count, measurements.all.count) == (1, 2, 3)
    assert measurements.overloaded.ms(100) == pytest.approx(10, rel=0.002)
    assert measurements.errors == {"overloaded": 2}
