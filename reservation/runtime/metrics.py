"""Prometheus metrics, summed over all workers of the service if there are several.

Several workers share a folder (PROMETHEUS_MULTIPROC_DIR) with one file per worker and metric type. The files of
workers that have ended are merged into one, so that their counts stay and their files do not.
"""

import asyncio
import fcntl
import os
from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.values import MutexValue, ValueClass

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
PUBLISH_EVERY_S = 1.0
ENDED = "ended"  # in place of a pid, in the name of the file that ended workers' files are merged into


class BulkHistogram(Histogram):
    """A histogram to which observations are added in bulk."""

    def add(self, counts: list[int], total: float) -> None:
        """Add the observations of each bucket, the last of which has no upper bound, and their sum."""
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(total)


REQUESTS = Counter("reservation_http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = BulkHistogram(
    "reservation_http_request_seconds",
    "Time from a request's head to its answer.",
    ["method", "route"],
    buckets=BOUNDS_S,
)


@dataclass(slots=True)
class _Tally:
    """The responses of one route since the last publish; seconds."""

    method: str
    route: str
    statuses: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0


# The library's counters take a lock and a write to shared memory each; these are added to them once a second.
_tallies: dict[AbstractRoute | None, _Tally] = {}


def observe(request: web.Request, status: int, elapsed_s: float) -> None:
    """Count a request under its route's template, never its path: the number of series stays bounded."""
    route = request.match_info.route
    tally = _tallies.get(route) or _tally_of(request, route)
    tally.statuses[status] = tally.statuses.get(status, 0) + 1
    tally.buckets[bisect_left(BOUNDS_S, elapsed_s)] += 1
    tally.total_s += elapsed_s


def publish() -> None:
    """Add the counts to the library's, where a scrape of any worker finds them."""
    for tally in _tallies.values():
        for status, count in tally.statuses.items():
            REQUESTS.labels(tally.method, tally.route, status).inc(count)
        SECONDS.labels(tally.method, tally.route).add(tally.buckets, tally.total_s)
    _tallies.clear()


def _tally_of(request: web.Request, route: AbstractRoute) -> _Tally:
    resource = route.resource
    if resource is None:  # no such route: another object each time
        return _tallies.setdefault(None, _Tally("any", "none"))
    return _tallies.setdefault(route, _Tally(request.method, resource.canonical))


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


def _exposition() -> bytes:
    folder = _shared_folder()
    if folder is None:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
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
        aside = path.rename(path.with_suffix(".merging"))  # a kill from here on loses its counts; none counts twice
        merged = MmapedDict(str(folder / f"{metric_type}_{ENDED}.db"))
        for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(aside)):
            merged.write_value(key, merged.read_value(key)[0] + value, 0.0)
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
