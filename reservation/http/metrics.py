"""Prometheus metrics, over all workers of the process group where there are several."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.values import MutexValue, ValueClass

REQUESTS = Counter("reservation_http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "reservation_http_request_seconds",
    "Time from a request's head to its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def observe(request: web.Request, status: int, elapsed_s: float) -> None:
    """Count a request under its route's template, never its path: the number of series stays bounded."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"
    method = request.method if resource is not None else "any"
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(elapsed_s)


def exposition() -> bytes:
    """The metrics in Prometheus's text format; summed over the workers where they share a folder."""
    if ValueClass is MutexValue:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
