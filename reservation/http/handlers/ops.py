"""Health, readiness and metrics."""

import hmac

from aiohttp import web
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_LATEST

from ...errors import DatabaseUnavailable, HoldsUnavailable, NotAuthenticated, Overloaded, Stopping
from ...runtime.exposition import exposition
from ..app_keys import READINESS, SETTINGS, STOPPING
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
    Where METRICS_TOKEN is set, `detail` tells that only to callers who send it as a Bearer token.
    """
    if request.app[STOPPING].is_set():
        raise Stopping
    failures = await request.app[READINESS].failures()
    for failure in failures:  # the first has the code of the problem
        if not _is_operator(request):
            raise type(failure)("A store cannot be used just now.")
        raise type(failure)(" ".join(map(str, failures)))
    return json_response({"status": "ready"})


@routes.add("GET", "/metrics", content_type="text/plain", raises=(NotAuthenticated,))
async def metrics(request: web.Request) -> web.StreamResponse:
    """Metrics for Prometheus; where METRICS_TOKEN is set, to callers who send it as a Bearer token."""
    if not _is_operator(request):
        raise NotAuthenticated("Send METRICS_TOKEN as a Bearer token.")
    return SingleWriteResponse(await exposition(), content_type=CONTENT_TYPE_LATEST)


def _is_operator(request: web.Request) -> bool:
    """Whether the caller has sent METRICS_TOKEN, or none is set."""
    token = request.app[SETTINGS].metrics_token
    if token is None:
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(errors="surrogateescape"), token.encode()
    )
