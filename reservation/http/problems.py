"""Problem details (RFC 9457): the one table from what went wrong to status and code."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson

from .. import errors
from ..errors import DomainError, Json
from .responses import Reply

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
OAUTH_ERROR = "invalid_grant"  # wrong credentials, to those who speak OAuth (RFC 6749, 5.2)

DOMAIN: dict[type[DomainError], tuple[int, str]] = {
    errors.NotFound: (404, "not_found"),
    errors.Invalid: (422, "validation_error"),
    errors.NotAuthenticated: (401, "not_authenticated"),
    errors.InvalidToken: (401, "invalid_token"),
    errors.InvalidCredentials: (401, "invalid_credentials"),
    errors.Forbidden: (403, "forbidden"),
    errors.InsufficientScope: (403, "insufficient_scope"),
    errors.TooManyRequests: (429, "too_many_requests"),
    errors.EmailTaken: (409, "email_taken"),
    errors.LastAdmin: (409, "last_admin"),
    errors.SeatsUnavailable: (409, "seats_unavailable"),
    errors.ShowtimeStarted: (409, "showtime_started"),
    errors.HoldExpired: (410, "hold_expired"),
    errors.ReservationCancelled: (409, "reservation_cancelled"),
    errors.ReservationConfirmed: (409, "reservation_confirmed"),
    errors.TooLateToCancel: (409, "too_late_to_cancel"),
    errors.CapacityExceeded: (409, "capacity_exceeded"),
    errors.ShowtimeOverlap: (409, "showtime_overlap"),
    errors.BatchRefused: (409, "batch_refused"),
    errors.InUse: (409, "in_use"),
    errors.IdempotencyInFlight: (409, "idempotency_in_flight"),
    errors.IdempotencyKeyReused: (422, "idempotency_key_reused"),
    errors.PreconditionFailed: (412, "precondition_failed"),
    errors.TooManyAttempts: (429, "too_many_attempts"),
    errors.DatabaseUnavailable: (503, "database_unavailable"),
    errors.HoldsUnavailable: (503, "holds_unavailable"),
    errors.Overloaded: (503, "overloaded"),
}

# What HTTP itself refuses, before any handler: aiohttp's own exceptions, by status.
PROTOCOL: dict[int, tuple[str, str]] = {
    400: ("malformed_request", "The request is not well-formed."),
    403: ("forbidden", "Pages of this origin may not send this request."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer this method; see Allow."),
    413: ("payload_too_large", "The body is larger than this service takes."),
    415: ("unsupported_media_type", "The body must be JSON, with Content-Type: application/json."),
    500: ("internal_error", "Something went wrong on our side; it has been logged under the request id."),
}


class Refused(Exception):
    """A request that HTTP refuses before any handler: one of PROTOCOL's statuses, with a message of its own."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    details: Mapping[str, Json] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A problem document; `details` are members beside the standard ones."""
    body = {
        "type": f"/docs#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        **(details or {}),
    }
    extra = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(RETRY_AFTER_S)
    return Reply(orjson.dumps(body), status=status, content_type=CONTENT_TYPE, headers=extra)


def domain_problem(request_id: str, error: DomainError) -> Reply:
    """The problem document of a domain error."""
    status, code = DOMAIN[type(error)]
    headers, details = {}, error.details
    if status == HTTPStatus.UNAUTHORIZED:
        invalid = ', error="invalid_token"' if isinstance(error, errors.InvalidToken) else ""
        headers["WWW-Authenticate"] = f'Bearer realm="reservation"{invalid}'
    elif status == HTTPStatus.FORBIDDEN:  # RFC 6750 calls a role that does not suffice the same
        needed = error.scopes if isinstance(error, errors.InsufficientScope) else ()
        scopes = f', scope="{" ".join(needed)}"' if needed else ""
        headers["WWW-Authenticate"] = f'Bearer realm="reservation", error="insufficient_scope"{scopes}'
    elif isinstance(error, errors.TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, errors.IdempotencyInFlight):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if error.replayed:
        headers["Idempotent-Replayed"] = "true"
    if isinstance(error, errors.TooManyAttempts):
        headers = _limit_headers(error)
    if isinstance(error, errors.InvalidCredentials):
        details = {"error": OAUTH_ERROR}
    if isinstance(error, errors.BatchRefused):
        details = details | {"results": [failure(position, each) for position, each in error.failed.items()]}
    return problem(request_id, status, code, str(error), details=details, headers=headers)


def _limit_headers(error: errors.TooManyAttempts) -> dict[str, str]:
    """What is allowed and when to come again, in the words of draft-ietf-httpapi-ratelimit-headers."""
    return {
        "Retry-After": str(error.retry_after_s),
        "RateLimit": f'"{error.policy}";r=0;t={error.retry_after_s}',
        "RateLimit-Policy": f'"{error.policy}";q={error.most};w={error.window_s}',
    }


def failure(index: int, error: DomainError) -> dict[str, Json]:
    """What became of one of a batch that failed: the heart of the problem document that it would have had alone."""
    code = DOMAIN[type(error)][1]
    return {"index": index, "status": "failed", "error": {"code": code, "detail": str(error), **error.details}}


def protocol_problem(request_id: str, status: int, headers: Mapping[str, str]) -> Reply:
    """The problem document of one of aiohttp's own refusals, which keeps headers such as Allow."""
    code, detail = PROTOCOL.get(status, PROTOCOL[400] if status < HTTPStatus.INTERNAL_SERVER_ERROR else PROTOCOL[500])
    kept = {name: value for name, value in headers.items() if name.lower() in ("allow", "location")}
    return problem(request_id, status, code, detail, headers=kept)
