"""Tables of operations: what each takes, answers and raises. The same declaration validates and documents."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web
from marshmallow import Schema

from ..booking.idempotency import FirstOutcome
from ..errors import DomainError
from ..identity.api_key_format import Scope
from .output.responses import SingleWriteResponse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Makes the first response to a request again, from its reservation as it is now.
Replay = Callable[[FirstOutcome], SingleWriteResponse]


class Access(Enum):
    """Who may call an operation."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    ADMIN = "admin"


# Scopes of API keys; a key needs one of them.
CATALOGUE = (Scope.CATALOGUE,)
CATALOGUE_OR_REPORTS = (Scope.CATALOGUE, Scope.REPORTS)
BOOKING = (Scope.BOOKING,)
BOOKING_OR_REPORTS = (Scope.BOOKING, Scope.REPORTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, for `dispatch` and for the OpenAPI document."""

    method: str
    path: str  # in OpenAPI's form: {name}
    route: str  # in aiohttp's form: {name} or {name:pattern}
    tag: str
    handler: Handler
    access: Access
    scopes: tuple[Scope, ...]
    body: Schema | None
    form: Schema | None
    query: Schema | None
    status: int
    output: Schema | None
    content_type: str
    raises: tuple[type[DomainError], ...]
    etag: bool
    replay: Replay | None

    @property
    def is_back_office(self) -> bool:
        """Whether it is administration or a list: few of these run at once for API keys, so that sales need not wait.

        The operation costs, not the caller, so the API key's scopes make no difference.
        """
        return self.access is Access.ADMIN or (self.query is not None and "cursor" in self.query.fields)

    @property
    def is_conditional(self) -> bool:
        """Whether it is a write that If-Match can make conditional."""
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
    """A table of operations under one tag, filled by decorators.

    API keys need one of `read_scopes` for GET and one of `write_scopes` for other methods; without scopes, only people
    who are signed in may call.
    """

    def __init__(self, tag: str, *, read_scopes: tuple[Scope, ...] = (), write_scopes: tuple[Scope, ...] = ()) -> None:
        self.tag = tag
        self._read_scopes, self._write_scopes = read_scopes, write_scopes
        self.operations: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        access: Access = Access.PUBLIC,
        body: Schema | None = None,
        form: Schema | None = None,
        query: Schema | None = None,
        status: int = 200,
        output: Schema | None = None,
        content_type: str = "application/json",
        raises: tuple[type[DomainError], ...] = (),
        etag: bool = False,
        replay: Replay | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler.

        `form` is what an HTML form may send in place of the JSON body; `raises` are the domain errors beyond those that
        follow from the other arguments. With `etag` the response has an ETag, If-None-Match can make a GET a 304, and
        If-Match can make a PUT or DELETE a 412. With `replay` the operation takes an Idempotency-Key.
        """
        scopes = self._read_scopes if method == "GET" else self._write_scopes

        def register(handler: Handler) -> Handler:
            self.operations.append(
                Operation(
                    method=method,
                    path=re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path),
                    route=path,
                    tag=self.tag,
                    handler=handler,
                    access=access,
                    scopes=() if access is Access.PUBLIC else scopes,
                    body=body,
                    form=form,
                    query=query,
                    status=status,
                    output=output,
                    content_type=content_type,
                    raises=raises,
                    etag=etag,
                    replay=replay,
                )
            )
            return handler

        return register
