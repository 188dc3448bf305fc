"""Sends mails beside the requests, so that no request waits for a mail server; retries those that fail.

Mails that wait are in memory: the end of the worker loses them, and the log says how many.
"""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import TypeAlias

from aiosmtplib import SMTPException
from structlog.stdlib import BoundLogger

from ..errors import Unavailable
from ..runtime.cancellation import cancel_and_wait
from . import metrics
from .messages import Undeliverable
from .rendering import WrongTemplate
from .transports import Deliver

MAX_WAITING = 1000
AT_ONCE = 4
RETRY_AFTER_S = (5.0, 30.0, 120.0, 600.0)
LAST_MAILS_S = 2.0

# Makes the mail, or None if there is none to send; raises Undeliverable, and Unavailable, after
# which it is called again.
Prepare: TypeAlias = Callable[[], Awaitable[EmailMessage | None]]


class MailSender:
    """The mails of one worker."""

    def __init__(self, deliver: Deliver, log: BoundLogger) -> None:
        self._deliver = deliver
        self._log = log
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting: set[asyncio.Task[None]] = set()
        metrics.MAILS_WAITING.read = self._waiting.__len__

    def submit(self, kind: str, prepare: Prepare) -> None:
        """Send a mail soon; `kind` names it in the log, which has no name, address or token of a person."""
        if len(self._waiting) >= MAX_WAITING:
            metrics.MAILS_GIVEN_UP.counts[kind] += 1
            self._log.error("mail_dropped", kind=kind, waiting=MAX_WAITING)
            return
        task = asyncio.create_task(self._send(kind, prepare))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Wait a little for mails on their way, and drop the others."""
        if not self._waiting:
            return
        _, lost = await asyncio.wait(self._waiting, timeout=LAST_MAILS_S)
        await cancel_and_wait(lost)
        if lost:
            self._log.error("mails_lost", count=len(lost))

    async def _send(self, kind: str, prepare: Prepare) -> None:
        message: EmailMessage | None = None
        for attempt, delay_s in enumerate((*RETRY_AFTER_S, None), start=1):
            try:
                async with self._places:
                    message = message or await prepare()
                    if message is not None:
                        await self._deliver(message)
                        metrics.MAILS_SENT.counts[kind] += 1
                        self._log.info("mail_sent", kind=kind, attempt=attempt)
                return
            except (Unavailable, SMTPException, OSError, TimeoutError) as error:
                if delay_s is None:
                    metrics.MAILS_GIVEN_UP.counts[kind] += 1
                    self._log.error("mail_failed", kind=kind, attempt=attempt, cause=str(error))
                    return
                metrics.MAILS_RETRIED.counts[kind] += 1
                self._log.warning("mail_postponed", kind=kind, attempt=attempt, for_s=delay_s, cause=str(error))
            except (Undeliverable, WrongTemplate) as error:
                metrics.MAILS_GIVEN_UP.counts[kind] += 1
                self._log.error("mail_failed", kind=kind, attempt=attempt, cause=str(error))
                return
            except Exception:  # a bug in one mail must not become an unread exception of a task
                metrics.MAILS_GIVEN_UP.counts[kind] += 1
                self._log.exception("mail_failed", kind=kind, attempt=attempt)
                return
            await asyncio.sleep(delay_s)
