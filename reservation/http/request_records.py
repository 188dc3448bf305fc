"""The records of every request: a line in the access log, and its count in the metrics."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ..runtime import metrics
from ..runtime.access_log import AccessLog
from ..runtime.cancellation import cancel_and_wait
from ..runtime.log_output import standard_error
from .app_keys import ACCESS_LOG, SETTINGS


async def request_records(app: web.Application) -> AsyncIterator[None]:
    """Open the access log, if it is on, and publish the counts once a second."""
    settings = app[SETTINGS]
    if settings.access_log and settings.log_level in ("debug", "info"):
        app[ACCESS_LOG] = AccessLog(standard_error().write)
    await asyncio.to_thread(metrics.merge_ended_workers)
    publishing = asyncio.create_task(metrics.publish_for_ever())
    yield
    await cancel_and_wait([publishing])
    metrics.publish()
    if ACCESS_LOG in app:
        app[ACCESS_LOG].flush()
