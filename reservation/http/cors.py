"""Cross-origin requests from the origins in CORS_ORIGINS; without any, browsers allow same-origin requests only.

No cookies: tokens are sent in a header.
"""

from collections.abc import Mapping

from aiohttp import web

from .app_keys import SETTINGS
from .output.problems import HttpProblem

# What the service and caches read; and what libraries, proxies and tracing add to every request.
ALLOWED = (
    "Accept, Accept-Language, Admission-Token, Authorization, Cache-Control, Content-Encoding, Content-Language, "
    "Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, "
    "Last-Event-ID, Pragma, Prefer, Range, Reservation-Written, X-Request-ID, "
    "b3, Baggage, Sentry-Trace, Traceparent, Tracestate, X-Correlation-ID, X-Requested-With"
)
EXPOSED = (
    "Accept-Encoding, Accept-Ranges, Allow, Content-Disposition, Content-Encoding, Content-Range, Date, ETag, "
    "Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Reservation-Written, Retry-After, "
    "Server-Timing, Vary, WWW-Authenticate, X-Request-ID"
)
# Those of the service, and one that no address answers: a page can read the 405.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_AGE_S = 600
ANY = "*"


def add_cors(app: web.Application) -> None:
    """Let pages of the listed origins read every response."""
    if app[SETTINGS].cors_origins:
        app.on_response_prepare.append(_add_headers)


def has_cors_alone(app: web.Application) -> bool:
    """Whether no signal but that of `add_cors` changes the headers of responses."""
    return all(signal is _add_headers for signal in app.on_response_prepare)


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks if a page of another origin may send a request."""
    headers = request.headers
    return (
        request.method == "OPTIONS"
        and "Origin" in headers
        and "Access-Control-Request-Method" in headers
        and bool(request.app[SETTINGS].cors_origins)
    )


async def answer_preflight(request: web.Request) -> web.StreamResponse:
    """Allow a page's request to any address, also one that does not exist: the page can then read the 404.

    Raises HttpProblem (403) for another origin, method or header.
    """
    headers = request.headers
    if _allowed_origin(request.app, request.headers) is None:
        raise HttpProblem(403, "forbidden", "Pages of this origin may not send requests.")
    if headers["Access-Control-Request-Method"] not in METHODS:
        raise HttpProblem(403, "forbidden", "Pages of another origin may not use this method.")
    asked = {name.strip().lower() for name in headers.get("Access-Control-Request-Headers", "").split(",")} - {""}
    refused = asked - set(ALLOWED.lower().split(", "))
    if refused:
        raise HttpProblem(403, "forbidden", f"Pages of another origin may not send: {', '.join(sorted(refused))}.")
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": ALLOWED,
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
    if headers.get("Access-Control-Request-Private-Network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(headers=allowed)


def allow_any_listed(app: web.Application, response: web.StreamResponse) -> None:
    """Allow a page to read the refusal of a request whose Origin is not known; it says nothing about anybody.

    One listed origin is named; of several, a response cannot name more than one.
    """
    origins = app[SETTINGS].cors_origins
    if origins:
        response.headers["Access-Control-Allow-Origin"] = origins[0] if len(origins) == 1 else ANY
        response.headers["Access-Control-Expose-Headers"] = EXPOSED


def cors_lines(app: web.Application, request_headers: Mapping[str, str]) -> str:
    """The headers that every response has for this, in the form in which they are sent; a response without Vary."""
    if not app[SETTINGS].cors_origins:
        return ""
    origin = _allowed_origin(app, request_headers)
    if origin is None or not origin.isascii():  # with "*", any is allowed
        return "Vary: Origin\r\n"
    allowed = f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Expose-Headers: {EXPOSED}\r\n"
    return f"Vary: Origin\r\n{allowed}"


def _allowed_origin(app: web.Application, request_headers: Mapping[str, str]) -> str | None:
    origin, origins = request_headers.get("Origin"), app[SETTINGS].cors_origins
    return origin if origin is not None and (origin in origins or ANY in origins) else None


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Name the origin that may read the response; keep shared caches from serving it to another."""
    headers = response.headers
    others = headers.get("Vary")
    headers["Vary"] = "Origin" if others is None else f"{others}, Origin"
    origin = _allowed_origin(request.app, request.headers)
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED
