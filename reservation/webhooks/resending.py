"""Deliveries that administrators ask for: tests of a webhook, and deliveries that are sent again."""

from ..db.pool import Database
from ..db.repository import deliveries, webhooks
from ..db.repository.deliveries import SentDelivery
from ..errors import NotFound, WebhookInactive
from ..outbox.event_types import TEST_EVENT


async def send_test(database: Database, *, webhook_id: int) -> SentDelivery:
    """Add a test, which is also sent to a webhook that is not active; raises NotFound."""
    async with database.change() as conn:
        if not await webhooks.lock_webhook(conn, webhook_id=webhook_id):
            raise NotFound("There is no such webhook.")
        delivery_id = await webhooks.insert_test(conn, webhook_id=webhook_id)
        return _known(await deliveries.find_delivery(conn, delivery_id=delivery_id))


async def send_again(
    database: Database, *, delivery_id: int, webhook_id: int | None = None, also_delivered: bool
) -> SentDelivery:
    """Make a delivery due now; raises NotFound, also for one of another webhook, and WebhookInactive.

    One that is under way stays as it is, and so does a mail that was sent, whose content is not kept.
    """
    async with database.change() as conn:
        found = _known(await deliveries.find_delivery(conn, delivery_id=delivery_id))
        if webhook_id is not None and found.webhook_id != webhook_id:
            raise NotFound("There is no such delivery.")
        if found.webhook_id is not None and found.kind != TEST_EVENT:
            webhook = await webhooks.find_webhook(conn, webhook_id=found.webhook_id)
            if webhook is None or not webhook.active:
                raise WebhookInactive
        await deliveries.send_again(
            conn, delivery_id=delivery_id, also_delivered=also_delivered and found.channel == "webhook"
        )
        return _known(await deliveries.find_delivery(conn, delivery_id=delivery_id))


def _known(found: SentDelivery | None) -> SentDelivery:
    if found is None:
        raise NotFound("There is no such delivery.")
    return found
