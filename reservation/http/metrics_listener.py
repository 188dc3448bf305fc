"""/metrics and /health on a port of their own, for a process that serves nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from ..errors import NotAuthenticated
from ..settings import Settings
from .app_keys import SETTINGS
from .handlers.ops import health, metrics


@asynccontextmanager
async def metrics_on(host: str, port: int, settings: Settings) -> AsyncIterator[None]:
    """Serve /metrics until the end of the block, for callers with the METRICS_TOKEN if one is set, and /health for all.

    Raises OSError if the address is not free.
    """
    app = web.Application()
    app[SETTINGS] = settings
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


async def _metrics(request: web.Request) -> web.StreamResponse:
    try:
        return await metrics(request)
    except NotAuthenticated as error:
        raise web.HTTPUnauthorized from error
