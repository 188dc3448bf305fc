"""The members of problem details in the OpenAPI document: those of all problems, and further ones by code."""

from dataclasses import dataclass, field, replace
from typing import Any

from ...identity.api_key_format import Scope
from ..output.problems import OAUTH_ERROR

# The members of all problems (RFC 9457). The schema of a code narrows `status` and `code`.
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained"},
        "title": {"type": "string", "description": "The phrase of the HTTP status"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "An explanation for people; it may change"},
        "code": {"type": "string", "description": "The kind of problem, for programs; it does not change"},
        "request_id": {"type": "string", "description": "As in X-Request-ID and in the service's log"},
    },
}


@dataclass(frozen=True, slots=True)
class Member:
    """A further member of one code's problems: its schema, an example, and the schemas that it refers to by name."""

    schema: dict[str, Any]
    example: Any
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    required: bool = True


def _list_of(name: str, description: str, item: dict[str, Any], example: Any) -> Member:
    schema = {"type": "array", "description": description, "items": {"$ref": f"#/components/schemas/{name}"}}
    return Member(schema, [example], {name: item})


def _item(description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "required": [*properties], "properties": properties}


INVALID_INPUT = _list_of(
    "InvalidInput",
    "The errors in the input",
    _item(
        "One error in the input.",
        pointer={"type": "string", "description": "JSON pointer (RFC 6901) into the body or query"},
        detail={"type": "string"},
    ),
    {"pointer": "/seat_ids/0", "detail": "Not a valid integer."},
)
UNAVAILABLE_SEATS = _list_of(
    "UnavailableSeat",
    "The seats that are not available, and no others; empty if a quantity was requested",
    _item(
        "A seat that is not available, and why.",
        seat_id={"type": "integer", "format": "int64"},
        reason={"type": "string", "enum": ["held", "booked", "blocked"]},
    ),
    {"seat_id": 1047, "reason": "held"},
)
SEATS_IN_USE = _list_of(
    "SeatInUse",
    "The seats that are held or booked, where seats were to be removed or renamed, or another room lacks them",
    _item(
        "A seat that is held or booked for a showtime that is not over.",
        seat_id={"type": "integer", "format": "int64"},
        row_label={"type": "string"},
        seat_number={"type": "integer"},
    ),
    {"seat_id": 1047, "row_label": "B", "seat_number": 7},
)
NEEDED_SCOPES = Member(
    {
        "type": "array",
        "description": "The scopes of which the key needs one; empty if no API key may call this",
        "items": {"type": "string", "enum": [*Scope]},
    },
    ["booking"],
)
OVERLAP = {"code": "showtime_overlap", "detail": "Showtime 207 has the auditorium at that time."}
FAILED_ITEMS = _list_of(
    "FailedItem",
    "The items that failed, and no others",
    _item(
        "An item of a batch that failed.",
        index={"type": "integer", "description": "Position in the request, from 0"},
        status={"type": "string", "const": "failed"},
        error={"$ref": "#/components/schemas/ItemError"},
    ),
    {"index": 2, "status": "failed", "error": OVERLAP | {"conflicting_showtime_id": 207}},
)
OAUTH_CODE = {"type": "string", "const": OAUTH_ERROR, "description": "OAuth's error code (RFC 6749)"}
OTHER_SHOWTIME = {"type": "integer", "format": "int64", "description": "The other showtime, if it still exists"}
TICKETS_SHOWTIME = {"type": "integer", "format": "int64", "description": "The showtime of the ticket"}
CHECKED_IN_AT = {"type": "string", "format": "date-time", "description": "When the ticket was checked in"}
ON_SALE_AT = {"type": "string", "format": "date-time", "description": "When the sale starts"}

REACHED_LIMIT: dict[str, Any] = {
    "type": "string",
    "description": "The setting that has the limit; GET /config has its value",
    "enum": ["MAX_HOLDS_PER_USER", "MAX_SEATS_PER_USER_PER_SHOWTIME", "MAX_UNCONFIRMED_HOLDS_OF_SEAT"],
}

AMOUNT_DUE = {"type": "string", "description": "What is missing, in the reservation's currency"}

MEMBERS: dict[str, dict[str, Member]] = {
    "validation_error": {"errors": INVALID_INPUT},
    "invalid_credentials": {"error": Member(OAUTH_CODE, OAUTH_ERROR)},
    "seats_unavailable": {"seats": UNAVAILABLE_SEATS},
    "limit_reached": {"limit": Member(REACHED_LIMIT, "MAX_HOLDS_PER_USER")},
    "payment_required": {"amount_due": Member(AMOUNT_DUE, "25.00")},
    "in_use": {"seats": replace(SEATS_IN_USE, required=False)},
    "has_reservations": {"seats": replace(SEATS_IN_USE, required=False)},
    "insufficient_scope": {"scopes": NEEDED_SCOPES},
    "not_on_sale": {"on_sale_at": Member(ON_SALE_AT, "2030-01-01T10:00:00Z")},
    "already_checked_in": {"checked_in_at": Member(CHECKED_IN_AT, "2030-01-01T19:12:00Z")},
    "wrong_showtime": {"showtime_id": Member(TICKETS_SHOWTIME, 207)},
    "showtime_overlap": {"conflicting_showtime_id": Member(OTHER_SHOWTIME, 207, required=False)},
    "batch_refused": {"results": FAILED_ITEMS},
}
