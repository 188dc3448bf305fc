"""Mails as they are composed: text, HTML, attachments, and no header or address but the intended ones."""

import email
from email import policy
from email.message import EmailMessage

import pytest

from reservation.mail.messages import Attachment, Undeliverable, compose
from reservation.mail.rendering import MailText
from tests.mailbox import text_of

ENCODED = ["=?utf-8?q?a=0D=0ABcc=3Aeve=40example.com?=@example.com"]


def composed(*, name: str = "Ada", address: str = "ada@example.com", subject: str = "A subject") -> EmailMessage:
    mail = compose(
        MailText(subject, "A text\n", "<p>A text</p>"),
        message_id="17.abc",
        sender="Box Office <tickets@example.org>",
        to_name=name,
        to_email=address,
        attachments=[Attachment("tickets.pdf", "application/pdf", b"%PDF")],
    )
    return email.message_from_string(mail.as_bytes(policy=policy.SMTPUTF8).decode(), policy=policy.SMTPUTF8)


def test_a_mail_has_text_html_and_attachments_and_its_message_id_in_the_domain_of_the_sender() -> None:
    mail = composed()
    assert (text_of(mail).strip(), text_of(mail, "html").strip()) == ("A text", "<p>A text</p>")
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("tickets.pdf", "application/pdf")
    assert attached.get_payload(decode=True) == b"%PDF"
    assert mail["Message-ID"] == "<17.abc@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("subject", ["A\r\nBcc: eve@example.com", "=?utf-8?q?A=0ABcc:_eve@example.com?=", "x" * 2000])
def test_a_subject_adds_no_header(subject: str) -> None:
    mail = composed(subject=subject)
    assert sorted(mail.keys()) == sorted(composed().keys())
    assert [address.addr_spec for address in mail["To"].addresses] == ["ada@example.com"]


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com",
        "Ada\rBcc: eve@example.com",
        "Ada\u2028Bcc: eve@example.com",
        "Ada\x0bBcc: eve@example.com\x1c\x85",
        'Ada" <eve@example.com>, "',
        "Ada <eve@example.com>, Eve",
        "eve@example.com,",
        "=?utf-8?q?Ada=0ABcc:_eve@example.com?=",
        "=?utf-8?b?CkJjYzogZXZlQGV4YW1wbGUuY29t?=",
        "==??utf-8?q?Ada=0ABcc:_eve@example.com?=",
        "=\0?utf-8?q?Ada=0ABcc:_eve@example.com?=",
        "\\",
        "x" * 200,
        "Ádá 🎬 艾达 " * 10,
        "\u202eevil",
    ],
)
def test_a_name_adds_neither_a_header_nor_a_recipient(name: str) -> None:
    mail = composed(name=name)
    assert sorted(mail.keys()) == sorted(composed().keys())
    assert [address.addr_spec for address in mail["To"].addresses] == ["ada@example.com"]
    assert [address.addr_spec for address in mail["From"].addresses] == ["tickets@example.org"]
    assert mail["Subject"] == "A subject"


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("ada+tag@example.com", "ada+tag@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@КИНО.example", "ada@xn--h1adke.example"),
        ("äda@example.com", "äda@example.com"),
        ("a.@example.com", "a.@example.com"),
    ],
)
def test_an_address_becomes_one_recipient_with_its_domain_in_punycode(address: str, sent_to: str) -> None:
    [recipient] = composed(address=address)["To"].addresses
    assert f"{recipient.username}@{recipient.domain}" == sent_to


@pytest.mark.parametrize(
    "address", ["ada@example.com\r\nBcc: eve@example.com", "ada@exa mple.com", "ada\n@example.com", *ENCODED]
)
def test_an_address_with_a_line_break_a_blank_or_an_encoded_word_is_no_mail(address: str) -> None:
    with pytest.raises(Undeliverable):
        composed(address=address)
