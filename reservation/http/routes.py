"""Tables of operations: what each takes, answers and raises. The same declaration validates and documents."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, partial
from typing import Any

from aiohttp import web
from marshmallow import Schema

from ..booking.idempotency import FirstOutcome
from ..errors import DomainError, Json
from ..identity.api_key_format import Scope
from .output.responses import SingleWriteResponse

FastLoad = Callable[[Json], dict[str, Any] | None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[web.Request], Awaitable[None]]
# Makes the first response to a request again, from its reservation as it is now.
Replay = Callable[[web.Request, FirstOutcome], Awaitable[SingleWriteResponse]]


class Access(Enum):
    """Who may call an operation."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    STAFF = "staff"
    ADMIN = "admin"

    @property
    def roles(self) -> frozenset[str]:
        """The roles of which the caller needs one; empty if none is needed."""
        return _ROLES.get(self, frozenset())


STAFF_ROLES = frozenset({"staff", "admin"})
_ROLES = {Access.STAFF: STAFF_ROLES, Access.ADMIN: frozenset({"admin"})}


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of Server-Sent Event: what it tells, and its data, an empty object if there is no schema."""

    meaning: str
    data: Schema | None = None


# Of the operations by which people sign in, and see to their own account.
ACCOUNTS_TAG = "Accounts"

# Operations are served at their path, and at this followed by their path.
VERSION_PREFIX = "/v1"

# Scopes of API keys; a key needs one of them.
CATALOGUE = (Scope.CATALOGUE,)
REPORTS = (Scope.REPORTS,)
CATALOGUE_OR_REPORTS = (Scope.CATALOGUE, Scope.REPORTS)
BOOKING = (Scope.BOOKING,)
BOOKING_OR_REPORTS = (Scope.BOOKING, Scope.REPORTS)
CHECK_IN = (Scope.CHECK_IN,)
CHECK_IN_OR_REPORTS = (Scope.CHECK_IN, Scope.REPORTS)


@dataclass(eq=False)
class Operation:
    """One method of one path, for `dispatch` and for the OpenAPI document; it decorates its handler."""

    table: "Routes"
    method: str
    route: str  # the path in aiohttp's form: {name} or {name:pattern}
    access: Access = Access.PUBLIC
    body: Schema | None = None
    most_body_bytes: int | None = None  # of the body, where its access does not say how large it may be
    check_body: Check | None = None  # raises the error of a request before its body is parsed
    may_lack_body: bool = False  # an empty body and `null` are then `{}`
    fast_load: FastLoad | None = None  # loads some bodies as `body` does, without marshmallow; None for the others
    form: Schema | None = None  # what an HTML form may send in place of the JSON body
    query: Schema | None = None
    status: int = 200
    may_be_made_before: bool = False  # what a POST makes may be there already: 200 in place of 201
    output: Schema | None = None
    other_output: Schema | None = None  # what some query parameters give in place of it
    content_type: str = "application/json"
    has_csv: bool = False  # whether `Accept: text/csv` gives its items as CSV
    events: Mapping[str, Event] = field(default_factory=dict)  # of a stream of Server-Sent Events, by name
    raises: tuple[type[DomainError], ...] = ()  # the domain errors beyond those that follow from the other fields
    etag: bool = False  # the response has one; If-None-Match can make a GET a 304, and If-Match a PUT or DELETE a 412
    replay: Replay | None = None  # takes an Idempotency-Key, and answers a repetition with this
    needs_admission: bool = False  # takes an Admission-Token, where a showtime has a waiting room
    handler: Handler = field(init=False)

    def __call__(self, handler: Handler) -> Handler:
        """Register the handler."""
        self.handler = handler
        self.table.operations.append(self)
        return handler

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of which an API key needs one; without any, only people who are signed in may call."""
        if self.access is Access.PUBLIC:
            return ()
        return self.table.read_scopes if self.method == "GET" else self.table.write_scopes

    @property
    def path(self) -> str:
        """The path in OpenAPI's form: {name}."""
        return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", self.route)

    @property
    def is_back_office(self) -> bool:
        """Whether it is administration or a list: few of these run at once for API keys, so that sales need not wait.

        The operation costs, not the caller, so the API key's scopes make no difference. A check-in costs little, and at
        a door several scanners send many.
        """
        return (bool(self.access.roles) and self.scopes != CHECK_IN) or (
            self.query is not None and "cursor" in self.query.fields
        )

    @property
    def may_need_totp(self) -> bool:
        """Whether administrators need a second factor for it, where ADMIN_TOTP says so: not for their own account.

        An operation that needs no role may do more for an administrator than for others.
        """
        return bool(self.access.roles) or (self.access is Access.SIGNED_IN and self.table.tag != ACCOUNTS_TAG)

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
    """A table of operations under one tag; `add` makes an operation, with the table's access if it gives none.

    API keys need one of `read_scopes` for GET and one of `write_scopes` for other methods. Without `is_versioned`, the
    operations are not served under VERSION_PREFIX.
    """

    def __init__(
        self,
        tag: str,
        access: Access = Access.PUBLIC,
        *,
        read_scopes: tuple[Scope, ...] = (),
        write_scopes: tuple[Scope, ...] = (),
        is_versioned: bool = True,
    ) -> None:
        self.tag, self.read_scopes, self.write_scopes = tag, read_scopes, write_scopes
        self.is_versioned = is_versioned
        self.operations: list[Operation] = []
        self.add = partial(Operation, self, access=access)
