"""The webhooks in the OpenAPI document: for each type of event, the request that the receiver gets."""

from typing import Any

from apispec import APISpec

from ..output.event_schemas import TOLD_EVENTS, ToldEvent
from .schemas import component

TAG = "Administration: webhooks"
DESCRIPTION = """
Sent as Standard Webhooks says: verify the signature, and answer before you do what takes long. It is sent again until
it is accepted, for a day at most; repeats have the same `webhook-id`. The events of a reservation come in their order.
"""
HEADERS: dict[str, dict[str, Any]] = {
    "webhook-id": {
        "description": "The id of the event: the same in every repeat, and in `GET /changes`",
        "schema": {"type": "string", "examples": ["0b6f2f7e-6f0f-4f0c-8f0a-6a1d3c5e7f90"]},
    },
    "webhook-timestamp": {
        "description": "When this attempt was made: seconds since 1970",
        "schema": {"type": "string", "pattern": r"^\d+$", "examples": ["1795415159"]},
    },
    "webhook-signature": {
        "description": "`v1,` and a signature by the secret; after a change of the secret several, with spaces between",
        "schema": {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
            "examples": ["v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="],
        },
    },
}
RESPONSES = {
    "2XX": {"description": "The event is accepted; the body does not matter"},
    "410": {"description": "There is no receiver any more: the webhook is disabled"},
    "default": {"description": "The event is not accepted, and is sent again later"},
}


def add_webhooks(spec: APISpec) -> None:
    """Add an entry for each type of event, and its schemas."""
    for event_type, told in TOLD_EVENTS.items():
        data = component(told.data)
        if data not in spec.components.schemas:
            spec.components.schema(data, schema=told.data())
        spec.components.schema(payload_name(event_type), _payload(event_type, told))
    spec.options["webhooks"] = {
        event_type: {"post": _request(event_type, told)} for event_type, told in TOLD_EVENTS.items()
    }


def payload_name(event_type: str) -> str:
    """ReservationHeldEvent for reservation.held."""
    return event_type.title().translate(str.maketrans("", "", "._")) + "Event"


def _payload(event_type: str, told: ToldEvent) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"{told.meaning}.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": event_type},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened"},
            "data": {"$ref": f"#/components/schemas/{component(told.data)}"},
        },
    }


def _request(event_type: str, told: ToldEvent) -> dict[str, Any]:
    payload = {"$ref": f"#/components/schemas/{payload_name(event_type)}"}
    return {
        "operationId": f"receive_{event_type.replace('.', '_')}",
        "tags": [TAG],
        "summary": told.meaning,
        "description": DESCRIPTION.strip(),
        "security": [],
        "parameters": [{"name": name, "in": "header", "required": True, **header} for name, header in HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": {"schema": payload}}},
        "responses": RESPONSES,
    }
