"""Where mails go: to an SMTP server, or into files of a folder."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.parser import HeaderParser
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import aiosmtplib

from ..outbox.deliveries import DeliveryFailed
from ..runtime.network_errors import in_words
from .messages import Undeliverable, recipient

SMTP_TIMEOUT_S = 15.0
SMTPS_PORT, SUBMISSION_PORT = 465, 587
TAKEN = 250  # what the server replies to a mail that it takes
PERMANENT = 500  # replies from this code on

# Sends one mail, and returns the code of the server's reply, if there is a server; raises DeliveryFailed.
Transport: TypeAlias = Callable[[EmailMessage], Awaitable[int | None]]


def smtp_transport(url: str) -> Transport:
    """Deliver to smtp://user:password@host:port, with STARTTLS if the server has it, or smtps://, with TLS.

    A user name and a password go over TLS only.
    """
    parts = urlsplit(url)
    is_smtps = parts.scheme == "smtps"
    username = unquote(parts.username) if parts.username else None
    send = partial(
        aiosmtplib.send,
        hostname=parts.hostname or "localhost",
        port=parts.port or (SMTPS_PORT if is_smtps else SUBMISSION_PORT),
        username=username,
        password=unquote(parts.password or "") if username else None,
        use_tls=is_smtps,
        start_tls=False if is_smtps else (True if username else None),
        timeout=SMTP_TIMEOUT_S,
    )

    async def deliver(message: EmailMessage) -> int | None:
        # Of a reply only the code is kept: its text may have the person's address.
        try:
            await send(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused("recipient", error.recipients[0].code) from None  # there is one
        except aiosmtplib.SMTPDataError as error:
            raise _refused("mail", error.code) from None
        except aiosmtplib.SMTPResponseException as error:  # of the login or the sender: for the operator to mend
            raise DeliveryFailed(f"{_refused_part(error)} refused: {error.code}", status_code=error.code) from None
        except aiosmtplib.SMTPNotSupported:
            raise DeliveryFailed("the server has no SMTPUTF8, which this address needs", is_permanent=True) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise DeliveryFailed(in_words(error) or str(error) or "no answer in time") from error
        return TAKEN

    return deliver


def _refused_part(error: aiosmtplib.SMTPResponseException) -> str:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "login"
    return "sender" if isinstance(error, aiosmtplib.SMTPSenderRefused) else "connection"


def _refused(what: str, code: int) -> DeliveryFailed:
    return DeliveryFailed(f"{what} refused: {code}", status_code=code, is_permanent=code >= PERMANENT)


def file_transport(folder: Path) -> Transport:
    """Write each mail into a file of its own, which only this user may read: mails contain tokens."""

    def write(content: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{time_ns()}-{secrets.token_hex(4)}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(content)
        unfinished.rename(path)

    async def deliver(message: EmailMessage) -> int | None:
        try:
            await asyncio.to_thread(write, message.as_bytes(policy=policy.SMTPUTF8))
        except OSError as error:
            raise DeliveryFailed(f"{folder} cannot be written: {error.strerror}") from error
        return None

    return deliver


def delete_written(folder: Path, email: str) -> None:
    """Delete the files of the mails to an address, as the account has it; blocks, and raises OSError."""
    try:
        address = recipient("", email).addr_spec
    except Undeliverable:
        return
    for path in folder.glob("*.eml"):
        with suppress(FileNotFoundError):  # another request has deleted it
            with path.open(encoding="utf-8") as file:
                to = HeaderParser(policy=policy.SMTPUTF8).parse(file)["To"]
            if address in [each.addr_spec for each in to.addresses]:
                path.unlink()
