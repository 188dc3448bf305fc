"""Problem details in the OpenAPI document: which problems an operation can answer, and a schema for each code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from ... import errors
from ...errors import DomainError
from ..output.problems import CONTENT_TYPE, HTTP_PROBLEMS, STATUS_AND_CODE
from ..routes import Access, Operation
from .problem_members import MEMBERS, PROBLEM


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: its status, its code, and what it means."""

    status: int
    code: str
    meaning: str


INVALID_JSON = ProblemType(
    400,
    "invalid_json",
    "The body is not JSON in UTF-8, is nested too deep, has NUL characters, or two members of one name in an object.",
)
INVALID_FORM = ProblemType(400, "invalid_form", "The form is not well-formed, not in UTF-8, or has too many fields.")

# The word for a status in the name of a union; Python's phrases differ between versions.
STATUS_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "PaymentRequired",
    403: "Forbidden",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Unprocessable",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
# The unions that many operations share, by their codes.
SHARED_UNIONS = {
    frozenset({"malformed_request", "invalid_json"}): "BadRequest",
    frozenset({"not_authenticated", "invalid_token"}): "Unauthorized",
    frozenset({"forbidden", "insufficient_scope", "totp_enrolment_required"}): "Forbidden",
    frozenset({"insufficient_scope", "totp_enrolment_required"}): "CredentialForbidden",
    frozenset({"database_unavailable", "row_locked", "holds_unavailable", "overloaded"}): "ServiceUnavailable",
}


def problem_types(operation: Operation) -> dict[int, list[ProblemType]]:
    """The problems that an operation can answer, by status in ascending order."""
    found: dict[int, list[ProblemType]] = {}
    for problem in sorted(set(_problem_types(operation)), key=lambda problem: (problem.status, problem.code)):
        found.setdefault(problem.status, []).append(problem)
    return found


def all_problem_types() -> list[ProblemType]:
    """The problems of all operations, one a code, by status."""
    found = {problem.code: problem for problem in [*map(_of_http, HTTP_PROBLEMS), INVALID_JSON, INVALID_FORM]}
    found |= {problem.code: problem for problem in map(_of_error, STATUS_AND_CODE)}
    return sorted(found.values(), key=lambda problem: (problem.status, problem.code))


def component_name(operation_id: str, same_status: list[ProblemType]) -> str:
    """The name of the schema, and of the response, of the problems of an operation that share a status.

    That of the only code: EmailTakenProblem; of a set that many operations share: Unauthorized; or of the operation and
    the status: CreateHoldConflict.
    """
    if len(same_status) == 1:
        return _schema_name(same_status[0].code)
    shared = SHARED_UNIONS.get(frozenset(problem.code for problem in same_status))
    return shared or _camel_case(operation_id) + STATUS_NAMES[same_status[0].status]


def union_schema(same_status: list[ProblemType]) -> dict[str, Any]:
    """The schema of several problems that share a status, told apart by their code."""
    references = {problem.code: f"#/components/schemas/{_schema_name(problem.code)}" for problem in same_status}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "code", "mapping": references},
    }


def problem_response(name: str, same_status: list[ProblemType]) -> dict[str, Any]:
    """The response object of the problems that share a status, with the schema of this name."""
    status, codes = same_status[0].status, [problem.code for problem in same_status]
    headers = {"X-Request-ID": "RequestId"}
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        headers["WWW-Authenticate"] = "Authenticate"
    has_retry_after = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    if has_retry_after or STATUS_AND_CODE[errors.IdempotencyInFlight][1] in codes:
        headers["Retry-After"] = "RetryAfter"
    if STATUS_AND_CODE[errors.TooManyAttempts][1] in codes:
        headers |= {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    return {
        "description": "\n\n".join(f"`{problem.code}`: {problem.meaning}" for problem in same_status),
        "headers": header_references(headers),
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": f"#/components/schemas/{name}"},
                "examples": {problem.code: {"value": _example(problem)} for problem in same_status},
            }
        },
    }


def problem_schemas(problem: ProblemType) -> dict[str, dict[str, Any]]:
    """The schema of one code's problems and the schemas that it refers to, by name."""
    members = MEMBERS.get(problem.code, {})
    code = PROBLEM["properties"]["code"] | {"const": problem.code}
    schema = {
        "type": "object",
        "description": problem.meaning,
        "required": [*PROBLEM["required"], *(name for name, member in members.items() if member.required)],
        "properties": {
            **PROBLEM["properties"],
            "status": {"type": "integer", "const": problem.status},
            "code": code,
            **{name: member.schema for name, member in members.items()},
        },
    }
    schemas = {_schema_name(problem.code): schema}
    for member in members.values():
        schemas |= member.components
    return schemas


def header_references(names: Mapping[str, str]) -> dict[str, Any]:
    """The headers of a response, by the names of their components."""
    return {name: {"$ref": f"#/components/headers/{component}"} for name, component in names.items()}


def _problem_types(operation: Operation) -> Iterator[ProblemType]:
    # Every operation refuses unknown query parameters and a body that it does not take.
    yield from map(_of_http, (400, 408, 413, 415, 500))
    yield INVALID_JSON
    yield _of_error(errors.Invalid)
    if operation.access is not Access.PUBLIC:
        yield from map(_of_error, (errors.NotAuthenticated, errors.InvalidToken, errors.InsufficientScope))
    if operation.access.roles:
        yield _of_error(errors.Forbidden)
    if operation.may_need_totp:
        yield _of_error(errors.TotpEnrolmentRequired)
    if operation.scopes:
        yield _of_error(errors.TooManyRequests)
    if "{" in operation.path:
        yield _of_error(errors.NotFound)
    if operation.is_conditional:
        yield _of_error(errors.PreconditionFailed)
    if operation.form is not None:
        yield INVALID_FORM
    if _uses_the_stores(operation):
        yield from map(
            _of_error, (errors.DatabaseUnavailable, errors.RowLocked, errors.HoldsUnavailable, errors.Overloaded)
        )
    if operation.replay is not None:
        yield from map(_of_error, (errors.IdempotencyInFlight, errors.IdempotencyKeyReused, errors.TooManyAttempts))
    yield from map(_of_error, operation.raises)


def _uses_the_stores(operation: Operation) -> bool:
    """A public operation without input has nothing to look up, unless its `raises` says so."""
    has_input = "{" in operation.path or operation.body is not None or operation.query is not None
    return has_input or operation.access is not Access.PUBLIC


def _of_error(error: type[DomainError]) -> ProblemType:
    status, code = STATUS_AND_CODE[error]
    return ProblemType(status, code, cleandoc(error.__doc__ or ""))


def _of_http(status: int) -> ProblemType:
    return ProblemType(status, *HTTP_PROBLEMS[status])


def _schema_name(code: str) -> str:
    """SeatsUnavailableProblem for seats_unavailable."""
    return _camel_case(code) + "Problem"


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _example(problem: ProblemType) -> dict[str, Any]:
    return {
        "type": f"/docs#{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.meaning,
        "code": problem.code,
        "request_id": "5f1c0d9a2b7e4f36",
        **{name: member.example for name, member in MEMBERS.get(problem.code, {}).items()},
    }
