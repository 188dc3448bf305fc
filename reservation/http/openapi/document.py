"""The OpenAPI 3.1 document, made of the operations and the very schemas that validate them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from apispec import APISpec

from ...errors import Json
from ...runtime.fields import MAX_ID
from ..forms import FORM
from ..preconditions import TAGS as TAGS_SENT
from ..routes import Access, Operation, Routes
from .links import links
from .problem_schemas import schemas
from .problems import component_name, refusals, response
from .schemas import Plugin

OPENAPI = "3.1.0"
BEARER = "bearerAuth"
API_KEY = "ApiKey"
EVENTS = "text/event-stream"
PASSWORD = "passwordLogin"  # the same token, by way of the form that OAuth clients send

DESCRIPTION = """
Seats of a cinema, held for some minutes and then confirmed or given up; no seat is ever sold twice.

- **JSON** in UTF-8, up to {max_body_bytes} bytes a body. Unknown fields are refused.
- **Times** are RFC 3339 with an offset; answers are in UTC.
- **Money** is in {currency}: a string with two decimal places in answers, a decimal string or a number in requests.
- **Ids** are positive 64-bit integers; those of reservations are UUIDs.
- **Lists** come a page at a time: `limit`, then `cursor` with the `next_cursor` of the page before, or follow the
  `Link` header.
- **Failures** are problem details (RFC 9457), `application/problem+json`, with a `code` that programs can rely on.
- **X-Request-ID** is taken from the request where it is sane, else made, and stands in the answer and in the log.
- **Repeating**: a hold, confirm or cancel with an `Idempotency-Key` is carried out once; sent again within a day, with
  the same body, it gets the first answer, marked `Idempotent-Replayed: true`. Failures that may pass (409, 429, 5xx)
  are not kept.
- **ETags** name a version of a thing. Send one as `If-None-Match` with a `GET`, and the answer is 304 while nothing has
  changed; as `If-Match` with a `PUT` or `DELETE`, and the answer is 412 if anything has.
- **Signing in**: send the access token of `POST /auth/login` as `Authorization: Bearer ...`.
- **Machine clients** send an API key there, which an administrator has made: `Authorization: Bearer rsv_...`. Each
  operation names the scopes that let a key in; one of them will do. A key acts for its account, and can do at most what
  that account may.
"""

TAGS = {
    "Accounts": "Signing up, in and out.",
    "Catalogue": "What is on: films and showtimes, for everybody.",
    "Seat map": "What can be had, what is held and what is booked.",
    "Booking": "Hold seats, then confirm or cancel: your own reservations.",
    "Administration: movies": "The films, for administrators.",
    "Administration: auditoriums": "The auditoriums and their seats, for administrators.",
    "Administration: showtimes": "The programme, for administrators.",
    "Administration: users": "Who may do what, for administrators.",
    "Administration: API keys": "The keys of machine clients, for administrators.",
    "Operations": "For those who run the service.",
}

HEADERS: dict[str, dict[str, Any]] = {
    "RequestId": {"description": "The id of the request, as given or as made", "schema": {"type": "string"}},
    "ServerTiming": {"description": "Where the time went", "schema": {"type": "string"}},
    "Location": {"description": "Where the new thing is", "schema": {"type": "string", "format": "uri-reference"}},
    "ETag": {"description": "A strong validator, for If-None-Match and If-Match", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, if there is one: `<...>; rel="next"`', "schema": {"type": "string"}},
    "Authenticate": {"description": "The Bearer challenge (RFC 6750)", "schema": {"type": "string"}},
    "Replayed": {
        "description": "true: the first answer to a request with this Idempotency-Key",
        "schema": {"type": "string", "const": "true"},
    },
    "RateLimit": {"description": "The limit that was met: 0 left for `t` seconds", "schema": {"type": "string"}},
    "RateLimitPolicy": {"description": "That limit: `q` attempts in `w` seconds", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds until a retry makes sense", "schema": {"type": "integer"}},
}

REQUEST_ID: dict[str, Any] = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "An id of your own, up to 128 letters, digits and `._:/+=@-`; any other is replaced by a new one",
    "schema": {"type": "string"},
}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A key of your own for this request; sent again within a day, it gets the first answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags that the client has; 304 if one is still current",
    "schema": {"type": "string"},
}

IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "description": "ETags of what the client has seen; 412 if none is current. Strong ones only; `*` is any version",
    "schema": {"type": "string", "format": "etags", "pattern": rf"^(\*|{TAGS_SENT})$"},
    "example": '"5d41402abc4b2a76b9719d911017c592"',
}

LAST_EVENT_ID: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The version that the client has; sent by itself when an EventSource connects again",
    "schema": {"type": "string"},
}


def document(tables: Sequence[Routes], *, version: str, currency: str, max_body_bytes: int) -> dict[str, Json]:
    """The OpenAPI document of these operations, ready for encoding."""
    operations = [operation for table in tables for operation in table.operations]
    spec = APISpec(
        title="Movie reservation service",
        version=version,
        openapi_version=OPENAPI,
        plugins=[Plugin()],
        info={
            "description": DESCRIPTION.format(currency=currency, max_body_bytes=max_body_bytes).strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        servers=[{"url": "/"}],
        tags=[{"name": tag, "description": TAGS.get(tag, tag)} for tag in dict.fromkeys(table.tag for table in tables)],
    )
    _add_components(spec, operations)
    named = dict(zip(_operation_ids(operations), operations, strict=True))
    for operation_id, operation in named.items():
        described = _operation(operation, operation_id)
        if leads_to := links(operation, named):
            described["responses"][str(operation.status)]["links"] = leads_to
        spec.path(operation.path, operations={operation.method.lower(): described})
    made: dict[str, Json] = spec.to_dict()
    return made


def _add_components(spec: APISpec, operations: Sequence[Operation]) -> None:
    spec.components.security_scheme(
        BEARER,
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token"},
    )
    spec.components.security_scheme(
        API_KEY,
        {"type": "http", "scheme": "bearer", "bearerFormat": "rsv_...", "description": "An API key with this scope"},
    )
    spec.components.security_scheme(
        PASSWORD,
        {
            "type": "oauth2",
            "description": "E-mail address and password, for an access token",
            "flows": {"password": {"tokenUrl": "/auth/login", "scopes": {}}},
        },
    )
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    shared = {component_name(same): same for operation in operations for same in refusals(operation).values()}
    for name, same_status in shared.items():
        spec.components.response(name, response(same_status))
    codes = {refusal.code: refusal for same_status in shared.values() for refusal in same_status}
    parts = [schemas(refusal.status, code, refusal.meaning) for code, refusal in sorted(codes.items())]
    for name, made in {name: made for part in parts for name, made in part.items()}.items():
        spec.components.schema(name, made)


def _operation_ids(operations: Sequence[Operation]) -> Iterator[str]:
    """The handlers' names; a handler that also serves an administrator's path has two."""
    taken: set[str] = set()
    for operation in operations:
        name = operation.handler.__name__
        if name in taken:
            name = f"{operation.path.split('/')[1]}_{name}"
        taken.add(name)
        yield name


def _operation(operation: Operation, operation_id: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {str(operation.status): _success(operation)},
    }
    if more := cleandoc(operation.description).partition("\n")[2].strip():
        described["description"] = more
    parameters: list[dict[str, Any]] = [*_path_parameters(operation.path)]
    if operation.query is not None:
        parameters.append({"in": "query", "schema": operation.query})  # apispec makes it one for each field
    if operation.is_conditional:
        parameters.append(IF_MATCH)
    if operation.etag and operation.method == "GET":
        parameters.append(IF_NONE_MATCH)
        described["responses"]["304"] = _unchanged()
    if operation.replay is not None:
        parameters.append(IDEMPOTENCY_KEY)
    if operation.answer_type == EVENTS:
        parameters.append(LAST_EVENT_ID)
    described["parameters"] = [*parameters, REQUEST_ID]
    if operation.body is not None:
        content: dict[str, Any] = {"application/json": {"schema": operation.body}}
        if operation.form is not None:
            content[FORM] = {"schema": operation.form}
        described["requestBody"] = {"required": True, "content": content}
    for status, same_status in refusals(operation).items():
        described["responses"][str(status)] = component_name(same_status)  # apispec makes it a reference
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Each way in by itself: an access token, or an API key with one of the scopes."""
    if operation.access is Access.PUBLIC:
        return []
    return [{BEARER: []}, {PASSWORD: []}, *({API_KEY: [scope.value]} for scope in operation.scopes)]


def _success(operation: Operation) -> dict[str, Any]:
    names = {"X-Request-ID": "RequestId", "Server-Timing": "ServerTiming"}
    if operation.status == HTTPStatus.CREATED:
        names["Location"] = "Location"
    if operation.answer is not None and "next_cursor" in operation.answer.fields:
        names["Link"] = "Link"
    if operation.etag and operation.answer is not None:
        names["ETag"] = "ETag"
    if operation.replay is not None:
        names["Idempotent-Replayed"] = "Replayed"
    made: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase, "headers": _headers(names)}
    if operation.answer is not None:
        made["content"] = {operation.answer_type: {"schema": operation.answer}}
    elif operation.answer_type != "application/json":
        # A stream is described as a whole: each event of it is no string.
        schema = {"description": "Events"} if operation.answer_type == EVENTS else {"type": "string"}
        made["content"] = {operation.answer_type: {"schema": schema}}
    return made


def _unchanged() -> dict[str, Any]:
    names = {"X-Request-ID": "RequestId", "Server-Timing": "ServerTiming", "ETag": "ETag"}
    return {"description": "Not changed since If-None-Match", "headers": _headers(names)}


def _headers(names: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{component}"} for name, component in names.items()}


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)", path):
        of = name.removesuffix("_id").replace("_", " ")
        schema: dict[str, Any] = {"type": "string"}
        if name == "reservation_id":
            schema = {"type": "string", "format": "uuid"}
        elif name.endswith("_id"):
            schema = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
        yield {"name": name, "in": "path", "required": True, "description": f"Id of the {of}", "schema": schema}
