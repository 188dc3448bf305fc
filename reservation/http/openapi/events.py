"""Server-Sent Events in the OpenAPI document: a schema for each event, and the union of them for the stream.

The schema of a stream is that of each event, with the fields of an event as members (in OpenAPI 3.2: `itemSchema`).
"""

from collections.abc import Mapping
from typing import Any

from ..routes import Event
from .schemas import component

RETRY = {"type": "integer", "description": "Milliseconds to wait before connecting again; with the first event only"}
VERSION = {"type": "string", "pattern": r"^\d+$", "description": "The version of the data, for Last-Event-ID"}


def stream_schema(operation_id: str) -> dict[str, Any]:
    """The schema of an operation's stream."""
    return {"$ref": _reference(_union_name(operation_id))}


def event_schemas(operation_id: str, events: Mapping[str, Event]) -> dict[str, dict[str, Any]]:
    """The schema of each event and their union, by name."""
    references = {name: _reference(_schema_name(name)) for name in events}
    union = {
        "description": "One of the stream's events, told apart by `event`; `data` is JSON.",
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "event", "mapping": references},
    }
    schemas = {_schema_name(name): _event_schema(name, event) for name, event in events.items()}
    return {**schemas, _union_name(operation_id): union} if events else {}


def _event_schema(name: str, event: Event) -> dict[str, Any]:
    members: dict[str, Any] = {"event": {"type": "string", "const": name}}
    content: dict[str, Any] = {"type": "object", "description": "An empty object"}
    if event.data is not None:
        members["id"] = VERSION
        content = {"$ref": _reference(component(event.data))}
    members["data"] = {"type": "string", "contentMediaType": "application/json", "contentSchema": content}
    properties = members | {"retry": RETRY}
    return {"type": "object", "description": event.meaning, "required": [*members], "properties": properties}


def _schema_name(event_name: str) -> str:
    """SnapshotEvent for snapshot."""
    return event_name.title().replace("_", "") + "Event"


def _union_name(operation_id: str) -> str:
    """FollowSeatMapEvent for follow_seat_map."""
    return _schema_name(operation_id)


def _reference(name: str) -> str:
    return f"#/components/schemas/{name}"
