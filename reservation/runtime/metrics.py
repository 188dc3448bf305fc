"""Prometheus metrics, over all workers of the process group where there are several."""

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.values import MutexValue, ValueClass

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
HAND_OVER_EVERY_S = 1.0


class BulkHistogram(Histogram):
    """A histogram that takes observations which were counted elsewhere."""

    def add(self, counts: list[int], total: float) -> None:
        """Add so many observations to each bucket, the last of which has no bound, and their sum."""
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
RELOADS = Counter("reservation_statement_reloads", "Times that a worker was asked to reload its SQL.", ["outcome"])


@dataclass(slots=True)
class _Tally:
    """What one route has answered since it was last handed over; seconds."""

    method: str
    route: str
    statuses: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0


# The library's own counters take a lock and a write to shared memory each; these are handed over once a second.
_tallies: dict[AbstractRoute | None, _Tally] = {}


def observe(request: web.Request, status: int, elapsed_s: float) -> None:
    """Count a request under its route's template, never its path: the number of series stays bounded."""
    route: AbstractRoute | None = request.match_info.route
    if route is not None and route.resource is None:
        route = None  # a route that does not exist is another object each time
    tally = _tallies.get(route)
    if tally is None:
        tally = _tallies[route] = _Tally(*_labels(request))
    tally.statuses[status] = tally.statuses.get(status, 0) + 1
    tally.buckets[bisect_left(BOUNDS_S, elapsed_s)] += 1
    tally.total_s += elapsed_s


def hand_over() -> None:
    """Give what was counted to the library, where every worker's scrape finds it."""
    for tally in _tallies.values():
        for status, count in tally.statuses.items():
            REQUESTS.labels(tally.method, tally.route, status).inc(count)
        SECONDS.labels(tally.method, tally.route).add(tally.buckets, tally.total_s)
    _tallies.clear()


def _labels(request: web.Request) -> tuple[str, str]:
    resource = request.match_info.route.resource
    return ("any", "none") if resource is None else (request.method, resource.canonical)


async def hand_over_for_ever() -> None:
    """Hand over once a second."""
    while True:
        await asyncio.sleep(HAND_OVER_EVERY_S)
        hand_over()


def exposition() -> bytes:
    """The metrics in Prometheus's text format; summed over the workers where they share a folder.

    What another worker counted in the last second may be missing.
    """
    hand_over()
    if ValueClass is MutexValue:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
