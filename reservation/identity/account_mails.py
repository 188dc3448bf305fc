"""The mails with a token that accounts need: to choose a new password, and to confirm the e-mail address.

What is stored of a mail that waits never has the token: that is made when the mail is sent.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

import structlog

from ..db.pool import Database
from ..db.repository import account_tokens, accounts, mails
from ..db.repository.account_tokens import Purpose
from ..db.repository.deliveries import Delivery
from ..mail.channel import Prepare, message_id
from ..mail.messages import compose
from ..mail.rendering import MailTemplates
from ..mail.transports import delete_written

RESET_TTL_S = 30 * 60
VERIFY_TTL_S = 3 * 86_400
TOKEN_BYTES = 32
GOOD_FOR_S = 10 * 60  # so long a token lasts that stands in for another mail
log = structlog.stdlib.get_logger("reservation.mail")
PAGES = {"reset_password": "reset-password", "verify_email": "verify-email"}


def hash_of(token: str) -> bytes:
    """The SHA-256 of a token, which is stored in its place; 256 random bits need no slow hash."""
    return sha256(token.encode(errors="surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class AccountMails:
    """The mails of accounts; `public_url` is the web site that the links lead to, None for no links.

    `folder` is where mails are written without SMTP_URL; with it, there may be some from before.
    """

    database: Database
    templates: MailTemplates
    mail_from: str
    public_url: str | None
    folder: Path

    async def request_reset(self, email: str, *, anyway: bool = True) -> None:
        """Let a token for a new password be mailed to the account with an address, if there is one.

        Not `anyway`: only if it has none that is good for a while, since a mail with it was sent a few minutes ago.
        The look-up is part of the sending, so that the request takes the same time for an unknown address.
        """
        async with self.database.connection() as conn:
            await mails.request_reset(conn, email=email, anyway=anyway)

    async def request_verification(self, user_id: int, *, anyway: bool = True) -> None:
        """Let a token be mailed that confirms the address of an account; for `anyway` see request_reset."""
        async with self.database.connection() as conn:
            await mails.request_verification(conn, user_id=user_id, anyway=anyway)

    async def delete_written(self, email: str) -> None:
        """Delete the mails to an address that were written into files; the log says if that fails."""
        try:
            await asyncio.to_thread(delete_written, self.folder, email)
        except OSError as error:
            log.error("mails_not_deleted", cause=error.strerror)

    def by_kind(self) -> Mapping[str, Prepare]:
        """What makes each of the mails, for the channel."""
        return {"reset_password": self._prepare_reset, "verify_email": self._prepare_verification}

    async def _prepare_reset(self, delivery: Delivery) -> EmailMessage | None:
        email = str((delivery.data or {}).get("email"))
        async with self.database.connection() as conn:
            _, known = await accounts.find_credentials(conn, email=email)
        return None if known is None else await self._prepare(delivery, known.id, "reset_password", RESET_TTL_S)

    async def _prepare_verification(self, delivery: Delivery) -> EmailMessage | None:
        return await self._prepare(delivery, delivery.user_id or 0, "verify_email", VERIFY_TTL_S)

    async def _prepare(self, delivery: Delivery, user_id: int, purpose: Purpose, ttl_s: int) -> EmailMessage | None:
        anyway = (delivery.data or {}).get("anyway", True)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self.database.connection() as conn:
            person = await mails.find_recipient(conn, user_id=user_id)
            if person is None or (purpose == "verify_email" and person.email_verified):
                return None
            if not anyway and await account_tokens.has_token(
                conn, user_id=user_id, purpose=purpose, good_for_s=GOOD_FOR_S
            ):
                return None
            await account_tokens.insert_token(
                conn, token_hash=hash_of(token), user_id=user_id, purpose=purpose, ttl_s=ttl_s
            )
        # In the query, since the pages work without JavaScript; they keep it out of the address that they show.
        link = f"{self.public_url.rstrip('/')}/{PAGES[purpose]}?token={token}" if self.public_url else None
        values = {
            "token": token,
            "link": link,
            "page": f"/{PAGES[purpose]}",
            "minutes": ttl_s // 60,
            "days": ttl_s // 86_400,
        }
        return compose(
            self.templates.render(purpose, person.language, values),
            message_id=message_id(delivery),
            sender=self.mail_from,
            to_name=person.name,
            to_email=person.email,
        )
