"""Serving operations: authenticate the caller, validate the input, and run the handler."""

from collections.abc import Awaitable, Iterable, Iterator
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from marshmallow import Schema

from ..db.change_author import ChangeAuthor, changes_by
from ..identity import api_key_format
from ..runtime.logs import REQUEST_ID
from .app_keys import ACCESS_TOKENS, BODY, CALLER, IDEMPOTENCY_KEY, MAX_BODY, QUERY, SETTINGS
from .authentication import authenticated_api_key, bearer_token, require_access, require_second_factor
from .gates import lane_of
from .idempotency import HEADER, run_once
from .input.bodies import FORM, load_form, load_json, load_optional_json, load_received, refuse_body
from .input.queries import NO_FIELDS, load_query
from .read_sources import sends_write_position, source_of
from .replica_reads import with_write_position
from .routes import STAFF_ROLES, VERSION_PREFIX, Access, Operation, Routes


def route_definitions(tables: Iterable[Routes], *, with_replicas: bool = False) -> Iterator[web.RouteDef]:
    """The tables' operations for aiohttp's router, in their order; a GET also serves HEAD.

    With read replicas, responses to writes say up to where a replica has to be.
    """
    versioned = [table for table in tables if table.is_versioned]
    for kind, write_kind, served in (
        (Endpoint, WriteEndpoint, tables),
        (VersionedEndpoint, VersionedWriteEndpoint, versioned),
    ):
        for table in served:
            for operation in table.operations:
                register = web.get if operation.method == "GET" else partial(web.route, operation.method)
                endpoint = (write_kind if with_replicas and sends_write_position(operation) else kind)(operation)
                yield register(endpoint.route, endpoint.serve)


class Endpoint:
    """Serves one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.route = operation.route
        self.lane = lane_of(operation)
        self.reads_from = source_of(operation)
        self._no_query = _load_empty(operation.query or NO_FIELDS)
        self._no_body = _load_empty(operation.body) if operation.body and operation.may_lack_body else None
        self._is_public = operation.access is Access.PUBLIC
        self._roles = operation.access.roles
        self._is_write = operation.method != "GET"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run the operation for a caller who may call it; raises the domain errors that it documents."""
        if not self._is_public:
            token = bearer_token(request)
            if token.startswith(api_key_format.START):
                async with authenticated_api_key(request, token, self.operation) as machine:
                    request[CALLER] = machine
                    if self._roles:
                        await require_access(request, self._roles)
                    is_recorded = self._is_write and machine.user.role in STAFF_ROLES
                    return await (self._run_recorded(request) if is_recorded else self._run(request))
            tokens = request.app[ACCESS_TOKENS]
            caller = request[CALLER] = tokens.cache.get(token) or await tokens.verify(token)
            if self._roles:
                await require_access(request, self._roles)
            elif caller.user.role == "admin" and self.operation.may_need_totp:
                await require_second_factor(request)
            if self._is_write and caller.user.role in STAFF_ROLES:
                return await self._run_recorded(request)
        return await self._run(request)

    async def _run_recorded(self, request: web.Request) -> web.StreamResponse:
        """Run the operation for staff or an administrator: the change log records what it changes."""
        action = self.operation.handler.__name__
        with changes_by(ChangeAuthor(request[CALLER].user_id, action, REQUEST_ID.get())):
            return await self._run(request)

    def _run(self, request: web.Request) -> Awaitable[web.StreamResponse]:
        """Validate the input and run the handler; a coroutine is made for a body only if it needs one."""
        operation = self.operation
        if self._no_query is None or "?" in request.raw_path:
            request[QUERY] = load_query(request, operation.query or NO_FIELDS)
        else:
            request[QUERY] = self._no_query.copy()
        if operation.body is None:
            return self._run_without_body(request) if request.body_exists else self._handle(request)
        if self._no_body is not None and not request.body_exists:
            request[BODY] = self._no_body.copy()
            return self._handle(request)
        if operation.fast_load is not None and (loaded := load_received(request, operation.fast_load)) is not None:
            request[BODY] = loaded
            return self._handle(request)
        return self._run_with_body(request, operation.body)

    async def _run_with_body(self, request: web.Request, body: Schema) -> web.StreamResponse:
        operation = self.operation
        if operation.most_body_bytes is not None:
            request[MAX_BODY] = operation.most_body_bytes
        elif self._roles:  # as those of imports and plans; others are small
            request[MAX_BODY] = request.app[SETTINGS].max_body_bytes
        if operation.check_body is not None:
            await operation.check_body(request)
        if operation.form is not None and request.content_type == FORM:
            request[BODY] = await load_form(request, operation.form)
        elif operation.may_lack_body:
            request[BODY] = await load_optional_json(request, body)
        else:
            request[BODY] = await load_json(request, body, operation.fast_load)
        return await self._handle(request)

    async def _run_without_body(self, request: web.Request) -> web.StreamResponse:
        await refuse_body(request)
        return await self._handle(request)

    def _handle(self, request: web.Request) -> Awaitable[web.StreamResponse]:
        operation = self.operation
        if operation.replay is not None:
            if HEADER in request.headers:
                return run_once(request, operation.handler, operation.replay)
            request[IDEMPOTENCY_KEY] = None
        return operation.handler(request)


class VersionedEndpoint(Endpoint):
    """Serves one operation under VERSION_PREFIX; the Location of what it creates is under it as well."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self.route = VERSION_PREFIX + operation.route

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """As Endpoint does."""
        response = await super().serve(request)
        if self.operation.status == HTTPStatus.CREATED:
            response.headers["Location"] = VERSION_PREFIX + response.headers["Location"]
        return response


class _WithWritePosition(Endpoint):
    """An operation that writes, of a service with read replicas."""

    def _handle(self, request: web.Request) -> Awaitable[web.StreamResponse]:
        return self._handle_with_position(request)

    async def _handle_with_position(self, request: web.Request) -> web.StreamResponse:
        return await with_write_position(request, await super()._handle(request))


class WriteEndpoint(_WithWritePosition):
    """Serves an operation, and says up to where a replica has to be to have what it wrote."""


class VersionedWriteEndpoint(_WithWritePosition, VersionedEndpoint):
    """The same under VERSION_PREFIX."""


@cache
def _load_empty(schema: Schema) -> dict[str, Any] | None:
    """What an empty query string or body is loaded as; None where it is refused, or may differ between requests."""
    if any(field.required or callable(field.load_default) for field in schema.fields.values()):
        return None
    loaded = schema.load({})
    return loaded if type(loaded) is dict else None
