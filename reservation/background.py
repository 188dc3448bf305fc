"""The background process: it moves events into the feed, makes the deliveries, and runs jobs that no request waits for.

It is the application's resources without a listening socket. `reservation serve` runs one beside its workers, and
`reservation work` one alone; several may run at once, also on several machines.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
import uvloop
from aiohttp import web
from structlog.stdlib import BoundLogger

from . import resources
from .booking.jobs.schedule import Job, start_jobs
from .db.repository import mails, webhooks
from .errors import Unavailable
from .http import app_keys
from .http.metrics_listener import metrics_on
from .http.output.responses import encode
from .http.tracing import tracing
from .mail.channel import MailChannel
from .mail.reminders import add_reminders
from .mail.reservation_mails import ReservationMails
from .mail.transports import file_transport, smtp_transport
from .outbox import cleanup
from .outbox.deliveries import DeliveryChannel
from .outbox.relay import Relay
from .outbox.relayed import RelayedEvents
from .payments.jobs import payment_jobs
from .runtime import exposition
from .runtime.cancellation import cancel_and_wait
from .runtime.heartbeat import beat_forever
from .runtime.log_output import standard_error
from .runtime.logs import configure_logs
from .runtime.redis_client import RedisClient
from .settings import Settings
from .start_checks import CannotStart
from .tickets.mail_attachments import mail_attachments
from .webhooks.addresses import AllowedNetworks
from .webhooks.channel import WebhookChannel
from .webhooks.client import WebhookClient

RELAY_EVERY_S = 0.25
MEASURE_EVERY_S = 15
CLEAN_UP_EVERY_S = 300
REMIND_EVERY_S = 60
LAST_LOG_LINES_S = 1.0
MAILS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """All that runs in the background of one process."""

    relay: Relay
    channels: Sequence[DeliveryChannel]
    jobs: Sequence[Job]
    redis: RedisClient
    log: BoundLogger

    @classmethod
    def of(cls, app: web.Application) -> "BackgroundWork":
        """The work of an application whose resources are open."""
        database = app[app_keys.DATABASE]
        log = structlog.stdlib.get_logger("reservation.background")
        remind = partial(add_reminders, database, reminder_s=app[app_keys.SETTINGS].reminder_s)
        reminders = (Job("add_reminders", REMIND_EVERY_S, remind, shared=True),)
        jobs = (
            *(reminders if app[app_keys.SETTINGS].reminder_s else ()),
            Job("measure_outbox", MEASURE_EVERY_S, partial(cleanup.measure, database)),
            Job("delete_old_events", CLEAN_UP_EVERY_S, partial(cleanup.delete_old_events, database), shared=True),
            Job("delete_old_deliveries", CLEAN_UP_EVERY_S, cleanup.OldDeliveries(database).delete),
            *payment_jobs(app[app_keys.PAYMENTS]),
        )
        relayed = RelayedEvents()
        deliver = _mail_channel(app).deliver
        channels = (
            DeliveryChannel(database, "mail", deliver, log, at_once=MAILS_AT_ONCE, relayed=relayed),
            _webhooks(app, relayed),
        )
        add_deliveries = (mails.add_deliveries, webhooks.add_deliveries)
        return cls(Relay(database, add_deliveries, relayed), channels, jobs, app[resources.REDIS], log)

    async def run_due(self) -> None:
        """Run each job once, and move and deliver until nothing is due; raises Unavailable."""
        for job in self.jobs:
            await job.run()
        while True:
            done = await self.relay.move()
            for channel in self.channels:
                done += await channel.run_due()
            if not done:
                return

    async def run_forever(self) -> None:
        """Run everything until it is cancelled."""
        tasks = [asyncio.create_task(self._relay_forever())]
        tasks += [asyncio.create_task(channel.run_forever()) for channel in self.channels]
        tasks += start_jobs(self.jobs, self.redis, self.log)
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_and_wait(tasks)

    async def close(self) -> None:
        """Finish what is under way, or leave it to the next process."""
        await asyncio.gather(*[channel.close() for channel in self.channels])

    async def _relay_forever(self) -> None:
        while True:
            try:
                await self.relay.move()
            except Unavailable as error:
                self.log.warning("relay_postponed", cause=repr(error.__cause__))
            # After every run: without a pause each would move a few events only, and a run costs more than they do.
            await asyncio.sleep(RELAY_EVERY_S)


def run(
    settings: Settings,
    *,
    on_ready: Callable[[], None],
    beat: Callable[[], None] = lambda: None,
    metrics_address: tuple[str, int] | None = None,
) -> None:
    """Work until SIGTERM or SIGQUIT; raises CannotStart. `beat` is called twice a second until then.

    `metrics_address`: host and port on which /metrics is served; None where a worker of `serve` shows the counts.
    """
    configure_logs(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(settings, on_ready, beat, metrics_address))
    finally:
        standard_error().drain(LAST_LOG_LINES_S)


async def published_metrics(_: web.Application) -> AsyncIterator[None]:
    """Publish the counts once a second, for a worker beside it to show."""
    publishing = asyncio.create_task(exposition.publish_for_ever())
    yield
    await cancel_and_wait([publishing])
    exposition.publish()


async def _metrics(address: tuple[str, int], app: web.Application) -> AsyncIterator[None]:
    host, port = address
    try:
        async with metrics_on(host, port, app[app_keys.SETTINGS]):
            yield
    except OSError as error:
        raise CannotStart(f"/metrics cannot be served: {error.strerror}") from error


async def _work(
    settings: Settings,
    on_ready: Callable[[], None],
    beat: Callable[[], None],
    metrics_address: tuple[str, int] | None,
) -> None:
    app = web.Application()
    app[app_keys.SETTINGS] = settings
    if settings.traces:
        app.cleanup_ctx.append(tracing)
    app.cleanup_ctx.extend([published_metrics, resources.postgresql, resources.redis_and_booking])
    app.cleanup_ctx.extend([resources.accounts, resources.tickets, resources.payments, resources.subscription])
    if metrics_address is not None:
        app.cleanup_ctx.append(partial(_metrics, metrics_address))
    runner = web.AppRunner(app, access_log=None)
    beating = asyncio.create_task(beat_forever(beat))
    try:
        await runner.setup()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        work = BackgroundWork.of(app)
        tasks = [asyncio.create_task(_until(ended)), asyncio.create_task(work.run_forever())]
        exposition.publish()
        on_ready()
        # The work only ends by a defect; then the process does, and the supervisor starts another one.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await cancel_and_wait(tasks)
        await work.close()
        for task in done:
            task.result()
    finally:
        await runner.cleanup()
        await cancel_and_wait([beating])


def _mail_channel(app: web.Application) -> MailChannel:
    """Sends by SMTP_URL, or without it into files."""
    settings, own = app[app_keys.SETTINGS], app[app_keys.ACCOUNTS].mails
    reservation_mails = ReservationMails(
        own.database,
        own.templates,
        mail_from=own.mail_from,
        public_url=own.public_url,
        make_attachments=partial(mail_attachments, app[app_keys.TICKETS]),
    )
    transport = smtp_transport(settings.smtp_url) if settings.smtp_url else file_transport(own.folder)
    log = structlog.stdlib.get_logger("reservation.mail")
    return MailChannel(transport, {**own.by_kind(), **reservation_mails.by_kind()}, log)


def _webhooks(app: web.Application, relayed: RelayedEvents) -> WebhookChannel:
    settings = app[app_keys.SETTINGS]
    return WebhookChannel(
        app[app_keys.DATABASE],
        WebhookClient(AllowedNetworks(settings.webhook_allowed_networks)),
        structlog.stdlib.get_logger("reservation.webhooks"),
        encode=encode,
        currency=settings.currency,
        relayed=relayed,
    )


async def _until(event: asyncio.Event) -> None:
    await event.wait()
