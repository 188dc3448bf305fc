"""Mails delivered to a real SMTP server, and into files."""

import asyncio
import email
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from reservation.mail import transports
from reservation.mail.messages import compose
from reservation.mail.transports import file_transport, smtp_transport
from reservation.outbox.deliveries import DeliveryFailed
from tests.mail.conftest import CERTIFICATE, TEMPLATES, StartSmtp
from tests.mailbox import text_of

# aiosmtplib does not wait until TLS is closed, so the test's event loop may end before that.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")


def mail(to: str = "ada@example.com") -> EmailMessage:
    values = {"token": "t" * 43, "link": None, "page": "/reset-password", "minutes": 30, "days": 3}
    text = TEMPLATES.render("reset_password", None, values)
    return compose(text, message_id="1", sender="Box <box@example.org>", to_name="Ada", to_email=to)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's certificate is trusted, as one of a public authority is."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


async def test_a_mail_arrives_with_its_addresses_text_and_html(start_smtp: StartSmtp) -> None:
    server = start_smtp()
    await smtp_transport(f"smtp://127.0.0.1:{server.port}")(mail())
    [taken] = server.taken
    assert (taken.mail_from, taken.rcpt_tos) == ("box@example.org", ["ada@example.com"])
    received = email.message_from_bytes(taken.original_content or b"", policy=policy.SMTP)
    assert isinstance(received, EmailMessage)
    assert received["To"] == "Ada <ada@example.com>"
    assert "t" * 43 in text_of(received)
    assert "t" * 43 in text_of(received, "html")


@pytest.mark.usefixtures("trusted")
async def test_starttls_is_used_where_the_server_has_it_and_the_login_goes_over_it(start_smtp: StartSmtp) -> None:
    server = start_smtp(starttls=True)
    await smtp_transport(f"smtp://box%40example.org:p%3A%25@127.0.0.1:{server.port}")(mail())
    assert server.logins == [("box@example.org", "p:%")]
    assert len(server.taken) == 1


@pytest.mark.usefixtures("trusted")
async def test_smtps_speaks_tls_from_the_beginning(start_smtp: StartSmtp) -> None:
    server = start_smtp(smtps=True)
    await smtp_transport(f"smtps://box:secret@127.0.0.1:{server.port}")(mail())
    assert (server.logins, len(server.taken)) == ([("box", "secret")], 1)


async def test_a_login_is_not_sent_without_tls(start_smtp: StartSmtp) -> None:
    server = start_smtp()
    with pytest.raises(DeliveryFailed, match="STARTTLS"):
        await smtp_transport(f"smtp://box:secret@127.0.0.1:{server.port}")(mail())
    assert (server.logins, server.taken) == ([], [])


@pytest.mark.parametrize("kind", ["starttls", "smtps"])
async def test_a_server_without_a_trusted_certificate_gets_no_mail(start_smtp: StartSmtp, kind: str) -> None:
    server = start_smtp(**{kind: True})
    scheme = "smtps" if kind == "smtps" else "smtp"
    with pytest.raises(DeliveryFailed):
        await smtp_transport(f"{scheme}://127.0.0.1:{server.port}")(mail())
    assert server.taken == []


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_a_refusal_for_good_is_undeliverable_and_one_for_now_is_not(start_smtp: StartSmtp, command: str) -> None:
    server = start_smtp()
    deliver = smtp_transport(f"smtp://127.0.0.1:{server.port}")
    server.replies = [(command, "550 no ada@example.com here"), (command, "451 ada@example.com is busy")]
    with pytest.raises(DeliveryFailed) as for_good:
        await deliver(mail())
    with pytest.raises(DeliveryFailed) as for_now:
        await deliver(mail())
    failures = [(each.value.status_code, each.value.is_permanent) for each in (for_good, for_now)]
    assert failures == [(550, True), (451, False)]
    assert "ada" not in f"{for_good.value}{for_now.value}"  # the log has no addresses
    assert await deliver(mail()) == 250
    assert len(server.taken) == 1


async def test_an_address_beyond_ascii_needs_smtputf8(start_smtp: StartSmtp) -> None:
    able, unable = start_smtp(), start_smtp(utf8=False)
    await smtp_transport(f"smtp://127.0.0.1:{able.port}")(mail("ädä@straße.example"))
    assert able.taken[0].rcpt_tos == ["ädä@xn--strae-oqa.example"]
    with pytest.raises(DeliveryFailed, match="SMTPUTF8") as failure:
        await smtp_transport(f"smtp://127.0.0.1:{unable.port}")(mail("ädä@example.com"))
    assert failure.value.is_permanent


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "SMTP_TIMEOUT_S", 0.05)
    left = asyncio.Event()

    async def never_greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client leaves
        writer.close()
        left.set()

    silent = await asyncio.start_server(never_greets, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(DeliveryFailed):
            await smtp_transport(f"smtp://127.0.0.1:{port}")(mail())
        async with asyncio.timeout(10):
            await left.wait()


async def test_a_mail_is_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "mail"
    deliver = file_transport(folder)
    await asyncio.gather(*(deliver(mail(f"{name}@example.com")) for name in "abc"))
    files = sorted(folder.iterdir())
    assert [path.suffix for path in files] == [".eml"] * 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
