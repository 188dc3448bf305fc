"""Administration of webhooks."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate

from ...db.repository import webhooks
from ...db.repository.webhooks import Webhook, WebhookInput
from ...errors import TooManyWebhooks
from ...outbox.event_types import EVENT_TYPES
from ...runtime.fields import Id, Input, Instant, StrictBoolean, Url
from ...webhooks import administration as service
from ...webhooks.addresses import AllowedNetworks
from ..app_keys import BODY, DATABASE, SETTINGS
from ..input.path_ids import find_row, path_id
from ..output.responses import SingleWriteResponse
from ..output.schemas import DISABLED_REASONS
from ..paging import PageByIdQuery, page_by_id, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import Access, Routes

routes = Routes("Administration: webhooks", Access.ADMIN)

MAX_URL_CHARS = 2000
EVENTS_METADATA = {"description": "The types of events that are sent", "uniqueItems": True}


def _no_repeats(events: Sequence[str]) -> None:
    if len(set(events)) < len(events):
        raise ValidationError("Each type of event can be in the list once.")


class WebhookBody(Input):
    """A webhook: events of these types are sent to the URL."""

    loads_as = WebhookInput
    url = Url(
        MAX_URL_CHARS,
        required=True,
    )
    events = fields.List(
        fields.String(validate=validate.OneOf(EVENT_TYPES)),
        required=True,
        validate=[validate.Length(1, len(EVENT_TYPES)), _no_repeats],
        metadata=EVENTS_METADATA,
    )
    active = StrictBoolean(load_default=True, metadata={"description": "false: nothing is sent"})


class WebhookOutput(Schema):
    """A webhook without its secret."""

    id = Id(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(validate=validate.OneOf(EVENT_TYPES)), required=True, metadata=EVENTS_METADATA)
    active = fields.Boolean(required=True)
    disabled_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When the service made it inactive; null: it did not. PUT with active: true goes on"},
    )
    disabled_reason = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(DISABLED_REASONS),
        metadata={
            "description": "Why the service made it inactive: `failing`, no delivery succeeded for 24 hours; `gone`, "
            "the receiver answered 410"
        },
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class MadeWebhookOutput(WebhookOutput):
    """A webhook with its new secret."""

    secret = fields.String(
        required=True, metadata={"description": "Verifies deliveries, as Standard Webhooks says; shown only once"}
    )


@routes.add(
    "POST",
    "/admin/webhooks",
    body=WebhookBody(),
    status=201,
    output=MadeWebhookOutput(),
    etag=True,
    raises=(TooManyWebhooks,),
)
async def create_webhook(request: web.Request) -> web.StreamResponse:
    """Create a webhook.

    Only this response contains the secret. The URL begins with `https://`, and its host has a public address; the
    operator can allow other networks, and `http://` to them (WEBHOOK_ALLOWED_NETWORKS). An address is checked at each
    connection.
    """
    made, secret = await service.create_webhook(request.app[DATABASE], webhook=request[BODY], allowed=_allowed(request))
    return _with_secret(made, secret, location=f"/admin/webhooks/{made.id}")


@routes.add("GET", "/admin/webhooks", query=PageByIdQuery(), output=page_schema(WebhookOutput()))
async def list_webhooks(request: web.Request) -> web.StreamResponse:
    """All webhooks."""
    return await page_by_id(request, webhooks.list_webhooks)


@routes.add("GET", "/admin/webhooks/{webhook_id}", output=WebhookOutput(), etag=True)
async def get_webhook(request: web.Request) -> web.StreamResponse:
    """One webhook."""
    found: Webhook = await find_row(
        request, "webhook", lambda conn, row_id: webhooks.find_webhook(conn, webhook_id=row_id)
    )
    return conditional_response(request, found)


@routes.add("PUT", "/admin/webhooks/{webhook_id}", body=WebhookBody(), output=WebhookOutput(), etag=True)
async def replace_webhook(request: web.Request) -> web.StreamResponse:
    """Replace a webhook; its secret stays.

    With `active: true`, one that the service has disabled goes on with the events that follow.
    """
    replaced = await service.update_webhook(
        request.app[DATABASE],
        webhook_id=path_id(request, "webhook_id"),
        webhook=request[BODY],
        allowed=_allowed(request),
        check=precondition(request),
    )
    return response_with_etag(replaced)


@routes.add("DELETE", "/admin/webhooks/{webhook_id}", status=204, etag=True)
async def delete_webhook(request: web.Request) -> web.StreamResponse:
    """Delete a webhook; what was not delivered yet is not sent."""
    await service.delete_webhook(
        request.app[DATABASE], webhook_id=path_id(request, "webhook_id"), check=precondition(request)
    )
    return web.Response(status=204)


@routes.add("POST", "/admin/webhooks/{webhook_id}/secret", output=MadeWebhookOutput(), etag=True)
async def replace_webhook_secret(request: web.Request) -> web.StreamResponse:
    """Replace a webhook's secret.

    For 24 hours, deliveries have a signature by the old secret beside the one by the new. Only this response contains
    the new secret.
    """
    changed, secret = await service.replace_secret(request.app[DATABASE], webhook_id=path_id(request, "webhook_id"))
    return _with_secret(changed, secret)


def _with_secret(webhook: Webhook, secret: str, *, location: str | None = None) -> SingleWriteResponse:
    shown: dict[str, Any] = asdict(webhook) | {"secret": secret}
    response = response_with_etag(shown, version=webhook, location=location)
    response.headers["Cache-Control"] = "no-store"
    return response


def _allowed(request: web.Request) -> AllowedNetworks:
    return AllowedNetworks(request.app[SETTINGS].webhook_allowed_networks)
