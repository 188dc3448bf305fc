"""What /metrics says of a worker itself: its version, and how late its event loop runs what is due."""

import asyncio
import platform
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

from .metrics import CounterBy, Gauge, GaugeBy, Histogram

MEASURE_EVERY_S = 0.1

BUILD_INFO = GaugeBy("reservation_build_info", "1, for the version that runs.", "version", "python", merge="livemax")
WORKERS = Gauge("reservation_workers", "Workers that run.")
EVENT_LOOP_LAG = Histogram("reservation_event_loop_lag_seconds", "How late the event loop runs what is due.")

TRACE_SPANS = CounterBy(
    "reservation_trace_spans",
    "Spans of traces, by what became of them.",
    "outcome",
    known=("sent", "queue_full", "not_sent"),
)


def installed_version() -> str:
    """The version of this package."""
    try:
        return version("reservation")
    except PackageNotFoundError:  # run from a checkout, without an installation
        return "0"


def tell_version() -> None:
    """Tell which version runs."""
    BUILD_INFO.values[installed_version(), platform.python_version()] = 1
    WORKERS.read = _one


async def measure_event_loop() -> None:
    """Measure the lag until this task is cancelled."""
    while True:
        started = perf_counter()
        await asyncio.sleep(MEASURE_EVERY_S)
        EVENT_LOOP_LAG.observe(max(0.0, perf_counter() - started - MEASURE_EVERY_S))


def _one() -> float:
    return 1.0
