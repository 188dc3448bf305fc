"""Mails sent beside the requests: retried with growing pauses, bounded, and logged without a person's data."""

import asyncio
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage

import pytest
import structlog
from structlog.testing import CapturingLogger

from reservation.errors import DatabaseUnavailable
from reservation.mail import sender as sender_module
from reservation.mail.messages import Undeliverable
from reservation.mail.sender import RETRY_AFTER_S, MailSender
from reservation.mail.transports import Deliver, smtp_delivery
from tests.mail.conftest import StartSmtp
from tests.mail.test_transports import mail

Start = Callable[..., MailSender]


@pytest.fixture
def log() -> CapturingLogger:
    """What the sender logs."""
    return CapturingLogger()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which take no time."""
    taken: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        taken.append(delay_s)
        await real_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return taken


@pytest.fixture
async def start(log: CapturingLogger) -> AsyncIterator[Start]:
    """Makes senders that are closed at the end."""
    senders: list[MailSender] = []

    def make(deliver: Deliver) -> MailSender:
        senders.append(MailSender(deliver, structlog.wrap_logger(log, processors=[lambda _, __, event: ((), event)])))
        return senders[-1]

    yield make
    for each in senders:
        await each.close()


async def prepared() -> EmailMessage:
    return mail()


async def all_done(sender: MailSender) -> None:
    async with asyncio.timeout(20):
        while sender._waiting:
            await asyncio.wait(sender._waiting)


def events(log: CapturingLogger) -> list[str]:
    return [call.kwargs["event"] for call in log.calls]


async def test_a_mail_that_fails_is_sent_again_by_a_real_server_and_once(
    start: Start, start_smtp: StartSmtp, log: CapturingLogger, pauses: list[float]
) -> None:
    server = start_smtp()
    server.replies = [("RCPT", "451 ada@example.com later"), ("DATA", "421 later")]
    sender = start(smtp_delivery(f"smtp://127.0.0.1:{server.port}"))
    sender.submit("reset_password", prepared)
    await all_done(sender)
    assert len(server.taken) == 1
    assert tuple(pauses) == RETRY_AFTER_S[:2]
    assert events(log) == ["mail_postponed", "mail_postponed", "mail_sent"]
    assert "ada" not in str(log.calls)
    assert "t" * 43 not in str(log.calls)


async def test_pauses_grow_and_after_the_last_the_mail_is_given_up_with_an_error(
    start: Start, log: CapturingLogger, pauses: list[float]
) -> None:
    tries: list[EmailMessage] = []

    async def refuse(message: EmailMessage) -> None:
        tries.append(message)
        raise ConnectionRefusedError("refused")

    sender = start(refuse)
    sender.submit("verify_email", prepared)
    await all_done(sender)
    assert len(tries) == len(RETRY_AFTER_S) + 1
    assert len({id(message) for message in tries}) == 1  # not prepared again: its token would be another
    assert tuple(pauses) == RETRY_AFTER_S
    assert list(RETRY_AFTER_S) == sorted(set(RETRY_AFTER_S))
    assert log.calls[-1].method_name == "error"
    assert events(log)[-1] == "mail_failed"


async def test_a_mail_that_cannot_be_delivered_is_not_sent_again(
    start: Start, log: CapturingLogger, pauses: list[float]
) -> None:
    async def refuse(_: EmailMessage) -> None:
        raise Undeliverable("recipient refused: 550")

    sender = start(refuse)
    sender.submit("verify_email", prepared)
    await all_done(sender)
    assert (pauses, events(log)) == ([], ["mail_failed"])


async def test_a_mail_that_cannot_be_prepared_for_now_is_prepared_again(start: Start, pauses: list[float]) -> None:
    delivered: list[EmailMessage] = []
    failures = [DatabaseUnavailable()]

    async def prepare() -> EmailMessage:
        if failures:
            raise failures.pop()
        return mail()

    async def deliver(message: EmailMessage) -> None:
        delivered.append(message)

    sender = start(deliver)
    sender.submit("reset_password", prepare)
    await all_done(sender)
    assert (len(delivered), len(pauses)) == (1, 1)


async def test_nothing_is_sent_or_logged_where_there_is_no_mail(start: Start, log: CapturingLogger) -> None:
    async def nothing() -> None:
        return None

    async def deliver(_: EmailMessage) -> None:
        raise AssertionError

    sender = start(deliver)
    sender.submit("reset_password", nothing)
    await all_done(sender)
    assert log.calls == []


async def test_mails_beyond_the_bound_are_dropped_and_logged_and_few_are_sent_at_once(
    start: Start, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "MAX_WAITING", 10)
    go_on, running, most = asyncio.Event(), 0, 0

    async def deliver(_: EmailMessage) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1

    sender = start(deliver)
    for _ in range(12):
        sender.submit("verify_email", prepared)
    assert events(log) == ["mail_dropped"] * 2
    go_on.set()
    await all_done(sender)
    assert events(log)[2:] == ["mail_sent"] * 10
    assert most <= sender_module.AT_ONCE


async def test_the_end_of_the_worker_waits_for_mails_on_their_way_and_says_how_many_are_lost(
    start: Start, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "LAST_MAILS_S", 0.05)
    delivered: list[EmailMessage] = []
    started = asyncio.Event()

    async def deliver(message: EmailMessage) -> None:
        if started.is_set():
            await asyncio.Event().wait()
        started.set()
        delivered.append(message)

    sender = start(deliver)
    sender.submit("verify_email", prepared)
    sender.submit("verify_email", prepared)
    await sender.close()
    assert len(delivered) == 1
    assert (log.calls[-1].kwargs["event"], log.calls[-1].kwargs["count"]) == ("mails_lost", 1)
