"""How an operation can fail, for the OpenAPI document: what follows from its shape, and what it says it raises."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from ...errors import (
    DatabaseUnavailable,
    DomainError,
    Forbidden,
    HoldsUnavailable,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    InsufficientScope,
    Invalid,
    InvalidToken,
    NotAuthenticated,
    NotFound,
    Overloaded,
    PreconditionFailed,
    TooManyAttempts,
    TooManyRequests,
)
from ..problems import CONTENT_TYPE, DOMAIN, OAUTH_ERROR, PROTOCOL
from ..routes import Access, Operation
from .problem_schemas import schema_name

INVALID_JSON = (400, "invalid_json", "The body is not JSON in UTF-8, is nested too deep, or has NUL characters.")
INVALID_FORM = (400, "invalid_form", "The form is not well-formed, not in UTF-8, or has too many fields.")

FAILED_ALONE = {
    "code": "showtime_overlap",
    "detail": "Showtime 4 has the auditorium at that time.",
    "conflicting_showtime_id": 4,
}
# What stands beside the standard members, to show in the examples.
MEMBERS: dict[str, dict[str, Any]] = {
    "validation_error": {"errors": [{"pointer": "/seat_ids/0", "detail": "Not a valid integer."}]},
    "invalid_credentials": {"error": OAUTH_ERROR},
    "seats_unavailable": {"seats": [{"seat_id": 17, "reason": "held"}]},
    "insufficient_scope": {"scopes": ["booking"]},
    "showtime_overlap": {"conflicting_showtime_id": 4},
    "batch_refused": {"results": [{"index": 2, "status": "failed", "error": FAILED_ALONE}]},
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to fail: a status, the code of the problem, and what it means."""

    status: int
    code: str
    meaning: str


def refusals(operation: Operation) -> dict[int, list[Refusal]]:
    """Every way an operation can fail, by status in ascending order."""
    found: dict[int, list[Refusal]] = {}
    for refusal in sorted(set(_follow(operation)), key=lambda refusal: (refusal.status, refusal.code)):
        found.setdefault(refusal.status, []).append(refusal)
    return found


def every_refusal() -> list[Refusal]:
    """Every way the service can fail, one a code, by status."""
    found = {
        refusal.code: refusal for refusal in [*map(_protocol, PROTOCOL), Refusal(*INVALID_JSON), Refusal(*INVALID_FORM)]
    }
    found |= {refusal.code: refusal for refusal in map(_domain, DOMAIN)}
    return sorted(found.values(), key=lambda refusal: (refusal.status, refusal.code))


def response(same_status: list[Refusal]) -> dict[str, Any]:
    """The response object of the refusals that share a status."""
    status = same_status[0].status
    headers = {"X-Request-ID": "RequestId"}
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        headers["WWW-Authenticate"] = "Authenticate"
    passing = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    if passing or any(refusal.code == DOMAIN[IdempotencyInFlight][1] for refusal in same_status):
        headers["Retry-After"] = "RetryAfter"
    if any(refusal.code == DOMAIN[TooManyAttempts][1] for refusal in same_status):
        headers |= {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    return {
        "description": "\n\n".join(f"`{refusal.code}`: {refusal.meaning}" for refusal in same_status),
        "headers": {name: {"$ref": f"#/components/headers/{component}"} for name, component in headers.items()},
        "content": {
            CONTENT_TYPE: {
                "schema": _one_of([refusal.code for refusal in same_status]),
                "examples": {refusal.code: {"value": _example(refusal)} for refusal in same_status},
            }
        },
    }


def _one_of(codes: list[str]) -> dict[str, Any]:
    """The schema of one of these problems; their code tells which."""
    schemas = {code: f"#/components/schemas/{schema_name(code)}" for code in codes}
    if len(codes) == 1:
        return {"$ref": schemas[codes[0]]}
    return {
        "oneOf": [{"$ref": reference} for reference in schemas.values()],
        "discriminator": {"propertyName": "code", "mapping": schemas},
    }


def component_name(same_status: list[Refusal]) -> str:
    """Responses with the same codes are one component, named after them."""
    return "_".join([f"Problem{same_status[0].status}", *(refusal.code for refusal in same_status)])


def _follow(operation: Operation) -> Iterator[Refusal]:
    # Each refuses unknown parameters, and a body that it has no use for.
    yield from map(_protocol, (400, 413, 415, 500))
    yield Refusal(*INVALID_JSON)
    yield _domain(Invalid)
    if operation.access is not Access.PUBLIC:
        yield from map(_domain, (NotAuthenticated, InvalidToken, InsufficientScope))
    if operation.access is Access.ADMIN:
        yield _domain(Forbidden)
    if operation.scopes:
        yield _domain(TooManyRequests)
    if "{" in operation.path:
        yield _domain(NotFound)
    if operation.is_conditional:
        yield _domain(PreconditionFailed)
    if operation.form is not None:
        yield Refusal(*INVALID_FORM)
    if _asks_the_stores(operation):
        yield from map(_domain, (DatabaseUnavailable, HoldsUnavailable, Overloaded))
    if operation.replay is not None:
        yield from map(_domain, (IdempotencyInFlight, IdempotencyKeyReused))
    yield from map(_domain, operation.raises)


def _asks_the_stores(operation: Operation) -> bool:
    """Without anybody signed in and without any input there is nothing to look up, unless `raises` says so."""
    given = "{" in operation.path or operation.body is not None or operation.query is not None
    return given or operation.access is not Access.PUBLIC


def _domain(error: type[DomainError]) -> Refusal:
    status, code = DOMAIN[error]
    return Refusal(status, code, cleandoc(error.__doc__ or ""))


def _protocol(status: int) -> Refusal:
    code, meaning = PROTOCOL[status]
    return Refusal(status, code, meaning)


def _example(refusal: Refusal) -> dict[str, Any]:
    return {
        "type": f"/docs#{refusal.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.meaning,
        "code": refusal.code,
        "request_id": "5f1c0d9a2b7e4f36",
        **MEMBERS.get(refusal.code, {}),
    }
