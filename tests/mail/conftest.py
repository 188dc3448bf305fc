"""A real SMTP server, which a test tells what to reply."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from reservation.mail.rendering import MailTemplates
from tests.ports import free_port

TEMPLATES = MailTemplates(
    None, site_name="Lichtburg & Co", site_url="https://example.org", currency="EUR", language="en"
)
CERTIFICATE = Path(__file__).parents[1] / "holds" / "localhost.pem"


@dataclass
class SmtpServer:
    """Takes mails; `replies` to RCPT and DATA are used up first, and after that every mail is taken."""

    port: int
    replies: list[tuple[str, str]] = field(default_factory=list)  # a command, and the reply to it
    taken: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # recipients, for good
    silent_after: int | None = None  # it takes further mails, and does not reply
    is_silent: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: Any) -> str:  # noqa: N802
        if address in self.refused:
            return f"550 no {address} here"
        if (reply := self._next("RCPT")) is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        if (reply := self._next("DATA")) is None:
            self.taken.append(envelope)
        if self.silent_after is not None and len(self.taken) > self.silent_after:
            self.is_silent.set()
            await asyncio.Event().wait()  # until the client leaves
        return reply or "250 OK"

    def authenticate(self, _: Any, __: Any, ___: Any, ____: str, login: Any) -> AuthResult:
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=True)

    def _next(self, command: str) -> str | None:
        if self.replies and self.replies[0][0] == command:
            return self.replies.pop(0)[1]
        return None


StartSmtp = Callable[..., SmtpServer]


class _Stopping:
    def __init__(self, controller: Controller) -> None:
        self.close = controller.stop


@pytest.fixture
def start_smtp() -> Iterator[StartSmtp]:
    """Starts servers with the options of aiosmtpd's Controller; `starttls` and `smtps` give it the certificate."""
    with ExitStack() as stack:

        def start(
            *, port: int | None = None, starttls: bool = False, smtps: bool = False, utf8: bool = True
        ) -> SmtpServer:
            server = SmtpServer(port or free_port())
            options: dict[str, Any] = {"authenticator": server.authenticate, "enable_SMTPUTF8": utf8}
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERTIFICATE)
            if starttls:
                options |= {"tls_context": context, "auth_require_tls": True}
            elif smtps:
                options |= {"ssl_context": context, "auth_require_tls": False}
            else:
                options |= {"auth_require_tls": False}
            controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
            controller.start()
            stack.enter_context(closing(_Stopping(controller)))
            return server

        yield start
