"""A worker: the application on a listening socket, from its own readiness check until a signal ends it."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import orjson
import uvloop
from aiohttp import web

from .app import make_app
from .errors import HoldsUnavailable
from .http.accepting import AcceptingSite
from .http.app_keys import DRAINING, STOPPING
from .http.connections import ServiceRunner
from .http.output.problems import STATUS_AND_CODE
from .runtime import exposition
from .runtime.cancellation import cancel_and_wait
from .runtime.heartbeat import beat_forever
from .runtime.log_output import standard_error
from .runtime.logs import configure_logs
from .settings import Settings
from .start_checks import CannotStart

# New objects before the garbage collector looks for cycles: a request makes some forty objects and hardly any cycle.
GC_THRESHOLD = 10_000
KEEPALIVE_S = 75.0
LAST_LOG_LINES_S = 1.0
TICK_S = 0.05
HOLDS_UNAVAILABLE = STATUS_AND_CODE[HoldsUnavailable][1]


def run(settings: Settings, sock: socket.socket, *, on_ready: Callable[[], None], beat: Callable[[], None]) -> None:
    """Serve until SIGTERM, which finishes the requests under way, or SIGQUIT, which drains; raises CannotStart.

    SIGUSR1 announces a SIGTERM: /ready is 503 from then on, and each answer closes its connection.
    `beat` is called twice a second from before `on_ready` on.
    """
    configure_logs(settings.log_level)
    _raise_open_files_limit()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, sock, on_ready, beat))
    finally:
        standard_error().drain(LAST_LOG_LINES_S)


async def _serve(
    settings: Settings, sock: socket.socket, on_ready: Callable[[], None], beat: Callable[[], None]
) -> None:
    app = make_app(settings)
    # aiohttp waits for the requests under way, and then as long again until they have ended: together SHUTDOWN_SECONDS.
    wait_s = settings.shutdown_s / 2
    runner = ServiceRunner(app, access_log=None, shutdown_timeout=wait_s, keepalive_timeout=KEEPALIVE_S)
    beating = asyncio.create_task(beat_forever(beat))
    try:
        await runner.setup()
        server = cast("web.Server", runner.server)  # which setup has made
        await _require_ready(server)
        _exclude_from_collection()
        signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1):
            asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
        site = AcceptingSite(runner, sock, backlog=settings.listen_backlog)
        await site.start()
        exposition.publish()  # so that a scrape of any worker counts this one as soon as it is ready
        on_ready()
        while (number := await signals.get()) == signal.SIGUSR1:
            app[STOPPING].set()
            app[DRAINING].set()
        if number == signal.SIGQUIT:
            app[DRAINING].set()
            await site.stop()
            await _connections_closed(server, signals, settings.shutdown_s / 2)
        app[DRAINING].set()
    finally:
        await runner.cleanup()
        await cancel_and_wait([beating])


async def _require_ready(server: web.Server) -> None:
    """Ask for /ready over a connection of the worker's own, before it takes any from the listening socket.

    Without Redis the worker starts all the same: it confirms, cancels and shows the catalogue, and goes on when Redis
    is back. Raises CannotStart for everything else.
    """
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(server, theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    if not head.startswith(b"HTTP/1.1 200 ") and _code(body) != HOLDS_UNAVAILABLE:
        raise CannotStart(f"the new worker is not ready: {body.decode(errors='replace')}")


def _code(body: bytes) -> str:
    """The code of a problem; it is that of PostgreSQL where both stores fail."""
    try:
        return str(orjson.loads(body)["code"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


async def _connections_closed(server: web.Server, signals: "asyncio.Queue[signal.Signals]", longest_s: float) -> None:
    """Wait until every connection is closed, which each is after a response with `Connection: close`.

    Idle ones are waited for, too: a client may be sending its next request, which would fail on a closed connection.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + longest_s
    while server.connections and signals.empty() and loop.time() < deadline:  # noqa: ASYNC110 - aiohttp has no event
        await asyncio.sleep(TICK_S)


def _raise_open_files_limit() -> None:
    """Allow as many connections as the system does: each viewer of a live map keeps one open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):  # some systems have a hard limit above what they grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _exclude_from_collection() -> None:
    """Objects made by the start live until the end, so the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
