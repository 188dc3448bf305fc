"""Webhooks and the secrets that sign their deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...runtime.trace_context import sampled_traceparent
from ..pool import Connection
from ..statements import sql
from .deliveries import Delivery, SentDelivery
from .rows import every, maybe, one

LIST_LOCK = 4_701_002  # of the advisory lock under which webhooks are created


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secrets; `disabled_reason` is `failing` or `gone`."""

    id: int
    url: str
    events: Sequence[str]
    active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookInput:
    """The columns of a webhook that an administrator sets, in the order of the statements' parameters."""

    url: str
    events: Sequence[str]
    active: bool


@dataclass(frozen=True, slots=True)
class Target:
    """Where deliveries of a webhook go, and the secrets that sign them, newest first."""

    url: str
    active: bool
    is_failing: bool
    secrets: Sequence[str]


async def list_webhooks(conn: Connection, *, after: int, row_limit: int) -> Sequence[Webhook]:
    """A page of webhooks by id."""
    return await every(conn, Webhook, "webhooks/list_webhooks", after, row_limit)


async def find_webhook(conn: Connection, *, webhook_id: int) -> Webhook | None:
    """One webhook."""
    return await maybe(conn, Webhook, "webhooks/find_webhook", webhook_id)


async def lock_webhook(conn: Connection, *, webhook_id: int) -> bool:
    """Lock a webhook against other writers; False if there is none."""
    return await conn.fetchval(sql("webhooks/lock_webhook"), webhook_id) is not None


async def insert_webhook(conn: Connection, *, webhook: WebhookInput, most: int) -> Webhook | None:
    """Insert a webhook; None if there are `most` already."""
    await conn.execute(sql("webhooks/lock_list"), LIST_LOCK)
    return await maybe(conn, Webhook, "webhooks/insert_webhook", *_columns(webhook), most)


async def update_webhook(conn: Connection, *, webhook_id: int, webhook: WebhookInput) -> Webhook:
    """Replace a webhook that the caller has locked."""
    return await one(conn, Webhook, "webhooks/update_webhook", webhook_id, *_columns(webhook))


async def touch_webhook(conn: Connection, *, webhook_id: int) -> Webhook:
    """Give a webhook that the caller has locked a new ETag."""
    return await one(conn, Webhook, "webhooks/touch_webhook", webhook_id)


async def delete_webhook(conn: Connection, *, webhook_id: int) -> None:
    """Delete a webhook that the caller has locked, with its secrets."""
    await conn.execute(sql("webhooks/delete_webhook"), webhook_id)


async def insert_secret(conn: Connection, *, webhook_id: int, secret: str) -> None:
    """Store a webhook's new secret."""
    await conn.execute(sql("webhooks/insert_secret"), webhook_id, secret)


async def replace_secrets(conn: Connection, *, webhook_id: int, kept: timedelta, most: int) -> None:
    """Mark the newest secret as replaced; at most `most` replaced ones sign along, each for the time `kept`."""
    await conn.execute(sql("webhooks/replace_secrets"), webhook_id, kept, most)


async def add_deliveries(conn: Connection, *, first_event_id: int, last_event_id: int) -> None:
    """Add the deliveries of these events to the webhooks that want them."""
    await conn.execute(sql("webhooks/add_deliveries"), first_event_id, last_event_id)


async def claim(
    conn: Connection, *, row_limit: int, claim_s: int, busy: Mapping[int, int], most: int
) -> Sequence[Delivery]:
    """Claim deliveries that are due; with those of `busy`, which counts them by webhook, `most` of a webhook."""
    return await every(conn, Delivery, "webhooks/claim", row_limit, claim_s, [*busy.keys()], [*busy.values()], most)


async def find_target(conn: Connection, *, webhook_id: int, kept: timedelta) -> Target | None:
    """Where deliveries of a webhook go; None if it was deleted."""
    return await maybe(conn, Target, "webhooks/find_target", webhook_id, kept)


async def note_success(conn: Connection, *, webhook_id: int) -> None:
    """Note that a delivery has succeeded after others had failed."""
    await conn.execute(sql("webhooks/note_success"), webhook_id)


async def note_failure(conn: Connection, *, webhook_id: int, most: timedelta) -> bool:
    """Note that a delivery has failed; returns whether none has succeeded for the time `most`."""
    is_overdue: bool | None = await conn.fetchval(sql("webhooks/note_failure"), webhook_id, most)
    return bool(is_overdue)


async def disable_webhook(conn: Connection, *, webhook_id: int, reason: str) -> bool:
    """Make a webhook inactive, for the reason `failing` or `gone`; False if it was, or works again."""
    return await conn.fetchval(sql("webhooks/disable_webhook"), webhook_id, reason) is not None


async def give_up(conn: Connection, *, webhook_id: int, row_limit: int) -> int:
    """Give up at most `row_limit` deliveries that wait for a webhook that is not active; how many they were."""
    given_up: int = await conn.fetchval(sql("webhooks/give_up"), webhook_id, row_limit)
    return given_up


def _columns(webhook: WebhookInput) -> tuple[object, ...]:
    return webhook.url, webhook.events, webhook.active


async def list_deliveries(
    conn: Connection, *, webhook_id: int, before_id: int, status: str | None, row_limit: int
) -> Sequence[SentDelivery]:
    """A page of a webhook's deliveries, newest first."""
    return await every(conn, SentDelivery, "webhooks/list_deliveries", webhook_id, before_id, status, row_limit)


async def insert_test(conn: Connection, *, webhook_id: int) -> int:
    """Add a delivery of a test to a webhook; its id."""
    delivery_id: int = await conn.fetchval(sql("webhooks/insert_test"), webhook_id, sampled_traceparent())
    return delivery_id
