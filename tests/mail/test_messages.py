"""Mails as they are composed: text and HTML, and no header or address but the intended ones."""

import email
from email import policy
from email.message import EmailMessage

import pytest

from reservation.mail.messages import Undeliverable, compose
from tests.mailbox import text_of

ENCODED = ["=?utf-8?q?a=0D=0ABcc=3Aeve=40example.com?=@example.com"]
VALUES = {"page": "/page", "token": "t" * 43, "link": None, "minutes": 30, "days": 3}


def composed(*, name: str = "Ada", address: str = "ada@example.com", **values: object) -> EmailMessage:
    mail = compose(
        "reset_password",
        sender="Box Office <tickets@example.org>",
        to_name=name,
        to_email=address,
        values=VALUES | values,
    )
    return email.message_from_string(mail.as_bytes(policy=policy.SMTPUTF8).decode(), policy=policy.SMTPUTF8)


@pytest.mark.parametrize("template", ["reset_password", "verify_email"])
@pytest.mark.parametrize("link", [None, "https://example.org/page?token=abc"])
def test_a_mail_has_text_and_html_with_the_token_or_the_link(template: str, link: str | None) -> None:
    mail = compose(
        template, sender="a@example.org", to_name="A", to_email="b@example.org", values=VALUES | {"link": link}
    )
    assert mail.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        assert (link or "t" * 43) in text_of(mail, kind)
        assert ("t" * 43 in text_of(mail, kind)) is (link is None)
    assert mail["Subject"]
    assert "{" not in text_of(mail)


def test_html_is_escaped() -> None:
    assert 'href="https://e.org/?a=1&amp;b=&lt;"' in text_of(composed(link="https://e.org/?a=1&b=<"), "html")


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
    assert mail["Subject"] == "Choose a new password"


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
