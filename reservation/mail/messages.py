"""Mails composed from templates: `<template>.txt`, whose first line is the subject, and `<template>.html`."""

from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import idna
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

MAX_NAME_CHARS = 100
ENCODED_WORD = "=?"  # begins an encoded word (RFC 2047)


class Undeliverable(Exception):
    """The mail can never be delivered; the message names no person."""


TEMPLATES = Environment(
    loader=PackageLoader("reservation.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def compose(template: str, *, sender: str, to_name: str, to_email: str, values: Mapping[str, object]) -> EmailMessage:
    """A mail with text and HTML; `sender` is an address with or without a name, `values` are for the template.

    Raises Undeliverable.
    """
    subject, _, text = TEMPLATES.get_template(f"{template}.txt").render(values).partition("\n")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient(to_name, to_email)
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
    message.set_content(text.lstrip("\n"))
    message.add_alternative(TEMPLATES.get_template(f"{template}.html").render(values), subtype="html")
    return message


def recipient(name: str, email: str) -> Address:
    """The value of To, without what would begin another header; raises Undeliverable."""
    local_part, _, domain = email.rpartition("@")
    one_line = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    # Python decodes encoded words of a header that it is given, and then writes the line breaks in them.
    display_name = one_line.replace(ENCODED_WORD, "= ?")[:MAX_NAME_CHARS]
    try:
        # IDNA 2008, since IDNA 2003, which Python has, sends the mail for straße.de to strasse.de.
        address = Address(display_name, username=local_part, domain=idna.encode(domain, uts46=True).decode())
    except ValueError:
        address = None
    if address is None or ENCODED_WORD in local_part:
        raise Undeliverable("no mail can have this address")
    return address
