"""Deliveries as administrators see them: those of a webhook, and dead letters, which were given up."""

from dataclasses import asdict

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...db.repository import deliveries, webhooks
from ...db.repository.deliveries import SentDelivery
from ...errors import WebhookInactive
from ...runtime.fields import MAX_ID, Id, Instant
from ...webhooks import resending
from ..app_keys import DATABASE, QUERY
from ..input.path_ids import find_row, path_id
from ..output.responses import SingleWriteResponse, encode
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..routes import Access, Routes

routes = Routes("Administration: deliveries", Access.ADMIN)

STATUSES = ["pending", "delivered", "dead"]
CHANNELS = ["mail", "webhook"]


class DeliveriesQuery(PageQuery):
    """A page of a webhook's deliveries."""

    cursor = Cursor(int, load_default=(MAX_ID,))
    status = fields.String(validate=validate.OneOf(STATUSES), metadata={"description": "Only those of this status"})


class DeadLettersQuery(PageQuery):
    """A page of dead letters."""

    cursor = Cursor(int, load_default=(MAX_ID,))
    channel = fields.String(validate=validate.OneOf(CHANNELS), metadata={"description": "Only those of this channel"})


class DeliveryOutput(Schema):
    """A mail, or an event for a webhook, that is to be sent or was."""

    id = Id(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    kind = fields.String(
        required=True, metadata={"description": "The type of the event, `webhook.test`, or the template of the mail"}
    )
    message_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The header `webhook-id`, which is the id of the event; null for a mail"},
    )
    webhook_id = Id(required=True, allow_none=True)
    reservation_id = fields.UUID(required=True, allow_none=True)
    showtime_id = Id(required=True, allow_none=True)
    user_id = Id(required=True, allow_none=True, metadata={"description": "The account that a mail is for"})
    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata={"description": "`dead`: given up after its last attempt; it can be sent again"},
    )
    attempts = fields.Integer(required=True, metadata={"description": "How often it was begun to be sent"})
    next_attempt_at = Instant(required=True, allow_none=True, metadata={"description": "null: it has ended"})
    created_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    last_error = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the last attempt failed; null: it did not"}
    )
    last_status_code = fields.Integer(
        required=True, allow_none=True, metadata={"description": "What the other server answered; null: it did not"}
    )
    last_duration_ms = fields.Integer(
        required=True, allow_none=True, metadata={"description": "How long the last attempt took, in milliseconds"}
    )
    waits_for = Id(
        required=True,
        allow_none=True,
        metadata={
            "description": "The earlier delivery of the same reservation that it waits for, since they are made"
            " in order: it is sent when that one was delivered or given up; null: it waits for none",
            "examples": [41],
        },
    )


DELIVERY_PAGE = page_schema(DeliveryOutput())


@routes.add("GET", "/admin/webhooks/{webhook_id}/deliveries", query=DeliveriesQuery(), output=DELIVERY_PAGE)
async def list_webhook_deliveries(request: web.Request) -> web.StreamResponse:
    """The deliveries of a webhook, newest first; those that have ended are kept for 30 days."""
    webhook = await find_row(request, "webhook", lambda conn, row_id: webhooks.find_webhook(conn, webhook_id=row_id))
    [before_id], status = request[QUERY]["cursor"], request[QUERY].get("status")
    return await page_response(
        request,
        lambda conn, rows: webhooks.list_deliveries(
            conn, webhook_id=webhook.id, before_id=before_id, status=status, row_limit=rows
        ),
        lambda each: [each.id],
    )


@routes.add("POST", "/admin/webhooks/{webhook_id}/test", status=202, output=DeliveryOutput())
async def test_webhook(request: web.Request) -> web.StreamResponse:
    """Send an event of the type `webhook.test`, once, also to a webhook that is not active.

    The webhook's deliveries show what came of it.
    """
    sent = await resending.send_test(request.app[DATABASE], webhook_id=path_id(request, "webhook_id"))
    return _shown(sent, status=202)


@routes.add(
    "POST",
    "/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/retry",
    output=DeliveryOutput(),
    raises=(WebhookInactive,),
)
async def retry_webhook_delivery(request: web.Request) -> web.StreamResponse:
    """Send a delivery now, also one that was delivered; its `webhook-id` stays.

    One that waits for its next attempt is due now. One that is under way stays as it is. One with `waits_for` is sent
    when that one was delivered or given up; send that one again first.
    """
    changed = await resending.send_again(
        request.app[DATABASE],
        webhook_id=path_id(request, "webhook_id"),
        delivery_id=path_id(request, "delivery_id"),
        also_delivered=True,
    )
    return _shown(changed)


@routes.add("GET", "/admin/dead-letters", query=DeadLettersQuery(), output=DELIVERY_PAGE)
async def list_dead_letters(request: web.Request) -> web.StreamResponse:
    """Deliveries that were given up after their last attempt, newest first; kept for 30 days."""
    [before_id], channel = request[QUERY]["cursor"], request[QUERY].get("channel")
    return await page_response(
        request,
        lambda conn, rows: deliveries.list_dead(conn, channel=channel, before_id=before_id, row_limit=rows),
        lambda each: [each.id],
    )


@routes.add("POST", "/admin/dead-letters/{delivery_id}/retry", output=DeliveryOutput(), raises=(WebhookInactive,))
async def retry_dead_letter(request: web.Request) -> web.StreamResponse:
    """Send a delivery that was given up, with all its attempts; one that was delivered meanwhile stays as it is.

    One with `waits_for` is sent when that one was delivered or given up.
    """
    changed = await resending.send_again(
        request.app[DATABASE], delivery_id=path_id(request, "delivery_id"), also_delivered=False
    )
    return _shown(changed)


def _shown(delivery: SentDelivery, *, status: int = 200) -> SingleWriteResponse:
    return SingleWriteResponse(encode(asdict(delivery)), status=status)
