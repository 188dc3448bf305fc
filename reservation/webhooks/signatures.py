"""Secrets, and the headers of a delivery as Standard Webhooks has them."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32
SIGNS_ALONG = timedelta(hours=24)  # a secret that was replaced
MOST_REPLACED = 4  # secrets that sign along, however often they are replaced


def new_secret() -> str:
    """A random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(webhook_secrets: Sequence[str], *, message_id: str, body: str) -> dict[str, str]:
    """The headers of a delivery that is sent now, with a signature by each secret."""
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in webhook_secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
