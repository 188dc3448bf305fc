"""Prometheus metrics, summed over all workers of the service if there are several.

Several workers share a folder (PROMETHEUS_MULTIPROC_DIR) with one file per worker and metric type. The files of
workers that have ended are merged into one, so that their counts stay and their files do not; what is only true of a
running worker, such as the size of its pool, goes with it.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest, multiprocess
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.values import MutexValue, ValueClass

from .metrics import Counter, CounterBy, Gauge, GaugeBy, HistogramBy, Key, Metric

PUBLISH_EVERY_S = 1.0
ENDED = "ended"  # in place of a pid, in the name of the file that ended workers' files are merged into

disable_created_metrics()  # a further series for each counter and histogram


class BulkHistogram(prometheus_client.Histogram):
    """A histogram to which observations are added in bulk."""

    def add(self, counts: list[int], total: float) -> None:
        """Add the observations of each bucket, the last of which has no upper bound, and their sum."""
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(total)


_counters: dict[Metric, prometheus_client.Counter] = {}
_histograms: dict[Metric, BulkHistogram] = {}
_gauges: dict[Metric, prometheus_client.Gauge] = {}
# Called before each publish: what is counted in another form is added to the metrics.
before_publish: list[Callable[[], None]] = []


def publish() -> None:
    """Add the counts to the library's, where a scrape of any worker finds them."""
    for collect in before_publish:
        collect()
    for metric in Metric.defined:
        if isinstance(metric, Counter | CounterBy):
            _publish_counter(metric)
        elif isinstance(metric, HistogramBy):
            _publish_histogram(metric)
        elif isinstance(metric, Gauge | GaugeBy):
            _publish_gauge(metric)


def _publish_counter(metric: Counter | CounterBy) -> None:
    counter = _counters.get(metric)
    if counter is None:
        counter = _counters[metric] = prometheus_client.Counter(metric.name, metric.meaning, metric.labels)
    if isinstance(metric, Counter):
        counter.inc(metric.value)
        metric.value = 0
        return
    for key, count in metric.counts.items():
        counter.labels(*_values(key)).inc(count)
    metric.counts.clear()


def _publish_histogram(metric: HistogramBy) -> None:
    histogram = _histograms.get(metric)
    if histogram is None:
        histogram = _histograms[metric] = BulkHistogram(
            metric.name, metric.meaning, metric.labels, buckets=metric.bounds
        )
    for key, buckets in metric.by.items():
        counts, total = buckets.take()
        if any(counts):
            (histogram.labels(*_values(key)) if metric.labels else histogram).add(counts, total)


def _publish_gauge(metric: Gauge | GaugeBy) -> None:
    gauge = _gauges.get(metric)
    if gauge is None:
        gauge = _gauges[metric] = prometheus_client.Gauge(
            metric.name, metric.meaning, metric.labels, multiprocess_mode=metric.merge
        )
    if isinstance(metric, Gauge):
        gauge.set(metric.read())
        return
    for key, value in metric.read().items():
        gauge.labels(*_values(key)).set(value)


def _values(key: Key) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


async def publish_for_ever() -> None:
    """Publish once a second."""
    while True:
        await asyncio.sleep(PUBLISH_EVERY_S)
        publish()


# One thread: concurrent scrapes run one after the other, and none on the event loop.
_scraping = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")


async def exposition() -> bytes:
    """The metrics in Prometheus's text format, summed over the workers.

    What another worker counted in the last second may be missing.
    """
    publish()
    return await asyncio.get_running_loop().run_in_executor(_scraping, _exposition)


class _Collector(multiprocess.MultiProcessCollector):
    """Reads the files, but those which a worker has made just now and that are still empty."""

    def collect(self) -> Iterable[prometheus_client.Metric]:
        """The metrics, summed over the workers."""
        files = [str(path) for path in Path(self._path).glob("*.db") if path.stat().st_size]
        merged: Iterable[prometheus_client.Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _exposition() -> bytes:
    folder = _shared_folder()
    if folder is None:
        return generate_latest()
    registry = CollectorRegistry()
    _Collector(registry)  # type: ignore[no-untyped-call]
    with _locked(folder):
        _merge(folder)
        return generate_latest(registry)


def merge_ended_workers() -> None:
    """Merge the files of workers that have ended; every start of a worker does so, and every scrape."""
    folder = _shared_folder()
    if folder is not None:
        with _locked(folder):
            _merge(folder)


def _merge(folder: Path) -> None:
    for path in folder.glob("*.db"):
        metric_type, _, worker = path.stem.rpartition("_")
        if worker == ENDED or _is_running(int(worker)):
            continue
        if metric_type.startswith("gauge_live") or not path.stat().st_size:
            path.unlink()
            continue
        aside = path.rename(path.with_suffix(".merging"))  # a kill from here on loses its counts; none counts twice
        merged = MmapedDict(str(folder / f"{metric_type}_{ENDED}.db"))
        for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(aside)):
            before = merged.read_value(key)[0]
            merged.write_value(key, max(before, value) if metric_type == "gauge_max" else before + value, 0.0)
        merged.close()
        aside.unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process has the number now
        pass
    return True


def _shared_folder() -> Path | None:
    return None if ValueClass is MutexValue else Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Exclude the other workers: none reads a file that is being merged, or counts it twice."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
