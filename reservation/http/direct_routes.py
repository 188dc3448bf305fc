"""Finds the operation of an ordinary request with one look-up, in front of aiohttp's Application.

The Application walks its resources, builds a match, and chains its middlewares anew for every request, which costs as
much as the rest of a small one. What follows is the same for both: the middleware, the operation and the response.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from ..runtime.load_shedding import AnyGate, Gate
from .dispatch import Endpoint
from .gates import gate_of
from .middleware import middleware, respond

# The versions in which `Request._match_info` is what the Application sets; with another, every request goes to it.
KNOWN_VERSIONS = re.compile(r"3\.14\.\d+")
# A number, or a UUID that begins with a digit as those of uuid7 do.
ID = re.compile(r"(?<=/)[0-9][0-9a-f-]*")
MOST_RECENT, MOST_CHARS = 4096, 128  # paths that are kept, of up to 1 kB each with their matches, and their length
PARAMETER = re.compile(r"\{(\w+)\}")

RequestHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_direct_routes(server: web.Server, app: web.Application) -> "DirectRoutes | None":
    """Let a server of this application find operations here; after `app.startup`, and before its first connection.

    None with a version of aiohttp that is not known.
    """
    if not KNOWN_VERSIONS.fullmatch(aiohttp.__version__) or list(app.middlewares) != [middleware]:
        return None
    routes = DirectRoutes(app, server.request_handler)
    server.request_handler = routes.handle
    return routes


class DirectRoutes:
    """The operations by method and path, of which one part may be an id.

    A path that has an escape, a query or anything else unusual is not among them: the Application takes it, as it does
    HEAD, OPTIONS and requests with Expect.
    """

    def __init__(self, app: web.Application, application: RequestHandler) -> None:
        self._app = app
        self._application = application
        # By method and the path before and after the id; None after a path without one.
        self._routes: dict[tuple[str, str, str | None], tuple[web.UrlMappingMatchInfo, Serve, str, AnyGate]] = {}
        self._recent: dict[str, tuple[web.UrlMappingMatchInfo, Serve, AnyGate]] = {}  # of GET, by their paths
        for route in app.router.routes():
            endpoint = getattr(route.handler, "__self__", None)
            if isinstance(endpoint, Endpoint) and route.method == endpoint.operation.method:
                before, *parameter = PARAMETER.split(endpoint.route)
                if len(parameter) <= 2:
                    name, after = parameter or ("", None)
                    gate = gate_of(app, route.handler)
                    self._routes[route.method, before, after] = (self._match({}, route), endpoint.serve, name, gate)

    def handle(self, request: Any) -> Awaitable[web.StreamResponse]:
        """Answer a request."""
        path, method = request.raw_path, request.method
        direct = self._recent.get(path) if method == "GET" else None
        if direct is None:
            direct = self._find(method, path)
        if direct is None or "Expect" in request.headers:
            return self._application(request)
        request._match_info, serve, gate = direct  # noqa: SLF001
        return respond(request, serve, path, gate)

    def _find(self, method: str, path: str) -> tuple[web.UrlMappingMatchInfo, Serve, AnyGate] | None:
        """What answers an ordinary request; None without a direct route. A match is for reading: requests share it."""
        found = ID.search(path)
        direct = self._routes.get(_key(method, path, found))
        if direct is None:
            return None
        match, serve, name, gate = direct
        if found is not None:
            match = self._match({name: found[0]}, match.route)
        # Seat maps, lists, single resources: many requests for few paths.
        if method == "GET" and len(path) <= MOST_CHARS:
            if len(self._recent) >= MOST_RECENT:
                self._recent.clear()
            self._recent[path] = match, serve, gate
        return match, serve, gate

    def closed_gate(self, method: str, path: str) -> Gate | None:
        """The gate of an ordinary request's operation, if it is closed now; the path may have a query."""
        path = path.partition("?")[0]
        direct = self._routes.get(_key(method, path, ID.search(path)))
        gate = None if direct is None else direct[3]
        return gate if isinstance(gate, Gate) and not gate.is_open() else None

    def _match(self, ids: dict[str, str], route: web.AbstractRoute) -> web.UrlMappingMatchInfo:
        match = web.UrlMappingMatchInfo(ids, route)
        match.add_app(self._app)
        return match


def _key(method: str, path: str, found: re.Match[str] | None) -> tuple[str, str, str | None]:
    """The key of a path's operation; `found` is its id."""
    return (method, path, None) if found is None else (method, path[: found.start()], path[found.end() :])
