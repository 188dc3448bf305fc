"""`reservation psql`."""

import sys
from pathlib import Path

import click

from ..dba import client_programs
from ..embedded.binaries import client_program
from .options import current_stores, data_dir


@click.command(context_settings={"ignore_unknown_options": True})
@data_dir
@click.argument("arguments", metavar="[ARG]...", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], data_dir: Path | None) -> None:
    """Open psql, with its own options and arguments, on the service's database.

    Embedded servers that are not running are started, and stopped when psql ends.
    """
    with current_stores(data_dir, any_schema=True) as settings:
        program = client_program("psql", settings.postgres_bin_dir)
        status = client_programs.run_psql(program, settings.database_url or "", arguments)
    sys.exit(status)
