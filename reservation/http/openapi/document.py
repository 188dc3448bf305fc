"""The OpenAPI 3.1 document, generated from the operations and the schemas that validate their input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from apispec import APISpec

from ...errors import Json
from ...runtime.fields import MAX_ID
from ..input.bodies import FORM, SMALL_BYTES
from ..read_sources import Source, sends_write_position, source_of
from ..routes import VERSION_PREFIX, Access, Operation, Routes
from .events import event_schemas, stream_schema
from .examples import with_examples
from .headers import (
    ADMISSION_TOKEN,
    COMMON_HEADERS,
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    LAST_EVENT_ID,
    REQUEST_ID,
    WRITTEN,
)
from .links import links
from .problems import (
    component_name,
    header_references,
    problem_response,
    problem_schemas,
    problem_types,
    union_schema,
)
from .schemas import Plugin
from .webhooks import add_webhooks

OPENAPI = "3.1.0"
BEARER = "bearerAuth"
API_KEY = "ApiKey"
UNVERSIONED = {"url": "/", "description": "Every operation"}
PASSWORD = "passwordLogin"  # an access token, obtained with OAuth's password form

DESCRIPTION = """
Cinema seats: hold them for some minutes, then confirm or cancel. No seat is ever sold twice.

- **Versions**: every path but those for operators is also served under `{version_prefix}`, with the same answers, whose
  `Location` and `Link` are then under `{version_prefix}` as well. Incompatible changes get a new prefix.
- **JSON** in UTF-8, at most {small_body_bytes} bytes a body, and {max_body_bytes} for operations of staff and
  administrators. Unknown fields and unknown query parameters are refused with 422. An operation without a request body
  takes an empty body, `{{}}` or `null`, and refuses any other with 422.
- **Times** are RFC 3339 with an offset; in responses they are in UTC.
- **Money** is in {currency}: a string with two decimal places in responses, a decimal string or a number in requests.
- **Ids** are positive 64-bit integers; ids of reservations are UUIDs.
- **Lists** are paginated: send `limit`, then `cursor` with the `next_cursor` of the page before, or follow the `Link`
  header.
- **Errors** are problem details (RFC 9457), `application/problem+json`, with a stable `code`.
- **X-Request-ID** is taken from the request if it is valid, else generated; it is in the response and in the log.
- **Reservation-Written**: where the service has read replicas, the response to a write has this header. Send its last
  value with later reads, and they have what you wrote. Signed in and without it, you read from the primary. Seat maps
  and reservations are never old, and writes about them do not have it.
- **Idempotency**: a hold, confirm, cancel or exchange, and a request that adds or removes seats, is carried out once if
  it has an `Idempotency-Key`. The same request within a day, with the same key and body, gets the first response again,
  with `Idempotent-Replayed: true`. Responses that may be temporary (409, 429, 5xx) are not stored.
- **ETags** identify a version of a resource. With `If-None-Match`, a `GET` is answered with 304 while the version is
  current; with `If-Match`, a `PUT` or `DELETE` is answered with 412 if it no longer is.
- **Authentication**: send the access token of `POST /auth/login` as `Authorization: Bearer ...`.
- **Machine clients** send an API key instead, which an administrator creates: `Authorization: Bearer rsv_...`. Each
  operation lists the scopes of which the key needs one. A key acts for an account, and has at most its rights.
"""

TAGS = {
    "Accounts": "Sign up, log in, log out; or book as a guest.",
    "Catalogue": "Cinemas, movies and showtimes; public.",
    "Configuration": "Settings of the installation; public.",
    "Seat map": "Which seats are available, held, booked or blocked; public.",
    "Booking": "Hold seats, then confirm, change or cancel; your own reservations, and for staff everybody's.",
    "Waiting room": "Wait for the sale of a showtime that has a waiting room.",
    "Tickets": "The tickets of a reservation; and the keys that verify them, public.",
    "Door": "Check tickets in, for staff, administrators and scanners.",
    "Payment": "Pay for a hold, and see what was paid and refunded; the webhook of the payment provider.",
    "Box office": "Reservations of all customers, for staff and administrators.",
    "Administration: cinemas": "Cinemas, for administrators.",
    "Administration: ticket types": "Ticket types, for administrators.",
    "Administration: movies": "Movies, for administrators.",
    "Administration: auditoriums": "Auditoriums and their seats, for administrators.",
    "Administration: showtimes": "Showtimes, for administrators.",
    "Administration: users": "Accounts and their roles, for administrators.",
    "Administration: change log": "What staff and administrators have changed.",
    "Administration: API keys": "API keys of machine clients, for administrators.",
    "Changes": "What happened, as a feed of events, for administrators and machine clients.",
    "Administration: webhooks": "URLs to which events are sent, for administrators.",
    "Administration: deliveries": "What was sent to webhooks, and mails and events that were given up.",
    "Reports": "Sales and occupancy, for administrators; JSON, or CSV with `Accept: text/csv`.",
    "Operations": "Health, readiness and metrics, for operators.",
}


SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token"},
    API_KEY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rsv_...",
        "description": "An API key with this scope",
    },
    PASSWORD: {
        "type": "oauth2",
        "description": "E-mail address and password, for an access token",
        "flows": {"password": {"tokenUrl": "/auth/login", "scopes": {}}},
    },
}


def document(tables: Sequence[Routes], *, version: str, currency: str, max_body_bytes: int) -> dict[str, Json]:
    """The OpenAPI document of these operations."""
    operations = [operation for table in tables for operation in table.operations]
    spec = APISpec(
        title="Movie reservation service",
        version=version,
        openapi_version=OPENAPI,
        plugins=[Plugin()],
        info={
            "description": DESCRIPTION.format(
                currency=currency,
                small_body_bytes=min(SMALL_BYTES, max_body_bytes),
                max_body_bytes=max_body_bytes,
                version_prefix=VERSION_PREFIX,
            ).strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        servers=[UNVERSIONED, {"url": VERSION_PREFIX, "description": "The same, by the prefix of this version"}],
        tags=[{"name": tag, "description": TAGS.get(tag, tag)} for tag in _ordered({table.tag for table in tables})],
    )
    named = dict(zip(_operation_ids(operations), operations, strict=True))
    _add_components(spec, named)
    for operation_id, operation in named.items():
        described = _operation(operation, operation_id)
        for name, schema in event_schemas(operation_id, operation.events).items():
            spec.components.schema(name, schema)
        if not operation.table.is_versioned:
            described["servers"] = [UNVERSIONED]
        if found := links(operation, named):
            described["responses"][str(operation.status)]["links"] = found
        spec.path(operation.path, operations={operation.method.lower(): described})
    add_webhooks(spec)
    return with_examples(spec.to_dict(), datetime.now(UTC).date())


def _ordered(tags: set[str]) -> list[str]:
    """Tags in the order of TAGS, others at the end."""
    return [*(tag for tag in TAGS if tag in tags), *sorted(tags - TAGS.keys())]


def _add_components(spec: APISpec, named: Mapping[str, Operation]) -> None:
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    problems = {
        component_name(operation_id, same_status): same_status
        for operation_id, operation in named.items()
        for same_status in problem_types(operation).values()
    }
    for name, same_status in problems.items():
        spec.components.response(name, problem_response(name, same_status))
        if len(same_status) > 1:
            spec.components.schema(name, union_schema(same_status))
    by_code = {problem.code: problem for same_status in problems.values() for problem in same_status}
    for _, problem in sorted(by_code.items()):
        for name, schema in problem_schemas(problem).items():
            if name not in spec.components.schemas:
                spec.components.schema(name, schema)


def _operation_ids(operations: Sequence[Operation]) -> Iterator[str]:
    """The handlers' names; a handler of two paths gets the first part of its second path as a prefix."""
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
        "tags": [operation.table.tag],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {str(operation.status): _success(operation, operation_id, operation.status)},
    }
    if operation.may_be_made_before:
        described["responses"]["200"] = _success(operation, operation_id, HTTPStatus.OK)
    if more := cleandoc(operation.description).partition("\n")[2].strip():
        described["description"] = more
    parameters: list[dict[str, Any]] = [*_path_parameters(operation.path)]
    if operation.query is not None:
        parameters.append({"in": "query", "schema": operation.query})  # apispec makes it one for each field
    if operation.is_conditional:
        parameters.append(IF_MATCH)
    if operation.etag and operation.method == "GET":
        parameters.append(IF_NONE_MATCH)
        headers = header_references(COMMON_HEADERS | {"ETag": "ETag"})
        described["responses"]["304"] = {"description": "Not changed since If-None-Match", "headers": headers}
    if operation.replay is not None:
        parameters.append(IDEMPOTENCY_KEY)
    if operation.needs_admission:
        parameters.append(ADMISSION_TOKEN)
    if operation.events:
        parameters.append(LAST_EVENT_ID)
    if source_of(operation) is Source.REPLICA:
        parameters.append(WRITTEN)
    described["parameters"] = [*parameters, REQUEST_ID]
    if operation.body is not None:
        content: dict[str, Any] = {"application/json": {"schema": operation.body}}
        if operation.form is not None:
            content[FORM] = {"schema": operation.form}
        described["requestBody"] = {"required": not operation.may_lack_body, "content": content}
    for status, same_status in problem_types(operation).items():
        described["responses"][str(status)] = component_name(operation_id, same_status)  # apispec makes it a reference
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """The alternatives: an access token, or an API key with one of the scopes."""
    if operation.access is Access.PUBLIC:
        return []
    return [{BEARER: []}, {PASSWORD: []}, *({API_KEY: [scope.value]} for scope in operation.scopes)]


def _success(operation: Operation, operation_id: str, status: int) -> dict[str, Any]:
    names = dict(COMMON_HEADERS)
    if status == HTTPStatus.CREATED:
        names["Location"] = "Location"
    if operation.output is not None and "next_cursor" in operation.output.fields:
        names["Link"] = "Link"
    if operation.etag and operation.output is not None:
        names["ETag"] = "ETag"
    if operation.replay is not None:
        names["Idempotent-Replayed"] = "Replayed"
    if sends_write_position(operation):
        names["Reservation-Written"] = "Written"
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": header_references(names)}
    if operation.output is not None:
        either = {"oneOf": [operation.output, operation.other_output]}
        response["content"] = {
            operation.content_type: {"schema": either if operation.other_output else operation.output}
        }
        if operation.has_csv:
            response["content"]["text/csv"] = {"schema": {"type": "string"}}
    elif operation.content_type != "application/json":
        schema = stream_schema(operation_id) if operation.events else {"type": "string"}
        response["content"] = {operation.content_type: {"schema": schema}}
    return response


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)", path):
        resource = name.removesuffix("_id").replace("_", " ")
        schema: dict[str, Any] = {"type": "string"}
        if name in ("reservation_id", "session_id", "ticket_id"):
            schema = {"type": "string", "format": "uuid"}
        elif name.endswith("_id"):
            schema = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
        yield {"name": name, "in": "path", "required": True, "description": f"Id of the {resource}", "schema": schema}
