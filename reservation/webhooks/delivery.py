"""Delivers events to webhooks: signs and sends them, and disables a webhook whose receiver does not accept any."""

from collections.abc import Callable
from datetime import timedelta

from structlog.stdlib import BoundLogger

from ..db.change_author import ChangeAuthor
from ..db.pool import Database
from ..db.repository import events, webhooks
from ..db.repository.deliveries import Delivery
from ..db.repository.webhooks import Target
from ..outbox.deliveries import DELAYS_S, JITTER, DeliveryFailed
from ..outbox.event_members import event_members
from ..outbox.event_types import TEST_EVENT
from ..runtime.work_spans import waiting_for
from .client import Reply, WebhookClient
from .giving_up import give_up_waiting
from .signatures import SIGNS_ALONG, signed_headers

FAILING_FOR = timedelta(hours=24)
# When the last attempt of a delivery fails, and none has succeeded since its first one.
FAILING_THROUGHOUT = timedelta(seconds=sum(DELAYS_S) * (1 - JITTER))
MOST_BODY_BYTES = 262_144
GONE = 410

# Makes JSON of an object as the API has it.
Encode = Callable[[object], bytes]


class WebhookDeliverer:
    """Makes deliveries; while a receiver is waited for, no connection to PostgreSQL is held."""

    def __init__(
        self, database: Database, client: WebhookClient, log: BoundLogger, *, encode: Encode, currency: str
    ) -> None:
        self._database = database
        self._client = client
        self._log = log
        self._encode = encode
        self._currency = currency

    async def deliver(self, delivery: Delivery) -> int | None:
        """Send an event, and return the receiver's status; raises DeliveryFailed and Unavailable."""
        webhook_id = delivery.webhook_id or 0
        target, message_id, body = await self._prepare(delivery, webhook_id)
        headers = signed_headers(target.secrets, message_id=message_id, body=body)
        with waiting_for("webhook"):
            reply = await self._client.post(target.url, body, headers)
        is_test = delivery.kind == TEST_EVENT  # tried once, and no sign of how the webhook does
        if not reply.is_accepted:
            is_permanent = is_test or await self._note_failure(delivery, webhook_id, reply)
            raise DeliveryFailed(reply.error or "refused", status_code=reply.status, is_permanent=is_permanent)
        if target.is_failing and not is_test:
            async with self._database.connection() as conn:
                await webhooks.note_success(conn, webhook_id=webhook_id)
        return reply.status

    async def _prepare(self, delivery: Delivery, webhook_id: int) -> tuple[Target, str, str]:
        """The target, the message's id and its body; raises DeliveryFailed if there is nothing to send, or nowhere."""
        async with self._database.connection() as conn:
            target = await webhooks.find_target(conn, webhook_id=webhook_id, kept=SIGNS_ALONG)
            event_id = delivery.event_id or 0
            found = await events.list_events(conn, after_id=event_id - 1, last_id=event_id, row_limit=1)
        if target is None:
            raise DeliveryFailed("The webhook was deleted.", is_permanent=True)
        if delivery.kind == TEST_EVENT:
            members: dict[str, object] = {
                "id": f"test-{delivery.id}",
                "type": TEST_EVENT,
                "timestamp": delivery.created_at,
                "data": {},
            }
        elif not target.active:
            raise DeliveryFailed("The webhook is not active.", is_permanent=True)
        elif not found:
            raise DeliveryFailed("The event is no longer kept.", is_permanent=True)
        else:
            members = event_members(found[0], self._currency)
        message_id = str(members.pop("id"))
        body = self._encode(members)
        if len(body) > MOST_BODY_BYTES:
            raise DeliveryFailed("The event is too large to be sent.", is_permanent=True)
        return target, message_id, body.decode()

    async def _note_failure(self, delivery: Delivery, webhook_id: int, reply: Reply) -> bool:
        """Disable the webhook if its receiver is gone or has accepted nothing for a day; whether it is inactive."""
        is_gone = reply.status == GONE
        is_last = delivery.attempts > len(DELAYS_S)
        async with self._database.connection() as conn:
            is_overdue = await webhooks.note_failure(
                conn, webhook_id=webhook_id, most=FAILING_THROUGHOUT if is_last else FAILING_FOR
            )
            if not (is_gone or is_overdue):
                webhook = await webhooks.find_webhook(conn, webhook_id=webhook_id)
                return webhook is None or not webhook.active
        reason = "gone" if is_gone else "failing"
        async with self._database.change(ChangeAuthor(None, "disable_webhook")) as conn:
            disabled = await webhooks.disable_webhook(conn, webhook_id=webhook_id, reason=reason)
        if disabled:
            self._log.error("webhook_disabled", webhook_id=webhook_id, reason=reason)
            await give_up_waiting(self._database, webhook_id=webhook_id)
        return disabled or is_gone
