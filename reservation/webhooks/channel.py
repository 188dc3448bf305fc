"""The channel of webhooks: a receiver that is slow or does not answer leaves places to the others."""

from collections import Counter
from collections.abc import Sequence

from structlog.stdlib import BoundLogger

from ..db.pool import Connection, Database
from ..db.repository import webhooks
from ..db.repository.deliveries import Delivery
from ..outbox.deliveries import CLAIM_S, DeliveryChannel
from ..outbox.relayed import RelayedEvents
from .client import WebhookClient
from .delivery import Encode, WebhookDeliverer

AT_ONCE = 64
AT_ONCE_TO_ONE = 4


class WebhookChannel(DeliveryChannel):
    """The deliveries to webhooks that this process makes."""

    def __init__(
        self,
        database: Database,
        client: WebhookClient,
        log: BoundLogger,
        *,
        encode: Encode,
        currency: str,
        relayed: RelayedEvents | None = None,
    ) -> None:
        deliverer = WebhookDeliverer(database, client, log, encode=encode, currency=currency)
        super().__init__(database, "webhook", deliverer.deliver, log, at_once=AT_ONCE, relayed=relayed)
        self._client = client

    async def close(self) -> None:
        """As of any channel; and close the connections to the receivers."""
        await super().close()
        await self._client.close()

    async def _claim(self, conn: Connection, places: int) -> Sequence[Delivery]:
        busy = Counter(delivery.webhook_id for delivery in self._running.values() if delivery.webhook_id is not None)
        return await webhooks.claim(conn, row_limit=places, claim_s=CLAIM_S, busy=busy, most=AT_ONCE_TO_ONE)
