"""`reservation migrate` and `reservation schema`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from ..db import migrations
from ..embedded import stores
from .options import as_json, current_settings, current_stores, data_dir, print_json, require_data


@click.command()
@click.option(
    "--rollback",
    type=click.IntRange(1),
    metavar="N",
    help="Roll back the last N migrations instead, with the data in what they made; stop the service first.",
)
@click.option("--yes", is_flag=True, help="Do not ask before a rollback, as a terminal is otherwise asked.")
@click.option(
    "--accept-edited",
    multiple=True,
    metavar="NAME",
    help="Record the edited file of this applied migration as the applied one, without running it; may be repeated.",
)
@click.option("--status", is_flag=True, help="Show whether each migration is applied, pending or edited, and stop.")
@click.option("--dry-run", is_flag=True, help="Name the migrations that would be applied, and stop.")
@as_json
@data_dir
def migrate(
    rollback: int | None,
    yes: bool,
    accept_edited: tuple[str, ...],
    status: bool,
    dry_run: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Apply, show or roll back migrations.

    Without an option, the pending ones are applied.
    """
    modes = {"--rollback": rollback, "--accept-edited": accept_edited, "--status": status, "--dry-run": dry_run}
    given = [name for name, value in modes.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.")
    if as_json and not status:
        raise click.UsageError("--json goes with --status.")
    with _postgresql(data_dir, create=not (status or dry_run)) as url:
        if status:
            _show(migrations.status(url), as_json=as_json)
        elif dry_run:
            for name in migrations.to_apply(url):
                click.echo(name)
        elif rollback:
            _report("rolled back", migrations.rollback(url, rollback, agree=lambda names: _ask(names, yes=yes)))
        else:
            _report("applied", migrations.apply(url, accept_edited=accept_edited))


@contextmanager
def _postgresql(data_dir: Path | None, *, create: bool) -> Iterator[str]:
    """The URL that migrations use; with `create`, embedded servers without data are set up."""
    settings = current_settings(data_dir)
    require_data(settings, create=create)
    with stores(settings, attach_to_running=True) as filled_in:
        yield filled_in.direct_url


def _ask(names: Sequence[str], *, yes: bool) -> None:
    if not yes and sys.stdin.isatty():
        click.confirm(f"Roll back {', '.join(names)}, and lose the data in what they made?", abort=True, err=True)


def _report(done: str, names: Sequence[str]) -> None:
    for name in names:
        click.echo(f"{done} {name}")
    if not names:
        click.echo("nothing to do")


def _show(states: Sequence[migrations.Status], *, as_json: bool) -> None:
    if as_json:
        print_json([each._asdict() for each in states])
        return
    width = max(len(each.name) for each in states)
    for each in states:
        click.echo(f"{each.name:<{width}}  {each.state}")


@click.command()
@click.option("--mermaid", is_flag=True, help="Print docs/dba/schema.md instead: the tables as a Mermaid diagram.")
@data_dir
def schema(mermaid: bool, data_dir: Path | None) -> None:
    """Print the database's schema as SQL.

    pg_dump writes it; sql/schema.sql is what it should be.
    """
    from ..dba import schema_diagram, schema_dump  # noqa: PLC0415 - `migrate` starts without them

    with current_stores(data_dir, create=True) as settings:
        text = schema_dump.script(settings.database_url or "", bin_dir=settings.postgres_bin_dir)
        click.echo(schema_diagram.page(text) if mermaid else text, nl=False)
