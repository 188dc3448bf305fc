"""The service as processes: a supervisor that runs the stores and the schema, and forks the workers.

The supervisor stays single-threaded, since it forks. It imports the workers' libraries before the first fork, but not
prometheus_client, which decides at its import whether the workers share their metrics.
"""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..db import migrations as schema
from ..db.sql_overrides import verified_statements
from ..db.statements import use
from ..embedded import stores
from ..identity import admins
from ..seed import demo as demonstration
from ..seed.demo_guide import guide
from ..settings import Settings
from .configuration import Configuration, read_again
from .listening import CannotListen, listening, reachable_address, require_free
from .service_manager import ServiceManager
from .signals import Signals
from .supervisor import ServerLost, StartFailed, Supervisor

__all__ = ["CannotListen", "ServerLost", "ServiceManager", "StartFailed", "serve"]


def serve(
    read_settings: Callable[[], Settings],
    *,
    host: str,
    port: int,
    workers: int,
    background: bool,
    migrate: bool,
    demo: bool,
) -> None:
    """Run the service until SIGTERM or SIGINT; called from the main thread. The settings are read again on SIGHUP.

    `background`: with the process that makes deliveries; without it, `reservation work` has to run somewhere.

    Raises InvalidSettings, CannotListen, EmbeddedError (DataDirInUse), SchemaError, StatementsRefused,
    StartFailed, ServerLost, and SystemExit when a signal comes during the start.
    """
    settings, signals, manager = read_settings(), Signals(), ServiceManager()
    with signals.handled():
        require_free(host, port)
        with stores(settings, attach_to_running=False) as filled_in:
            configuration = _prepare(filled_in, migrate=migrate, demo=demo, own_stores=settings.embedded)
            signals.starting = False
            with (
                _shared_metrics(settings, workers + background),
                listening(host, port, workers, backlog=settings.listen_backlog) as sockets,
            ):
                supervisor = Supervisor(
                    configuration,
                    sockets,
                    signals,
                    lambda: read_again(read_settings(), running=settings),
                    background=background,
                    on_alive=manager.alive,
                )
                try:
                    supervisor.start()
                    if not signals.stop_requested:
                        _announce(sockets[0], settings, demo=demo)
                        manager.ready()
                    supervisor.watch()
                finally:
                    manager.stopping()
                    supervisor.stop()


def _prepare(settings: Settings, *, migrate: bool, demo: bool, own_stores: bool) -> Configuration:
    if migrate:
        for migration in schema.apply(settings.direct_url):
            print(f"applied migration {migration}", flush=True)
    else:
        schema.require_current(settings.database_url or "")
    configuration = Configuration(settings, verified_statements(settings))
    use(configuration.statements)
    admins.ensure_admin(settings)
    if demo:
        demonstration.seed(settings.direct_url, with_admin=own_stores)
    return configuration


def _announce(sock: socket.socket, settings: Settings, *, demo: bool) -> None:
    host, port = reachable_address(sock)
    # One name everywhere: without TLS, some browsers keep the site's cookies at localhost only.
    shown = "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
    base_url = f"http://{shown}:{port}"
    print(f"reservation is ready on {base_url}", flush=True)
    if demo:
        print(guide(base_url, settings), flush=True)


@contextmanager
def _shared_metrics(settings: Settings, processes: int) -> Iterator[None]:
    """Several processes add up their metrics in a new folder; a single worker keeps them in its memory."""
    if processes == 1:
        yield
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-", dir=settings.data_dir, ignore_cleanup_errors=True) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
