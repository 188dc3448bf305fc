"""The commands `reservation sql plans` and `reservation seed plans`: stored plans, and what they are made on."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click
import orjson

from ..dba import buffer_bounds as hot_path, statement_headers as statements, stored_plans as plans
from ..dba.buffer_bounds import Touched
from ..dba.explain import connected
from ..dba.statement_headers import Statement
from ..dba.stored_plans import Compared
from ..seed import plan_volume
from ..settings import Settings
from .sql import HOW_TO_KEEP_THEM, NoStatistics, as_json, data_dir, existing

VOLUMES = {volume.name: volume for volume in plan_volume.VOLUMES}
by_volume = click.option(
    "--volume",
    default=plan_volume.VOLUMES[0].name,
    show_default=True,
    type=click.Choice(list(VOLUMES)),
    help="Of which size the database is.",
)


@dataclass(frozen=True, slots=True)
class _Found:
    compared: Sequence[Compared]
    touched: Sequence[Touched]
    left_over: Sequence[Path]

    @property
    def is_good(self) -> bool:
        are_as_stored = all(one.is_as_stored for one in self.compared)
        return are_as_stored and not self.left_over and not any(one.is_too_much for one in self.touched)


def all_existing(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Names of statements; all of those that have a plan, if none was given."""
    known = plans.planned()
    found = [existing(context, parameter, value).name for value in values]
    for name in found:
        if name not in known:
            raise click.BadParameter(f"{name} is none of the service's, and has no stored plan")
    return found or known


@click.command("plans")
@click.argument("chosen", metavar="[NAME]...", nargs=-1, callback=all_existing)
@click.option("--accept", is_flag=True, help="Store the plans as they are now.")
@by_volume
@as_json
@data_dir
@click.pass_context
def plans_command(
    context: click.Context,
    chosen: list[str],
    accept: bool,
    volume: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Compare plans with the stored ones; exit status 1 and the difference for each that has changed.

    For a database that `reservation seed plans` has filled, since plans hang on what there is; it is vacuumed and
    analyzed. Statements are carried out and rolled back, those of SQL_DIR in place of shipped ones. Without NAMEs, also
    counts what those of the hot path touch, and fails for more than is stated.
    """
    folder = plans.plans_dir() / volume
    is_all = len(chosen) == len(plans.planned())
    with context.obj(data_dir) as settings:
        loaded = [statements.load(name) for name in chosen]  # not before SQL_DIR was looked at
        found = asyncio.run(_look(settings, loaded, folder, is_all=is_all))
    if accept:
        for one in found.compared:
            plans.accept(one, folder)
        for path in found.left_over:
            path.unlink()
    if as_json:
        _print_json(found)
    else:
        _print(found, accepted=accept)
    if not found.is_good and not (accept and not any(one.is_too_much for one in found.touched)):
        sys.exit(1)


async def _look(settings: Settings, chosen: Sequence[Statement], folder: Path, *, is_all: bool) -> _Found:
    await plan_volume.tidy(settings.database_url or "")
    async with connected(settings, chosen[0]) as connection:
        compared = [await plans.compare(connection, statement, folder) for statement in chosen]
        if not is_all:
            return _Found(compared, (), ())
        try:
            touched = [await hot_path.touched(connection, bound) for bound in hot_path.bounds(plans.hot_path_file())]
        except (asyncpg.UndefinedTableError, asyncpg.ObjectNotInPrerequisiteStateError) as error:
            raise NoStatistics(HOW_TO_KEEP_THEM) from error
    return _Found(compared, touched, plans.without_statement(folder))


def _print(found: _Found, *, accepted: bool) -> None:
    changed = [one for one in found.compared if not one.is_as_stored]
    for one in changed:
        click.echo(one.difference() + "\n")
    for path in found.left_over:
        click.echo(f"{path}: there is no such statement any more")
    if found.touched:
        click.echo(f"{'hot path':<32}{'of':>4}{'buffers':>10}{'at most':>10}")
    for touched in found.touched:
        bound = touched.bound
        remark = "  too many" if touched.is_too_much else ""
        click.echo(f"{bound.name:<32}{bound.size:>4}{touched.buffers:>10,}{bound.buffers:>10,}{remark}")
    state = "stored anew" if accepted else "changed"
    click.echo(f"sql plans: {len(found.compared) - len(changed)} plans are as stored, {len(changed)} {state}")


def _print_json(found: _Found) -> None:
    content = {
        "changed": {one.name: one.difference() for one in found.compared if not one.is_as_stored},
        "as_stored": [one.name for one in found.compared if one.is_as_stored],
        "without_statement": [str(path) for path in found.left_over],
        "hot_path": [
            {"name": one.bound.name, "size": one.bound.size, "buffers": one.buffers, "at_most": one.bound.buffers}
            for one in found.touched
        ],
    }
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))


@click.command("plans")
@by_volume
@data_dir
@click.pass_context
def seed_plans(context: click.Context, volume: str, data_dir: Path | None) -> None:
    """Fill an empty database with what `reservation sql plans` is for: volume, and live holds, keys and sessions."""
    with context.obj(data_dir, create=True) as settings:
        summary = asyncio.run(plan_volume.fill(settings.database_url or "", VOLUMES[volume]))
    click.echo(str(summary))
