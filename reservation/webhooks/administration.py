"""Create, replace and delete webhooks, and replace their secrets."""

from contextlib import suppress
from urllib.parse import urlsplit

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import webhooks
from ..db.repository.webhooks import Webhook, WebhookInput
from ..errors import Invalid, NotFound, TooManyWebhooks, Unavailable
from .addresses import ONLY_TLS, AllowedNetworks
from .giving_up import give_up_waiting
from .signatures import MOST_REPLACED, SIGNS_ALONG, new_secret

MOST_WEBHOOKS = 100


async def create_webhook(database: Database, *, webhook: WebhookInput, allowed: AllowedNetworks) -> tuple[Webhook, str]:
    """The stored webhook and its secret, which is not shown again; raises Invalid and TooManyWebhooks."""
    _check_url(webhook.url, allowed)
    secret = new_secret()
    async with database.change() as conn:
        made = await webhooks.insert_webhook(conn, webhook=webhook, most=MOST_WEBHOOKS)
        if made is None:
            raise TooManyWebhooks(MOST_WEBHOOKS)
        await webhooks.insert_secret(conn, webhook_id=made.id, secret=secret)
    return made, secret


async def update_webhook(
    database: Database,
    *,
    webhook_id: int,
    webhook: WebhookInput,
    allowed: AllowedNetworks,
    check: Precondition = no_precondition,
) -> Webhook:
    """Replace a webhook, and give up what waits for it if it is not to be active.

    Raises Invalid, NotFound and what `check` raises.
    """
    _check_url(webhook.url, allowed)
    async with database.change() as conn:
        await _lock_webhook(conn, webhook_id, check)
        updated = await webhooks.update_webhook(conn, webhook_id=webhook_id, webhook=webhook)
    if not updated.active:
        with suppress(Unavailable):  # the webhook is replaced; what waits is then given up when it is due
            await give_up_waiting(database, webhook_id=webhook_id)
    return updated


async def delete_webhook(database: Database, *, webhook_id: int, check: Precondition = no_precondition) -> None:
    """Delete a webhook; raises NotFound and what `check` raises."""
    async with database.change() as conn:
        await _lock_webhook(conn, webhook_id, check)
        await webhooks.delete_webhook(conn, webhook_id=webhook_id)


async def replace_secret(database: Database, *, webhook_id: int) -> tuple[Webhook, str]:
    """The webhook and its new secret; those before it sign along for a day. Raises NotFound."""
    secret = new_secret()
    async with database.change() as conn:
        await _lock_webhook(conn, webhook_id, no_precondition)
        await webhooks.replace_secrets(conn, webhook_id=webhook_id, kept=SIGNS_ALONG, most=MOST_REPLACED)
        await webhooks.insert_secret(conn, webhook_id=webhook_id, secret=secret)
        return await webhooks.touch_webhook(conn, webhook_id=webhook_id), secret


async def _lock_webhook(conn: Connection, webhook_id: int, check: Precondition) -> None:
    if not await webhooks.lock_webhook(conn, webhook_id=webhook_id):
        raise NotFound("There is no such webhook.")
    check(await webhooks.find_webhook(conn, webhook_id=webhook_id))


def _check_url(url: str, allowed: AllowedNetworks) -> None:
    """Raise Invalid for a URL to which nothing could be sent; a name's addresses are checked at each connection."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid("/url", "Not a valid URL.") from None
    if port == 0 or parts.fragment:
        raise Invalid("/url", "Not a valid URL.")
    with_tls = parts.scheme == "https"
    if not with_tls and not allowed.networks:
        raise Invalid("/url", ONLY_TLS)
    reason = allowed.why_refused_literal(host, with_tls=with_tls)
    if reason is not None:
        raise Invalid("/url", reason)
