"""`reservation serve`, `reservation work` and `reservation openapi`."""

from pathlib import Path

import click

from .. import serving
from ..settings import Settings
from .options import current_settings, current_stores, data_dir


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 128), help="Number of processes.")
@click.option("--no-worker", is_flag=True, help="Without the background process: `reservation work` runs elsewhere.")
@click.option("--no-migrate", is_flag=True, help="Do not apply pending migrations; stop if there are any.")
@click.option("--demo", "with_demo", is_flag=True, help="Fill in the demo data, and print a short guide.")
@data_dir
def serve(
    host: str, port: int, workers: int, no_worker: bool, no_migrate: bool, with_demo: bool, data_dir: Path | None
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    serving.serve(
        lambda: current_settings(data_dir),
        host=host,
        port=port,
        workers=workers,
        background=not no_worker,
        migrate=not no_migrate,
        demo=with_demo,
    )


@click.command()
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of /metrics and /health.")
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), help="Port of /metrics and /health; without it, there is none."
)
@data_dir
def work(metrics_host: str, metrics_port: int | None, data_dir: Path | None) -> None:
    """Send mails, call webhooks and run jobs until Ctrl-C or SIGTERM.

    `reservation serve` does so unless it is told --no-worker. Several may run at once, each with a port of its own for
    /metrics.
    """
    from .. import background  # noqa: PLC0415 - imports prometheus_client, which `serve` must not do before it forks

    manager = serving.ServiceManager()

    def on_ready() -> None:
        click.echo("reservation work is ready")
        manager.ready()

    with current_stores(data_dir) as settings:
        background.run(
            settings,
            metrics_address=None if metrics_port is None else (metrics_host, metrics_port),
            on_ready=on_ready,
            beat=manager.alive,
        )


@click.command()
def openapi() -> None:
    """Print the OpenAPI document.

    It is what /openapi.json serves; needs no stores.
    """
    from .. import app  # noqa: PLC0415 - imports prometheus_client, which `serve` must not do before it forks

    click.echo(app.openapi_json(Settings.from_env()))
