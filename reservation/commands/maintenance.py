"""Commands on the stores: `reservation archive`, `reservation audit` and `reservation psql`."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from ..booking.archive import LEAST_AGE_DAYS, Archived, archive, count_showtimes
from ..dba import client_programs
from ..dba.audit import audit_stores
from ..embedded.binaries import client_program
from ..runtime.progress import progress
from ..settings import Settings
from .import_export import day_or_time, tool_database
from .options import current_stores, data_dir


@click.command("archive")
@click.option(
    "--before",
    callback=day_or_time,
    required=True,
    metavar="DAY or TIME",
    help=f"Showtimes that ended before this day (in UTC), or this time; at least {LEAST_AGE_DAYS} days ago.",
)
@data_dir
def archive_command(before: datetime, data_dir: Path | None) -> None:
    """Move the reservations of past showtimes to the archive.

    See docs/dba/storage.md. It can run beside the service, be stopped at any moment, and be run again.
    """
    if before > datetime.now(UTC) - timedelta(days=LEAST_AGE_DAYS):
        raise click.BadParameter(f"must be at least {LEAST_AGE_DAYS} days ago", param_hint="'--before'")
    with current_stores(data_dir) as settings:
        done = asyncio.run(_archive(settings, before))
    click.echo(f"{done.reservations:,} reservations of {done.showtimes:,} showtimes archived")
    if done.left:
        click.echo(f"{done.left:,} were left: they are in use, too new, or what `reservation audit` names", err=True)


async def _archive(settings: Settings, before: datetime) -> Archived:
    # As the login of DATABASE_URL: DATABASE_ROLE may not delete reservations.
    async with tool_database(replace(settings, database_role=None), "archive") as database:
        with progress("showtimes", await count_showtimes(database, before=before)) as advance:
            return await archive(database, before=before, advance=advance)


@click.command("audit")
@data_dir
def audit_command(data_dir: Path | None) -> None:
    """Check the invariants in PostgreSQL and Redis.

    Exit status 1 if one is violated.
    """
    with current_stores(data_dir) as settings:
        violations = asyncio.run(audit_stores(settings, tool="audit"))
    for violation in violations:
        click.echo(violation)
    if violations:
        sys.exit(1)
    click.echo("audit: every invariant holds")


@click.command(context_settings={"ignore_unknown_options": True})
@data_dir
@click.argument("arguments", metavar="[ARG]...", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], data_dir: Path | None) -> None:
    """Open psql, with its own options and arguments, on the service's database.

    Embedded servers that are not running are started, and stopped when psql ends.
    """
    with current_stores(data_dir, any_schema=True) as settings:
        url = settings.database_url or ""
        program = client_program("psql", settings.postgres_bin_dir, with_tls=client_programs.needs_tls(url))
        status = client_programs.run_psql(program, url, arguments)
    sys.exit(status)
