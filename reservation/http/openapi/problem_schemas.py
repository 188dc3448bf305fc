"""What the problem documents look like, a schema for each code, so that typed clients tell them apart."""

from typing import Any

from ...identity.api_key_format import Scope
from ..problems import OAUTH_ERROR

# The members that every problem has (RFC 9457); `status` and `code` are narrowed for each.
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained"},
        "title": {"type": "string", "description": "The words of the HTTP status"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for people; it may change"},
        "code": {"type": "string", "description": "A word for programs; it stays"},
        "request_id": {"type": "string", "description": "As in X-Request-ID and in the service's log"},
    },
}

# What stands beside them with some codes, by name; all of it is always there but what OPTIONAL names.
MEMBERS: dict[str, dict[str, Any]] = {
    "validation_error": {
        "errors": {
            "type": "array",
            "description": "Each thing that is wrong",
            "items": {"$ref": "#/components/schemas/InvalidInput"},
        }
    },
    "invalid_credentials": {
        "error": {"type": "string", "const": OAUTH_ERROR, "description": "The same in OAuth's words (RFC 6749)"}
    },
    "seats_unavailable": {
        "seats": {
            "type": "array",
            "description": "Each seat that cannot be had, and no others; none for a quantity",
            "items": {"$ref": "#/components/schemas/UnavailableSeat"},
        }
    },
    "insufficient_scope": {
        "scopes": {
            "type": "array",
            "description": "Those of which one is needed; none where no API key may do this",
            "items": {"type": "string", "enum": [*Scope]},
        }
    },
    "showtime_overlap": {
        "conflicting_showtime_id": {
            "type": "integer",
            "format": "int64",
            "description": "The showtime that has the auditorium, if it is still there",
        }
    },
    "batch_refused": {
        "results": {
            "type": "array",
            "description": "Each of the batch that stands against it, and no others",
            "items": {"$ref": "#/components/schemas/FailedItem"},
        }
    },
}
OPTIONAL = {"conflicting_showtime_id"}

# What the members are made of, by the code that has them.
PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "validation_error": {
        "InvalidInput": {
            "type": "object",
            "description": "One thing that is wrong with what was sent.",
            "required": ["pointer", "detail"],
            "properties": {
                "pointer": {"type": "string", "description": "Where in the body or query (RFC 6901)"},
                "detail": {"type": "string"},
            },
        }
    },
    "seats_unavailable": {
        "UnavailableSeat": {
            "type": "object",
            "description": "A seat that cannot be had, and why.",
            "required": ["seat_id", "reason"],
            "properties": {
                "seat_id": {"type": "integer", "format": "int64"},
                "reason": {"type": "string", "enum": ["held", "booked"]},
            },
        }
    },
    "batch_refused": {
        "FailedItem": {
            "type": "object",
            "description": "One of a batch that cannot be carried out.",
            "required": ["index", "status", "error"],
            "properties": {
                "index": {"type": "integer", "description": "Its position in what was sent, from 0"},
                "status": {"type": "string", "const": "failed"},
                "error": {"$ref": "#/components/schemas/ItemError"},
            },
        }
    },
}


def schema_name(code: str) -> str:
    """What the schema of the problems with this code is called, such as SeatsUnavailableProblem."""
    return "".join(word.capitalize() for word in code.split("_")) + "Problem"


def schemas(status: int, code: str, meaning: str) -> dict[str, dict[str, Any]]:
    """The schema of the problems with this code, and those it refers to, by name."""
    members = MEMBERS.get(code, {})
    made = {
        "type": "object",
        "description": meaning,
        "required": [*PROBLEM["required"], *(name for name in members if name not in OPTIONAL)],
        "properties": {
            **PROBLEM["properties"],
            "status": {"type": "integer", "const": status},
            "code": {"type": "string", "const": code, "description": PROBLEM["properties"]["code"]["description"]},
            **members,
        },
    }
    return {**PARTS.get(code, {}), schema_name(code): made}
