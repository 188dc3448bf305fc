"""Health, readiness and metrics."""

from aiohttp import web
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_LATEST

from ...errors import DatabaseUnavailable, HoldsUnavailable, Overloaded, Stopping
from ...runtime.exposition import exposition
from ..app_keys import READINESS, STOPPING
from ..output.responses import SingleWriteResponse, json_response
from ..routes import Routes

# Not under the version's prefix: probes have fixed addresses, and a proxy that hides /metrics hides all of it.
routes = Routes("Operations", is_versioned=False)


class StatusOutput(Schema):
    """Health status."""

    status = fields.String(required=True, metadata={"examples": ["ok"]})


@routes.add("GET", "/health", output=StatusOutput())
async def health(request: web.Request) -> web.StreamResponse:
    """Whether the process answers; no store is asked."""
    return json_response({"status": "ok"})


@routes.add(
    "GET", "/ready", output=StatusOutput(), raises=(DatabaseUnavailable, HoldsUnavailable, Overloaded, Stopping)
)
async def ready(request: web.Request) -> web.StreamResponse:
    """Whether a hold and a confirm could be made just now; if not, `detail` names each store that fails, and why.

    From the first moment of a stop on it is 503 `stopping`, while requests are still answered for STOP_DELAY_SECONDS.
    """
    if request.app[STOPPING].is_set():
        raise Stopping
    failures = await request.app[READINESS].failures()
    for failure in failures:  # the first has the code of the problem
        raise type(failure)(" ".join(map(str, failures)))
    return json_response({"status": "ready"})


@routes.add("GET", "/metrics", content_type="text/plain")
async def metrics(request: web.Request) -> web.StreamResponse:
    """Metrics for Prometheus."""
    return SingleWriteResponse(await exposition(), content_type=CONTENT_TYPE_LATEST)
