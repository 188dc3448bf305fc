"""Routes that say what they take, answer and refuse: the same words validate and document."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from aiohttp import web
from marshmallow import Schema

from ..db.repository import accounts, api_keys
from ..errors import DomainError, Forbidden, InsufficientScope, InvalidToken, NotAuthenticated, NotFound
from ..identity import api_key_format as key_format
from ..identity.api_key_format import Scope
from ..identity.sessions import Session
from ..runtime.fields import MAX_ID
from ..runtime.validation import load
from .app_keys import API_KEYS, BODY, DATABASE, QUERY, SESSIONS, USER
from .bodies import body_of, query_of, refuse_body, refuse_query
from .compiled import Quick, compile_schema
from .forms import form_of, is_form
from .idempotency import HEADER, Replay, carry_out_once
from .paging import PageQuery

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """Who may call."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    ADMIN = "admin"


# The scopes of API keys that let one in: one of them will do.
CATALOGUE = (Scope.CATALOGUE,)
CATALOGUE_OR_REPORTS = (Scope.CATALOGUE, Scope.REPORTS)
BOOKING = (Scope.BOOKING,)
BOOKING_OR_REPORTS = (Scope.BOOKING, Scope.REPORTS)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the router and the OpenAPI document need it."""

    method: str
    path: str  # as clients know it
    route: str  # as the router does: what is {name} in the path may be {name:pattern} here
    tag: str
    handler: Handler
    access: Access
    scopes: tuple[Scope, ...]
    body: Schema | None
    query: Schema | None
    status: int
    answer: Schema | None
    answer_type: str
    raises: tuple[type[DomainError], ...]
    etag: bool
    replay: Replay | None
    quick: Quick | None
    form: Schema | None
    unasked: Mapping[str, Any] | None  # what the query's schema makes of no query, which is what most requests have

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Let the caller in, validate what was sent, and run the handler."""
        if self.access is not Access.PUBLIC:
            token = _token(request)
            if not token.startswith(key_format.START):
                request[USER] = await _authenticate(request, token, self.access)
            elif USER not in request:
                return await self._serve_machine(request, token)
        if self.query is not None:
            request[QUERY] = self._asked(request, self.query)
        else:
            refuse_query(request)
        if self.form is not None and is_form(request):
            request[BODY] = await form_of(request, self.form)
        elif self.body is not None:
            request[BODY] = await body_of(request, self.body, self.quick)
        else:
            await refuse_body(request)
        if self.replay is not None and HEADER in request.headers:
            return await carry_out_once(request, self.handler, self.replay)
        return await self.handler(request)

    async def _serve_machine(self, request: web.Request, key: str) -> web.StreamResponse:
        """Let an API key in, within its scopes and as one of so many at once, and serve its request."""
        keys = request.app[API_KEYS]
        holder = await keys.holders.of(key)
        if holder.scopes.isdisjoint(self.scopes):
            raise InsufficientScope(self.scopes)
        async with keys.turns.turn(holder.key_id, is_back_office=self.is_back_office):
            if self.access is Access.ADMIN:
                async with request.app[DATABASE].connection() as conn:
                    role = await api_keys.find_role(conn, key_id=holder.key_id)
                _demand_admin(role)
            request[USER] = holder
            return await self.serve(request)

    @property
    def is_back_office(self) -> bool:
        """Whether it is a list or administration, for which machines wait their turn, so that sales need not.

        It is the operation that costs, so no scope of the key makes a difference.
        """
        return self.access is Access.ADMIN or isinstance(self.query, PageQuery)

    @property
    def is_conditional(self) -> bool:
        """Whether it writes only to what the caller has seen, if the caller says so with If-Match."""
        return self.etag and self.method in ("PUT", "DELETE")

    def _asked(self, request: web.Request, query: Schema) -> Any:
        if self.unasked is not None and not request.rel_url.raw_query_string:
            return dict(self.unasked)
        return load(query, query_of(request))

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return self.description.partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The handler's docstring."""
        return (self.handler.__doc__ or "").strip()


class Routes:
    """A table of operations under one tag, filled by decorators.

    API keys that have one of the scopes `read_with` may GET, and those with one of `write_with` the rest; where there
    are none, it takes a person who is signed in.
    """

    def __init__(self, tag: str, *, read_with: tuple[Scope, ...] = (), write_with: tuple[Scope, ...] = ()) -> None:
        self.tag = tag
        self._read_with, self._write_with = read_with, write_with
        self.operations: list[Operation] = []

    def __iter__(self) -> Iterator[web.RouteDef]:
        for operation in self.operations:
            if operation.method == "GET":
                yield web.get(operation.route, operation.serve, allow_head=True)
            else:
                yield web.route(operation.method, operation.route, operation.serve)

    def add(
        self,
        method: str,
        path: str,
        *,
        access: Access = Access.PUBLIC,
        body: Schema | None = None,
        query: Schema | None = None,
        status: int = 200,
        answer: Schema | None = None,
        answer_type: str = "application/json",
        raises: tuple[type[DomainError], ...] = (),
        etag: bool = False,
        replay: Replay | None = None,
        form: Schema | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        `raises` names the domain errors beyond those that follow from the rest; `etag` says that what is answered has
        an ETag: If-None-Match can make a GET a 304, and If-Match a PUT or DELETE a 412; `replay` tells the answer again
        to who repeats a request under an Idempotency-Key; `form` is what an HTML form may send in place of the body.
        """

        scopes = self._read_with if method == "GET" else self._write_with

        def register(handler: Handler) -> Handler:
            quick = None if body is None else compile_schema(body)
            self.operations.append(
                Operation(
                    method,
                    re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path),
                    path,
                    self.tag,
                    handler,
                    access,
                    () if access is Access.PUBLIC else scopes,
                    body,
                    query,
                    status,
                    answer,
                    answer_type,
                    raises,
                    etag,
                    replay,
                    quick,
                    form,
                    None if query is None else _unasked(query),
                )
            )
            return handler

        return register


def path_id(request: web.Request, name: str) -> int:
    """A positive 64-bit id from the path; anything else cannot exist, so it raises NotFound."""
    raw = request.match_info[name]
    if not (raw.isascii() and raw.isdigit() and len(raw) <= len(str(MAX_ID)) and 0 < int(raw) <= MAX_ID):
        raise NotFound
    return int(raw)


def path_uuid(request: web.Request, name: str) -> UUID:
    """A UUID from the path; anything else cannot exist, so it raises NotFound."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound from None


def _token(request: web.Request) -> str:
    """What is sent as a Bearer token: an access token or an API key, to be looked into."""
    header = request.headers.get("Authorization")
    if header is None:
        raise NotAuthenticated
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        raise NotAuthenticated
    return token.strip()


async def _authenticate(request: web.Request, token: str, access: Access) -> Session:
    session = await request.app[SESSIONS].of(token)
    if access is Access.ADMIN:
        # The role in the token is up to half an hour old; an administrator's power ends with the demotion or logout.
        async with request.app[DATABASE].connection() as conn:
            role = await accounts.find_role(conn, session_id=session.claims.session_id, user_id=session.user_id)
        _demand_admin(role)
    return session


def _demand_admin(role: str | None) -> None:
    if role is None:
        raise InvalidToken
    if role != "admin":
        raise Forbidden


def _unasked(query: Schema) -> Mapping[str, Any] | None:
    """What a schema makes of an empty query; None where that is no plain mapping, or may differ from time to time."""
    if any(field.required or callable(field.load_default) for field in query.fields.values()):
        return None
    made = query.load({})
    return made if type(made) is dict else None
