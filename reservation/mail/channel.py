"""The mails among the deliveries: each is made of what the database has when it is sent."""

from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from typing import TypeAlias

from structlog.stdlib import BoundLogger

from ..db.repository.deliveries import Delivery
from ..outbox.deliveries import DELAYS_S, DeliveryFailed
from ..runtime.work_spans import waiting_for
from . import metrics
from .messages import Undeliverable
from .rendering import WrongTemplate
from .transports import Transport

# Makes the mail, or None if there is nothing to tell any more; raises Undeliverable, WrongTemplate and Unavailable.
Prepare: TypeAlias = Callable[[Delivery], Awaitable[EmailMessage | None]]


class MailChannel:
    """Sends mails; `prepare` is by kind. The log has the kind, and no name, address or token of a person."""

    def __init__(self, transport: Transport, prepare: Mapping[str, Prepare], log: BoundLogger) -> None:
        self._transport = transport
        self._prepare = prepare
        self._log = log

    async def deliver(self, delivery: Delivery) -> int | None:
        """Send a mail, or nothing if it has become pointless; raises DeliveryFailed, and Unavailable."""
        kind = delivery.kind
        try:
            message = await self._message(delivery)
            reply = None if message is None else await self._send(message)
        except DeliveryFailed as failure:
            is_last = failure.is_permanent or delivery.attempts > len(DELAYS_S)
            (metrics.MAILS_GIVEN_UP if is_last else metrics.MAILS_RETRIED).counts[kind] += 1
            raise
        if message is None:
            self._log.info("mail_skipped", kind=kind, id=delivery.id)
        else:
            metrics.MAILS_SENT.counts[kind] += 1
        return reply

    async def _send(self, message: EmailMessage) -> int | None:
        with waiting_for("mail server"):
            return await self._transport(message)

    async def _message(self, delivery: Delivery) -> EmailMessage | None:
        try:
            return await self._prepare[delivery.kind](delivery)
        except (Undeliverable, WrongTemplate) as error:
            raise DeliveryFailed(str(error), is_permanent=True) from error


def message_id(delivery: Delivery) -> str:
    """The same for each attempt, so that mail programs know a repeat; a restored database does not give it again."""
    return f"{delivery.id}.{delivery.created_at:%Y%m%d%H%M%S%f}"
