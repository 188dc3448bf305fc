"""The mails with a token that accounts need: to choose a new password, and to confirm the e-mail address."""

import asyncio
import secrets
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from hashlib import sha256
from pathlib import Path

import structlog

from ..db.pool import Database
from ..db.repository import account_tokens, accounts
from ..db.repository.account_tokens import Purpose
from ..db.repository.accounts import User
from ..mail.messages import compose
from ..mail.rendering import MailTemplates
from ..mail.sender import MailSender
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
    """Sends the mails of accounts; `public_url` is the web site that the links lead to, None for no links.

    `folder` is where mails are written without SMTP_URL; with it, there may be some from before.
    """

    database: Database
    sender: MailSender
    templates: MailTemplates
    mail_from: str
    public_url: str | None
    folder: Path

    def send_reset(self, email: str, *, anyway: bool = True) -> None:
        """Mail a token for a new password to the account with an address, if there is one.

        Not `anyway`: only if it has none that is good for a while, since a mail with it was sent a few minutes ago.
        The look-up is part of the sending, so that the request takes the same time for an unknown address.
        """
        self.sender.submit("reset_password", partial(self._prepare_reset, email, anyway))

    def send_verification(self, user: User, *, anyway: bool = True) -> None:
        """Mail a token that confirms the address of an account; for `anyway` see send_reset."""
        self.sender.submit("verify_email", partial(self._prepare, user, "verify_email", VERIFY_TTL_S, anyway))

    async def delete_written(self, email: str) -> None:
        """Delete the mails to an address that were written into files; the log says if that fails."""
        try:
            await asyncio.to_thread(delete_written, self.folder, email)
        except OSError as error:
            log.error("mails_not_deleted", cause=error.strerror)

    async def _prepare_reset(self, email: str, anyway: bool) -> EmailMessage | None:
        async with self.database.connection() as conn:
            _, known = await accounts.find_credentials(conn, email=email)
            user = None if known is None else await accounts.find_user(conn, user_id=known.id)
        return None if user is None else await self._prepare(user, "reset_password", RESET_TTL_S, anyway)

    async def _prepare(self, user: User, purpose: Purpose, ttl_s: int, anyway: bool) -> EmailMessage | None:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self.database.connection() as conn:
            if not anyway and await account_tokens.has_token(
                conn, user_id=user.id, purpose=purpose, good_for_s=GOOD_FOR_S
            ):
                return None
            await account_tokens.insert_token(
                conn, token_hash=hash_of(token), user_id=user.id, purpose=purpose, ttl_s=ttl_s
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
            self.templates.render(purpose, None, values),
            message_id=secrets.token_hex(16),
            sender=self.mail_from,
            to_name=user.name,
            to_email=user.email,
        )
