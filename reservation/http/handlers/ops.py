"""Health, readiness and metrics."""

from functools import cache

from aiohttp import web
from marshmallow import Schema, fields
from prometheus_client import CONTENT_TYPE_LATEST

from ...db.migrations import known_migrations
from ...db.repository import ops
from ...errors import DatabaseUnavailable, HoldsUnavailable, Overloaded
from ...runtime.exposition import exposition
from ..app_keys import BOOKING_CONTEXT, DATABASE
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


@routes.add("GET", "/ready", output=StatusOutput(), raises=(DatabaseUnavailable, HoldsUnavailable, Overloaded))
async def ready(request: web.Request) -> web.StreamResponse:
    """Whether the service can sell: PostgreSQL and Redis answer, and no migration is pending."""
    async with request.app[DATABASE].connection() as conn:
        applied = await ops.applied_migrations(conn)
    missing = sorted(_known_migrations() - applied)
    if missing:
        raise DatabaseUnavailable(f"The schema is out of date: {', '.join(missing)} not applied.")
    await request.app[BOOKING_CONTEXT].holds.ping()
    return json_response({"status": "ready"})


@routes.add("GET", "/metrics", content_type="text/plain")
async def metrics(request: web.Request) -> web.StreamResponse:
    """Metrics for Prometheus."""
    return SingleWriteResponse(await exposition(), content_type=CONTENT_TYPE_LATEST)


@cache
def _known_migrations() -> frozenset[str]:
    """Those of the version that this worker runs, whatever an upgrade has put on the disk since."""
    return known_migrations()
