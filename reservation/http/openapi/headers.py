"""Headers of requests and responses, for the OpenAPI document."""

from typing import Any

from ..preconditions import DOCUMENTED_TAGS


def _header(description: str, kind: str = "string", **keywords: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, **keywords}}


def _parameter(name: str, description: str, **keywords: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **keywords}}


HEADERS: dict[str, dict[str, Any]] = {
    "RequestId": _header("The id of the request: the client's, or a generated one"),
    "ServerTiming": _header("Milliseconds spent on waiting for the pool, in PostgreSQL, in Redis, and in total"),
    "Location": _header("The path of the new resource", format="uri-reference"),
    "ETag": _header("A strong entity tag, for If-None-Match and If-Match"),
    "Link": _header('The next page, if there is one: `<...>; rel="next"`'),
    "Authenticate": _header("The Bearer challenge (RFC 6750)"),
    "Replayed": _header("true: this is the first response to a request with this Idempotency-Key", const="true"),
    "RateLimit": _header("The limit that was reached: 0 attempts left for `t` seconds"),
    "RateLimitPolicy": _header("The limit: `q` attempts in `w` seconds"),
    "RetryAfter": _header("Seconds to wait before a retry", "integer"),
    "Written": _header("Where the service has read replicas: send it with later reads, and they have this write"),
}
COMMON_HEADERS = {"X-Request-ID": "RequestId", "Server-Timing": "ServerTiming"}
REQUEST_ID = _parameter(
    "X-Request-ID", "Your id for this request: up to 128 letters, digits and `._:/+=@-`; any other is replaced"
)
IDEMPOTENCY_KEY = _parameter(
    "Idempotency-Key",
    "A unique key for this request; the same request and key within a day get the first response again",
    minLength=1,
    maxLength=255,
    pattern="^[!-~]+$",
)
ADMISSION_TOKEN = _parameter(
    "Admission-Token", "The admission from the waiting room of the showtime, if it has one", maxLength=100
)
IF_NONE_MATCH = _parameter("If-None-Match", "ETags that the client has; 304 if one of them is current")
IF_MATCH = _parameter(
    "If-Match",
    "ETags that the client has seen; 412 if none is current. Weak ones never match; `*` always does",
    format="etags",
    pattern=rf"^(\*|{DOCUMENTED_TAGS})$",
) | {"example": '"5d41402abc4b2a76b9719d911017c592"'}
WRITTEN = _parameter(
    "Reservation-Written",
    "The value of the response to your last write, or several with commas between them: read from a server that has it."
    " `0`: you have written nothing. With any other value the read is from the primary",
)
LAST_EVENT_ID = _parameter(
    "Last-Event-ID", "The version that the client has; an EventSource sends it when it reconnects"
)
