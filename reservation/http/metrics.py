"""What the HTTP API counts for /metrics: requests by route, their times, and the problems that were answered."""

from bisect import bisect_left
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute

from ..runtime.exposition import before_publish
from ..runtime.metrics import SECONDS, CounterBy, HistogramBy

REQUESTS = CounterBy("reservation_http_requests", "Requests answered.", "method", "route", "status")
REQUEST_SECONDS = HistogramBy(
    "reservation_http_request_seconds", "Time from a request's head to its answer.", "method", "route"
)
PROBLEMS = CounterBy("reservation_http_problems", "Problem details answered, by their code.", "method", "route", "code")


@dataclass(slots=True)
class _Tally:
    """The responses of one route since the last publish; seconds."""

    method: str
    route: str
    statuses: dict[int, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total_s: float = 0.0


# By route, so that a request takes one look-up.
_tallies: dict[AbstractRoute | None, _Tally] = {}


def observe(request: web.Request, status: int, code: str | None, elapsed_s: float) -> None:
    """Count a request under its route's template, never its path: the number of series stays bounded.

    `code` is that of the problem, None for an answer without one.
    """
    route = request.match_info.route
    tally = _tallies.get(route) or _tally_of(request, route)
    tally.statuses[status] = tally.statuses.get(status, 0) + 1
    if code is not None:
        tally.codes[code] = tally.codes.get(code, 0) + 1
    tally.buckets[bisect_left(SECONDS, elapsed_s)] += 1
    tally.total_s += elapsed_s


def collect() -> None:
    """Add the tallies to the metrics."""
    for tally in _tallies.values():
        route = tally.method, tally.route
        for status, count in tally.statuses.items():
            REQUESTS.counts[*route, str(status)] += count
        for code, count in tally.codes.items():
            PROBLEMS.counts[*route, code] += count
        buckets = REQUEST_SECONDS.of(route)
        buckets.counts = [before + more for before, more in zip(buckets.counts, tally.buckets, strict=True)]
        buckets.total += tally.total_s
    _tallies.clear()


def _tally_of(request: web.Request, route: AbstractRoute) -> _Tally:
    resource = route.resource
    if resource is None:  # no such route: another object each time
        return _tallies.setdefault(None, _Tally("any", "none"))
    return _tallies.setdefault(route, _Tally(request.method, resource.canonical))


before_publish.append(collect)
