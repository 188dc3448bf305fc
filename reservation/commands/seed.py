"""`reservation seed`: demo and generated data."""

import asyncio
from pathlib import Path

import click

from ..seed import demo, plan_volume, scale as generated
from .options import current_settings, current_stores, data_dir


@click.group()
def seed() -> None:
    """Fill the database with demo or generated data."""


@seed.command("demo")
@data_dir
def seed_demo(data_dir: Path | None) -> None:
    """Real films, three auditoriums, two weeks of showtimes; repeated, it adds the missing days."""
    given = current_settings(data_dir)
    with current_stores(data_dir, create=True) as settings:
        seeded = demo.seed(settings.database_url or "", with_admin=given.embedded)
    where = f" in {given.data_dir}" if given.embedded else ""
    click.echo(f"demo data written{where}" if seeded else f"the demo data is there already{where}")


@seed.command("scale")
@click.option("--showtimes", default=1000, show_default=True, type=click.IntRange(1), help="Number of showtimes.")
@click.option("--seats", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Seats a room.")
@click.option("--users", default=1000, show_default=True, type=click.IntRange(1), help="Number of customers.")
@click.option(
    "--reservations", default=10_000, show_default=True, type=click.IntRange(0), help="Number of reservations."
)
@data_dir
def seed_scale(showtimes: int, seats: int, users: int, reservations: int, data_dir: Path | None) -> None:
    """Consistent data of any volume, for load tests and for tuning SQL."""
    with current_stores(data_dir, create=True) as settings:
        summary = generated.scale(
            settings.database_url or "", showtimes=showtimes, seats=seats, users=users, reservations=reservations
        )
    click.echo(str(summary))


@seed.command("plans")
@data_dir
def seed_plans(data_dir: Path | None) -> None:
    """Fill an empty database for `reservation sql plans`: a million reservations, live holds, API keys and sessions."""
    with current_stores(data_dir, create=True) as settings:
        summary = asyncio.run(plan_volume.fill(settings.database_url or ""))
    click.echo(str(summary))
