"""/metrics on a port of its own, for a process that serves nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from .handlers.ops import metrics


@asynccontextmanager
async def metrics_on(host: str, port: int) -> AsyncIterator[None]:
    """Serve /metrics until the end of the block; raises OSError if the address is not free."""
    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
