"""Routes that say what they take, answer and refuse: the same words validate and document."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from aiohttp import web
from marshmallow import Schema
from uuid_utils.compat import uuid7

from ..errors import DomainError, Forbidden, Invalid, InvalidToken, NotAuthenticated, NotFound
from ..repository import accounts
from ..sessions import Session
from .bodies import body_of, load
from .compiled import Quick, compile_schema
from .fields import MAX_ID
from .idempotency import HEADER, Replay, carry_out_once
from .keys import BODY, DATABASE, QUERY, SESSIONS, USER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """Who may call."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the router and the OpenAPI document need it."""

    method: str
    path: str
    tag: str
    handler: Handler
    access: Access
    body: Schema | None
    query: Schema | None
    status: int
    answer: Schema | None
    answer_type: str
    raises: tuple[type[DomainError], ...]
    etag: bool
    replay: Replay | None
    quick: Quick | None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Let the caller in, validate what was sent, and run the handler."""
        if self.access is not Access.PUBLIC:
            request[USER] = await _authenticate(request, self.access)
        if self.query is not None:
            request[QUERY] = load(self.query, _query(request))
        if self.body is not None:
            request[BODY] = await body_of(request, self.body, self.quick)
        if self.replay is not None and HEADER in request.headers:
            named = "reservation_id" in request.match_info
            reservation_id = path_uuid(request, "reservation_id") if named else uuid7()
            return await carry_out_once(request, self.handler, self.replay, reservation_id)
        return await self.handler(request)

    @property
    def is_conditional(self) -> bool:
        """Whether it writes only to what the caller has seen, if the caller says so with If-Match."""
        return self.etag and self.method in ("PUT", "DELETE")

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return self.description.partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The handler's docstring."""
        return (self.handler.__doc__ or "").strip()


class Routes:
    """A table of operations under one tag, filled by decorators."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def __iter__(self) -> Iterator[web.RouteDef]:
        for operation in self.operations:
            if operation.method == "GET":
                yield web.get(operation.path, operation.serve, allow_head=True)
            else:
                yield web.route(operation.method, operation.path, operation.serve)

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
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        `raises` names the domain errors beyond those that follow from the rest; `etag` says that what is answered has
        an ETag: If-None-Match can make a GET a 304, and If-Match a PUT or DELETE a 412; `replay` tells the answer again
        to who repeats a request under an Idempotency-Key.
        """

        def register(handler: Handler) -> Handler:
            quick = None if body is None else compile_schema(body)
            self.operations.append(
                Operation(
                    method,
                    path,
                    self.tag,
                    handler,
                    access,
                    body,
                    query,
                    status,
                    answer,
                    answer_type,
                    raises,
                    etag,
                    replay,
                    quick,
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


async def _authenticate(request: web.Request, access: Access) -> Session:
    header = request.headers.get("Authorization")
    if header is None:
        raise NotAuthenticated
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        raise NotAuthenticated
    session = await request.app[SESSIONS].of(token.strip())
    if access is Access.ADMIN:
        # The role in the token is up to half an hour old; an administrator's power ends with the demotion or logout.
        async with request.app[DATABASE].connection() as conn:
            role = await accounts.find_role(conn, session_id=session.claims.session_id, user_id=session.user_id)
        if role is None:
            raise InvalidToken
        if role != "admin":
            raise Forbidden
    return session


def _query(request: web.Request) -> dict[str, Any]:
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Invalid(f"/{name}", "Must be given once.")
    return dict(request.query)
