"""`reservation sql`: the group, and `plans`, which compares plans with the stored ones; `sql.py` has the others."""

import asyncio
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ..dba import buffer_bounds, statement_headers as statements, stored_plans
from ..dba.buffer_bounds import Bound
from ..dba.explain import connected
from ..dba.statement_headers import Statement
from ..dba.stored_plans import Compared
from ..seed import plan_volume
from ..settings import Settings
from .options import as_json, current_stores, data_dir, print_json


@click.group("sql")
def sql_group() -> None:
    """List, check and explain the statements in sql/, and show what they cost."""


def existing(_: click.Context, __: click.Parameter, value: str) -> Statement:
    """A statement by its name, or by its file's path such as sql/movies/find_movie.sql."""
    name = value.removeprefix("sql/").removesuffix(".sql")
    names = statements.names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        raise click.BadParameter(f"there is no {name}.sql" + (f"; perhaps {', '.join(close)}?" if close else ""))
    return statements.load(name)


@dataclass(frozen=True, slots=True)
class _Found:
    """All plans, the buffers that each bounded statement touches, and the stored plans without a statement.

    The plans of `stored_again` differed at first, and were as stored after another REINDEX, VACUUM and ANALYZE.
    """

    compared: Sequence[Compared]
    touched: Sequence[tuple[Bound, int]]
    left_over: Sequence[Path]
    stored_again: Sequence[str]

    @property
    def changed(self) -> list[Compared]:
        return [one for one in self.compared if not one.is_as_stored]

    @property
    def exceeds_bounds(self) -> bool:
        return any(buffers > bound.buffers for bound, buffers in self.touched)


def all_existing(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Names of statements that have a stored plan; all of them if none was given."""
    known = stored_plans.planned()
    found = [existing(context, parameter, value).name for value in values]
    for name in found:
        if name not in known:
            raise click.BadParameter(f"{name} has no stored plan: the service does not run it")
    return found or known


@sql_group.command("plans")
@click.argument("chosen", metavar="[NAME]...", nargs=-1, callback=all_existing)
@click.option("--accept", is_flag=True, help="Store the plans as they are now.")
@as_json
@data_dir
def plans(chosen: list[str], accept: bool, as_json: bool, data_dir: Path | None) -> None:
    """Compare plans with the stored ones; print each difference, and exit with status 1 if there is one.

    A plan that differs is compared again after another REINDEX, VACUUM and ANALYZE; only the second time counts.

    Needs a database that `reservation seed plans` has filled; vacuums and analyzes it. Each statement runs and is
    rolled back, those of SQL_DIR in place of shipped ones. Without NAMEs, also counts the buffers of the statements in
    sql/plans/buffer_bounds.txt, and fails if one touches more than its bound.
    """
    folder = stored_plans.PLANS_DIR
    is_all = len(chosen) == len(stored_plans.planned())
    with current_stores(data_dir) as settings:
        loaded = [statements.load(name) for name in chosen]  # after SQL_DIR was read
        found = asyncio.run(_compare(settings, loaded, folder, is_all=is_all))
    if accept:
        for one in found.compared:
            stored_plans.store(one, folder)
        for path in found.left_over:
            path.unlink()
    if as_json:
        _print_json(found)
    else:
        _print(found, accepted=accept)
    if found.exceeds_bounds or (not accept and (found.changed or found.left_over)):
        sys.exit(1)


async def _compare(settings: Settings, chosen: Sequence[Statement], folder: Path, *, is_all: bool) -> _Found:
    await plan_volume.vacuum(settings.database_url or "")
    limits = buffer_bounds.bounds(stored_plans.BOUNDS_FILE) if is_all else ()
    async with connected(settings, chosen[0]) as connection:
        # Before the plans: their statements run, and what one deletes and rolls back is read from the table again.
        touched = [(bound, await buffer_bounds.touched_buffers(connection, bound)) for bound in limits]
        compared = {one.name: await stored_plans.compare(connection, one, folder) for one in chosen}
        changed = [one for one in chosen if compared[one.name].is_changed]
        if changed:  # Estimates come from random samples of rows, so what differs is compared with another sample.
            await plan_volume.vacuum(settings.database_url or "")
            compared |= {one.name: await stored_plans.compare(connection, one, folder) for one in changed}
    again = [one.name for one in changed if compared[one.name].is_as_stored]
    without_statement = stored_plans.without_statement(folder) if is_all else ()
    return _Found(list(compared.values()), touched, without_statement, again)


def _print(found: _Found, *, accepted: bool) -> None:
    if found.touched:
        click.echo(f"{'statement':<32}{'items':>6}{'buffers':>10}{'bound':>10}")
    for bound, buffers in found.touched:
        remark = "  too many" if buffers > bound.buffers else ""
        click.echo(f"{bound.name:<32}{bound.size:>6}{buffers:>10,}{bound.buffers:>10,}{remark}")
    for one in found.changed:
        click.echo(one.difference() + "\n")
    for path in found.left_over:
        click.echo(f"{path}: its statement does not exist any more")
    for name in found.stored_again:
        click.echo(f"{name}: its plan differed, and is as stored after another REINDEX, VACUUM and ANALYZE")
    changed = len(found.changed)
    state = "stored anew" if accepted else "changed"
    click.echo(f"sql plans: {len(found.compared) - changed} plans are as stored, {changed} {state}")


def _print_json(found: _Found) -> None:
    print_json(
        {
            "changed": {one.name: one.difference() for one in found.changed},
            "as_stored": [one.name for one in found.compared if one.is_as_stored],
            "stored_again": list(found.stored_again),
            "without_statement": [str(path) for path in found.left_over],
            "buffer_bounds": [
                {"name": bound.name, "size": bound.size, "buffers": buffers, "at_most": bound.buffers}
                for bound, buffers in found.touched
            ],
        }
    )
