"""The supervisor: stores, schema, accounts, then the workers; everything stops in the opposite order.

This process stays single-threaded, since it forks.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..db import migrations as schema, sql_overrides as tuning
from ..embedded import stores
from ..identity import admins
from ..seed import demo as demonstration
from ..settings import Settings
from .listening import CannotListen, PortTaken, listening, reachable_address, require_free
from .reload_requests import ReloadRequests
from .workers import Crew, ServerLost, StartFailed, StopRequest

__all__ = ["CannotListen", "PortTaken", "ServerLost", "StartFailed", "serve"]


def serve(settings: Settings, *, host: str, port: int, workers: int, migrate: bool, demo: bool) -> None:
    """Run the service until SIGTERM or SIGINT; called from the main thread.

    Raises CannotListen (PortTaken), EmbeddedError (DataDirInUse), SchemaError, StatementsRefused, StartFailed,
    ServerLost, and SystemExit when a signal comes during the start.
    """
    stop = StopRequest()
    requests = ReloadRequests(stop.note)
    with stop.on_signals(), requests.on_signal():
        require_free(host, port)
        with stores(settings, attach_to_running=False) as filled_in:
            _prepare(filled_in, migrate=migrate, demo=demo, own_stores=settings.embedded)
            stop.unwinds = False
            with (
                _shared_metrics(settings, workers),
                listening(host, port, workers) as sockets,
                requests.door(settings, sockets[0].getsockname()[1]),
            ):
                crew = Crew(filled_in, sockets, stop, requests)
                try:
                    crew.start()
                    if not stop.requested:
                        _announce(sockets[0], demo=demo, own_stores=settings.embedded)
                    crew.watch()
                finally:
                    crew.stop()


def _prepare(settings: Settings, *, migrate: bool, demo: bool, own_stores: bool) -> None:
    if migrate:
        for migration in schema.apply(settings.direct_url):
            print(f"applied migration {migration}", flush=True)
    else:
        schema.require_current(settings.database_url or "")
    tuning.adopt(settings)
    admins.ensure_admin(settings)
    if demo:
        demonstration.seed(settings.direct_url, with_admin=own_stores)


def _announce(sock: socket.socket, *, demo: bool, own_stores: bool) -> None:
    host, port = reachable_address(sock)
    base_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"reservation is ready on {base_url}", flush=True)
    if demo:
        print(demonstration.guide(base_url, with_admin=own_stores), flush=True)


@contextmanager
def _shared_metrics(settings: Settings, workers: int) -> Iterator[None]:
    """Give several workers a fresh folder to add up their metrics in; one worker needs none."""
    if workers == 1:
        yield
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-", dir=settings.data_dir, ignore_cleanup_errors=True) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
