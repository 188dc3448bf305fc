"""The read replicas of the application, which are probed while it runs."""

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from .db.replicas.probes import open_replicas
from .http import app_keys
from .reports.reports import TIMEOUT_S


async def read_replicas(app: web.Application) -> AsyncIterator[None]:
    """Open the replicas of DATABASE_READ_URL, if there are any."""
    log = structlog.stdlib.get_logger("reservation.replicas")
    lines = app[app_keys.DATABASE].lines
    async with open_replicas(app[app_keys.SETTINGS], lines, log, report_s=TIMEOUT_S) as replicas:
        if replicas is not None:
            app[app_keys.REPLICAS] = app[app_keys.REPORTS].replicas = replicas
        yield
