"""What is kept of every request: a line in the access log, and its count in the metrics."""

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from ..runtime import metrics
from ..runtime.access_log import AccessLog
from .app_keys import ACCESS_LOG, SETTINGS


async def request_records(app: web.Application) -> AsyncIterator[None]:
    """Open the access log, where it is wanted; hand the counts over to the metrics once a second."""
    settings = app[SETTINGS]
    access_log = None
    if settings.access_log and settings.log_level in ("debug", "info"):
        access_log = app[ACCESS_LOG] = AccessLog(sys.stderr.buffer)
    handing_over = asyncio.create_task(metrics.hand_over_for_ever())
    yield
    handing_over.cancel()
    await asyncio.wait([handing_over])
    metrics.hand_over()
    if access_log is not None:
        access_log.flush()
