"""The command `reservation archive`."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from ..booking.archive import LEAST_AGE_DAYS, Archived, archive, count_showtimes
from ..runtime.progress import quiet_progress
from ..settings import Settings
from .import_export import data_dir, own_database, when


@click.command("archive")
@click.option(
    "--before",
    callback=when,
    required=True,
    metavar="DAY or TIME",
    help=f"Showtimes that ended before this day (in UTC), or this time; at least {LEAST_AGE_DAYS} days ago.",
)
@data_dir
@click.pass_context
def archive_command(context: click.Context, before: datetime, data_dir: Path | None) -> None:
    """Move the reservations of showtimes that are long over into the archive; docs/dba/storage.md tells what follows.

    It can run beside the service, be stopped at any moment, and be run again.
    """
    if before > datetime.now(UTC) - timedelta(days=LEAST_AGE_DAYS):
        raise click.BadParameter(f"must be at least {LEAST_AGE_DAYS} days ago", param_hint="'--before'")

    async def run(settings: Settings) -> Archived:
        # By the owner, or whoever DATABASE_URL names: the service's role may not delete what was sold.
        async with own_database(replace(settings, database_role=None), "archive") as database:
            with quiet_progress("showtimes", await count_showtimes(database, before=before)) as advance:
                return await archive(database, before=before, advance=advance)

    with context.obj(data_dir) as settings:
        done = asyncio.run(run(settings))
    click.echo(f"{done.reservations:,} reservations of {done.showtimes:,} showtimes archived")
    if done.left:
        click.echo(f"{done.left:,} were left: they are in use, too new, or what `reservation audit` names", err=True)
