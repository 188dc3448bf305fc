"""Mails as they are sent: headers, text, HTML and attachments."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

import idna

from .rendering import MailText

MAX_NAME_CHARS = 100
MAX_SUBJECT_CHARS = 200
ENCODED_WORD = "=?"  # begins an encoded word (RFC 2047)


class Undeliverable(Exception):
    """The mail can never be delivered; the message names no person."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; `media_type` is such as application/pdf."""

    name: str
    media_type: str
    content: bytes


def compose(
    text: MailText,
    *,
    message_id: str,
    sender: str,
    to_name: str,
    to_email: str,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """A mail; `message_id` is what its Message-ID has before the domain, `sender` an address with or without a name.

    Raises Undeliverable.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient(to_name, to_email)
    message["Subject"] = one_line(text.subject)[:MAX_SUBJECT_CHARS]
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{message_id}@{message['From'].addresses[0].domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
    message.set_content(text.text)
    message.add_alternative(text.html, subtype="html")
    for each in attachments:
        maintype, _, subtype = each.media_type.partition("/")
        message.add_attachment(each.content, maintype=maintype, subtype=subtype, filename=each.name)
    return message


def recipient(name: str, email: str) -> Address:
    """The value of To, without what would begin another header; raises Undeliverable."""
    local_part, _, domain = email.rpartition("@")
    display_name = one_line(name)[:MAX_NAME_CHARS]
    try:
        # IDNA 2008, since IDNA 2003, which Python has, sends the mail for straße.de to strasse.de.
        address = Address(display_name, username=local_part, domain=idna.encode(domain, uts46=True).decode())
    except ValueError:
        address = None
    if address is None or ENCODED_WORD in local_part:
        raise Undeliverable("no mail can have this address")
    return address


def one_line(text: str) -> str:
    """A text for a header: without line breaks and other unprintable characters, and without encoded words.

    Python decodes encoded words of a header that it is given, and then writes the line breaks in them.
    """
    return " ".join("".join(each if each.isprintable() else " " for each in text).split()).replace(ENCODED_WORD, "= ?")
