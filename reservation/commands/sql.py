"""The command `reservation sql`: lists, checks and explains the files in sql/, and shows what they cost."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..db.command_connections import tool_connection
from ..db.repository import statistics
from ..db.repository.statistics import FileStatistics
from ..dba import explain as explaining, statement_checks, statement_headers as statements
from ..dba.explain import Mode
from ..dba.statement_headers import Statement
from ..dba.statement_uses import uses
from ..settings import Settings
from .options import as_json, current_stores, data_dir, print_json
from .sql_plans import existing, sql_group

PIPE_WIDTH = 100_000  # columns, so that other programs get each row as one line
SHOWN_CHARS = 200  # of each argument


named = click.argument("statement", metavar="NAME", callback=existing)


@sql_group.command("list")
@as_json
def list_statements(as_json: bool) -> None:
    """List every statement: what it does, the modules that use it, and the plan that it should get."""
    users = _users()
    found = [statements.load(name) for name in statements.names()]
    if as_json:
        print_json([_described(statement, users.get(statement.name, [])) for statement in found])
        return
    table = _table("name", "does", "used by", "plan")
    for statement in found:
        table.add_row(statement.name, statement.summary, ", ".join(users.get(statement.name, [])), statement.plan)
    _print(table)


@sql_group.command()
@named
def show(statement: Statement) -> None:
    """Print the path of a statement's file, and the statement."""
    click.echo(f"-- {statement.path}\n{statement.text}", nl=False)


@sql_group.command()
@as_json
@data_dir
def check(as_json: bool, data_dir: Path | None) -> None:
    """Prepare every statement and compare headers, samples and dataclasses; print each difference and exit with 1."""

    async def run(settings: Settings) -> statement_checks.Checked:
        async with tool_connection(settings.database_url, {"application_name": "sql check"}) as connection:
            return await statement_checks.check(connection)

    with current_stores(data_dir) as settings:
        checked = asyncio.run(run(settings))
    without = {statement.name: statement.needs for statement in checked.without_extension}
    if as_json:
        print_json({"prepared": checked.prepared, "problems": checked.problems, "without_extension": without})
    else:
        for problem in checked.problems:
            click.echo(problem)
        for name, extension in without.items():
            click.echo(f"{name} was not prepared: this database does not have the extension {extension}", err=True)
        if not checked.problems:
            click.echo(f"sql check: {checked.prepared} statements match their files")
    if checked.problems:
        sys.exit(1)


@sql_group.command()
@named
@click.argument("arguments", metavar="[ARG]...", nargs=-1)
@as_json
@data_dir
def explain(statement: Statement, arguments: tuple[str, ...], as_json: bool, data_dir: Path | None) -> None:
    """EXPLAIN (ANALYZE, BUFFERS) with the generic plan, which the service uses, and with a custom one.

    ARGs are the parameters' values in PostgreSQL's text format, such as '{1,2}' for an array; null is NULL. Without
    any, the file's sample is used. A file in SQL_DIR replaces the shipped one. The statement runs, waits for locks and
    takes them, and is rolled back. Arguments that begin with a minus come after --.
    """
    given = [None if argument.lower() == "null" else argument for argument in arguments]

    async def run(settings: Settings, statement: Statement) -> tuple[Sequence[str | None], dict[Mode, Any]]:
        async with explaining.connected(settings, statement) as connection:
            values = given or await explaining.sample_arguments(connection, statement)
            how = explaining.explain_json if as_json else explaining.explain_text
            return values, {mode: await how(connection, statement, values, mode) for mode in Mode}

    with current_stores(data_dir) as settings:
        values, plans = asyncio.run(run(settings, statements.load(statement.name)))
    if as_json:
        print_json({"name": statement.name, "arguments": values} | {mode.value: plan for mode, plan in plans.items()})
        return
    for parameter, value in zip(statement.parameters, values, strict=True):
        click.echo(f"${parameter.number} {parameter.name} = {_short(value)}")
    for mode, plan in plans.items():
        click.echo(f"\n{mode} plan{_remark(statement, mode)}\n{plan}")


@sql_group.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="The most files to show.")
@as_json
@data_dir
def top(limit: int, as_json: bool, data_dir: Path | None) -> None:
    """Show what each file has cost since pg_stat_statements was reset, most time first."""

    async def run(settings: Settings) -> Sequence[FileStatistics]:
        async with tool_connection(settings.database_url, {"application_name": "sql top"}) as connection:
            return await statistics.top(connection, row_limit=limit)

    with current_stores(data_dir) as settings:
        found = asyncio.run(run(settings))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = _table("file", "calls", "total ms", "mean ms", "share", "rows", "buffers", "WAL bytes", numbers_after=1)
    for one in found:
        table.add_row(
            one.name or "(no file)",
            f"{one.calls:,}",
            f"{one.total_ms:,.1f}",
            f"{one.mean_ms:,.3f}",
            f"{one.share:.1%}",
            *(f"{count:,.1f}" for count in (one.rows_per_call, one.buffers_per_call, one.wal_bytes_per_call)),
        )
    _print(table)
    click.echo("rows, buffers and WAL bytes are per call; buffers were found in memory or read into it")


def _users() -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for use in uses():
        users.setdefault(use.name, []).append(use.module)
    return users


def _described(statement: Statement, users: list[str]) -> dict[str, Any]:
    return {
        "name": statement.name,
        "path": str(statement.path),
        "purpose": statement.purpose,
        "plan": statement.plan,
        "needs": statement.needs,
        "parameters": [asdict(parameter) for parameter in statement.parameters],
        "sample": statement.sample,
        "used_by": users,
    }


def _remark(statement: Statement, mode: Mode) -> str:
    if not explaining.is_of_service(statement):
        return ""
    return ", which the service uses" if mode is Mode.GENERIC else ", made for these arguments"


def _short(value: str | None) -> str:
    if value is None:
        return "null"
    return value if len(value) <= SHOWN_CHARS else f"{value[:SHOWN_CHARS]}... ({len(value):,} characters)"


def _table(*columns: str, numbers_after: int | None = None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        is_number = numbers_after is not None and place >= numbers_after
        table.add_column(column, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    return table


def _print(table: Table) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)
