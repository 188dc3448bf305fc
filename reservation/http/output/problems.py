"""Problem details (RFC 9457), and the table of domain errors with their statuses and codes."""

import secrets
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import orjson

from ... import errors
from ...errors import DomainError, Json
from .responses import NO_STORE_LINE, SingleWriteResponse

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
OAUTH_ERROR = "invalid_grant"  # wrong credentials in OAuth's terms (RFC 6749, 5.2)

STATUS_AND_CODE: dict[type[DomainError], tuple[int, str]] = {
    errors.NotFound: (404, "not_found"),
    errors.Invalid: (422, "validation_error"),
    errors.NotAuthenticated: (401, "not_authenticated"),
    errors.InvalidToken: (401, "invalid_token"),
    errors.InvalidCredentials: (401, "invalid_credentials"),
    errors.TotpRequired: (401, "totp_required"),
    errors.TotpEnrolled: (409, "totp_enrolled"),
    errors.TotpEnrolmentRequired: (403, "totp_enrolment_required"),
    errors.ReauthenticationRequired: (403, "reauthentication_required"),
    errors.Forbidden: (403, "forbidden"),
    errors.InsufficientScope: (403, "insufficient_scope"),
    errors.TooManyRequests: (429, "too_many_requests"),
    errors.EmailTaken: (409, "email_taken"),
    errors.LastAdmin: (409, "last_admin"),
    errors.AccountDisabled: (403, "account_disabled"),
    errors.SeatsUnavailable: (409, "seats_unavailable"),
    errors.ShowtimeStarted: (409, "showtime_started"),
    errors.NotOnSale: (409, "not_on_sale"),
    errors.SalesEnded: (409, "sales_ended"),
    errors.ShowtimeCancelled: (409, "showtime_cancelled"),
    errors.AdmissionRequired: (403, "admission_required"),
    errors.LimitReached: (409, "limit_reached"),
    errors.PaymentRequired: (402, "payment_required"),
    errors.NothingToPay: (409, "nothing_to_pay"),
    errors.InvalidSignature: (400, "invalid_signature"),
    errors.HoldExpired: (410, "hold_expired"),
    errors.CursorExpired: (410, "cursor_expired"),
    errors.ReservationCancelled: (409, "reservation_cancelled"),
    errors.ReservationConfirmed: (409, "reservation_confirmed"),
    errors.TooLateToCancel: (409, "too_late_to_cancel"),
    errors.ReservationNotConfirmed: (409, "not_confirmed"),
    errors.AlreadyCheckedIn: (409, "already_checked_in"),
    errors.WrongShowtime: (409, "wrong_showtime"),
    errors.TicketCancelled: (409, "ticket_cancelled"),
    errors.CapacityExceeded: (409, "capacity_exceeded"),
    errors.PlaceTaken: (409, "place_taken"),
    errors.ShowtimeOverlap: (409, "showtime_overlap"),
    errors.BatchRefused: (409, "batch_refused"),
    errors.InUse: (409, "in_use"),
    errors.HasReservations: (409, "has_reservations"),
    errors.WebhookInactive: (409, "webhook_inactive"),
    errors.TooManyWebhooks: (409, "too_many_webhooks"),
    errors.IdempotencyInFlight: (409, "idempotency_in_flight"),
    errors.IdempotencyKeyReused: (422, "idempotency_key_reused"),
    errors.PreconditionFailed: (412, "precondition_failed"),
    errors.TooManyAttempts: (429, "too_many_attempts"),
    errors.DatabaseUnavailable: (503, "database_unavailable"),
    errors.RowLocked: (503, "row_locked"),
    errors.HoldsUnavailable: (503, "holds_unavailable"),
    errors.PaymentProviderUnavailable: (503, "payment_provider_unavailable"),
    errors.Overloaded: (503, "overloaded"),
    errors.Stopping: (503, "stopping"),
    errors.ReportTooSlow: (503, "report_too_slow"),
}

# Code and detail of aiohttp's own exceptions, which it raises before any handler runs, by status.
HTTP_PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("malformed_request", "The request is not well-formed."),
    403: ("forbidden", "Pages of this origin may not send this request."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer this method; see Allow."),
    408: ("request_timeout", "The head or the body of the request did not come in time."),
    413: ("payload_too_large", "The body is larger than this service takes."),
    414: ("uri_too_long", "The address is longer than this service takes."),
    415: ("unsupported_media_type", "The body must be JSON, with Content-Type: application/json."),
    417: ("expectation_failed", "The only expectation that this service meets is 100-continue."),
    431: ("headers_too_large", "A header is longer than this service takes, or there are too many."),
    500: ("internal_error", "Something went wrong on our side; it has been logged under the request id."),
}


class HttpProblem(Exception):
    """A request that is refused for its form, not its meaning: a status of HTTP_PROBLEMS with a detail of its own."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        ends_connection: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.ends_connection = headers, ends_connection


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    details: Mapping[str, Json] | None = None,
    headers: Mapping[str, str] | None = None,
) -> SingleWriteResponse:
    """A response with problem details; `details` are members beside the standard ones."""
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
        extra.setdefault("Retry-After", str(RETRY_AFTER_S))
    response = SingleWriteResponse(
        orjson.dumps(body), status=status, content_type=CONTENT_TYPE, headers=extra, lines=NO_STORE_LINE
    )
    response.problem_code = code
    return response


def problem_bytes(status: int, code: str, detail: str) -> bytes:
    """A whole response with problem details that ends its connection, for one that is not to be served."""
    request_id = secrets.token_hex(8)
    response = problem(request_id, status, code, detail)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(response.body)}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        f"Retry-After: {RETRY_AFTER_S}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + response.body


def domain_problem(request_id: str, error: DomainError) -> SingleWriteResponse:
    """The response to a domain error."""
    status, code = STATUS_AND_CODE[type(error)]
    headers, details = {}, error.details
    if status == HTTPStatus.UNAUTHORIZED:
        invalid = ', error="invalid_token"' if isinstance(error, errors.InvalidToken) else ""
        headers["WWW-Authenticate"] = f'Bearer realm="reservation"{invalid}'
    elif status == HTTPStatus.FORBIDDEN:  # RFC 6750 has no other error for a role that does not suffice
        needed = error.scopes if isinstance(error, errors.InsufficientScope) else ()
        scopes = f', scope="{" ".join(needed)}"' if needed else ""
        headers["WWW-Authenticate"] = f'Bearer realm="reservation", error="insufficient_scope"{scopes}'
    elif isinstance(error, errors.TooManyRequests | errors.TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, errors.IdempotencyInFlight):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if error.replayed:
        headers["Idempotent-Replayed"] = "true"
    if isinstance(error, errors.TooManyAttempts):  # as in draft-ietf-httpapi-ratelimit-headers
        headers["RateLimit"] = f'"{error.policy}";r=0;t={error.retry_after_s}'
        headers["RateLimit-Policy"] = f'"{error.policy}";q={error.most};w={error.window_s}'
    if isinstance(error, errors.InvalidCredentials):
        details = {"error": OAUTH_ERROR}
    if isinstance(error, errors.BatchRefused):
        details = details | {"results": [failed_item(position, each) for position, each in error.failed.items()]}
    return problem(request_id, status, code, str(error), details=details, headers=headers)


def failed_item(index: int, error: DomainError) -> dict[str, Json]:
    """The result of a batch's item that failed: its index, and the code and detail of the error."""
    code = STATUS_AND_CODE[type(error)][1]
    return {"index": index, "status": "failed", "error": {"code": code, "detail": str(error), **error.details}}


def protocol_problem(request_id: str, status: int, headers: Mapping[str, str]) -> SingleWriteResponse:
    """The response to one of aiohttp's own exceptions; it keeps the headers Allow and Location."""
    default = HTTP_PROBLEMS[400 if status < HTTPStatus.INTERNAL_SERVER_ERROR else 500]
    code, detail = HTTP_PROBLEMS.get(status, default)
    kept = {name: value for name, value in headers.items() if name.lower() in ("allow", "location")}
    return problem(request_id, status, code, detail, headers=kept)
