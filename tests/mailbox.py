"""Mails that the service has written into files, as it does without SMTP_URL."""

import asyncio
import email
import re
from email import policy
from email.message import EmailMessage
from pathlib import Path

from tests.api import Api

CONFIRM_ADDRESS = "Confirm your e-mail address"  # the subject of the mail after a sign-up
LINE_OF_TOKEN = re.compile(r"^([A-Za-z0-9_-]{43})$", re.MULTILINE)


def mails_to(folder: Path, address: str) -> list[EmailMessage]:
    """The mails to an address, the oldest first; `folder` is MAIL_DIR."""
    contents = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
    mails = [email.message_from_bytes(content, policy=policy.SMTPUTF8) for content in contents]
    return [mail for mail in mails if mail["To"].addresses[0].addr_spec == address]


def last_to(folder: Path, address: str) -> EmailMessage:
    """The last mail to an address; that of its sign-up, which is sent beside others, may come after it."""
    return [mail for mail in mails_to(folder, address) if mail["Subject"] != CONFIRM_ADDRESS][-1]


async def mail_to(api: Api | None, folder: Path, address: str, subject: str, *, number: int = 1) -> EmailMessage:
    """The mail to an address with a subject; `number` counts those with this subject.

    The mails that wait are sent by `api`, or without one by a background process that is running.
    """
    if api is not None:
        await api.work()
    async with asyncio.timeout(10):
        while True:
            found = [mail for mail in mails_to(folder, address) if mail["Subject"] == subject]
            if len(found) >= number:
                return found[number - 1]
            await asyncio.sleep(0.005)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The text, or with "html" the HTML, of a mail."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def reset_token(api: Api | None, folder: Path, address: str, *, number: int = 1) -> str:
    """The token for a new password that was mailed to an address."""
    return _token(await mail_to(api, folder, address, "Choose a new password", number=number))


async def verification_token(api: Api | None, folder: Path, address: str, *, number: int = 1) -> str:
    """The token that confirms an address, which was mailed to it."""
    return _token(await mail_to(api, folder, address, "Confirm your e-mail address", number=number))


def _token(mail: EmailMessage) -> str:
    found = LINE_OF_TOKEN.search(text_of(mail))
    assert found is not None
    return found[1]
