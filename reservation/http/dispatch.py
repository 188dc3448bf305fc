"""Serving operations: authenticate the caller, validate the input, and run the handler."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from aiohttp import web
from marshmallow import Schema

from ..identity import api_key_format
from .app_keys import BODY, CALLER, QUERY
from .authentication import authenticate_person, authenticated_api_key, bearer_token
from .idempotency import HEADER, run_once
from .input.bodies import FORM, load_form, load_json, refuse_body
from .input.queries import load_query, refuse_query
from .routes import Access, Operation, Routes


def route_definitions(tables: Iterable[Routes]) -> Iterator[web.RouteDef]:
    """The tables' operations for aiohttp's router, in their order; a GET also serves HEAD."""
    for table in tables:
        for operation in table.operations:
            register = web.get if operation.method == "GET" else partial(web.route, operation.method)
            yield register(operation.route, Endpoint(operation).serve)


class Endpoint:
    """Serves one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._no_query = None if operation.query is None else _load_empty(operation.query)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run the operation for a caller who may call it; raises the domain errors that it documents."""
        if self._operation.access is not Access.PUBLIC:
            token = bearer_token(request)
            if token.startswith(api_key_format.START):
                async with authenticated_api_key(request, token, self._operation) as request[CALLER]:
                    return await self._run(request)
            request[CALLER] = await authenticate_person(request, token, self._operation.access)
        return await self._run(request)

    async def _run(self, request: web.Request) -> web.StreamResponse:
        operation = self._operation
        if operation.query is None:
            refuse_query(request)
        elif self._no_query is not None and not request.rel_url.raw_query_string:
            request[QUERY] = dict(self._no_query)
        else:
            request[QUERY] = load_query(request, operation.query)
        if operation.form is not None and request.content_type == FORM:
            request[BODY] = await load_form(request, operation.form)
        elif operation.body is not None:
            request[BODY] = await load_json(request, operation.body, operation.fast_load)
        else:
            await refuse_body(request)
        if operation.replay is not None and HEADER in request.headers:
            return await run_once(request, operation.handler, operation.replay)
        return await operation.handler(request)


def _load_empty(query: Schema) -> Mapping[str, Any] | None:
    """The result of an empty query string, which most requests have; None where it may differ between requests."""
    if any(field.required or callable(field.load_default) for field in query.fields.values()):
        return None
    loaded = query.load({})
    return loaded if type(loaded) is dict else None
