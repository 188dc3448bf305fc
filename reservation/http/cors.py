"""Cross-origin requests from the origins in CORS_ORIGINS; without any, browsers allow same-origin requests only."""

from collections.abc import Sequence

import aiohttp_cors
from aiohttp import web

EXPOSED = "ETag Idempotent-Replayed Link Location RateLimit RateLimit-Policy Retry-After Server-Timing X-Request-ID"
ALLOWED = "Authorization Content-Type Idempotency-Key If-Match If-None-Match Last-Event-ID X-Request-ID"
MAX_AGE_S = 600


def add_cors(app: web.Application, origins: Sequence[str]) -> None:
    """Let these origins call every route, without cookies: tokens are sent in a header."""
    if not origins:
        return
    options = aiohttp_cors.ResourceOptions(
        allow_credentials=False,
        expose_headers=EXPOSED.split(),
        allow_headers=ALLOWED.split(),
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        max_age=MAX_AGE_S,
    )
    app.on_response_prepare.append(_vary)
    cors = aiohttp_cors.setup(app, defaults=dict.fromkeys(origins, options))
    for route in list(app.router.routes()):
        cors.add(route)


async def _vary(request: web.Request, response: web.StreamResponse) -> None:
    """Keep shared caches from serving one origin's response to another."""
    others = response.headers.get("Vary")
    response.headers["Vary"] = "Origin" if others is None else f"{others}, Origin"
