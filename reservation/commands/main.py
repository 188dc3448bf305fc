"""The command line: one command each for serving, the schema, data, accounts, checks, statements and load."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import click
from redis.exceptions import RedisError

from .. import resources, serving
from ..catalog.bulk.csv_rows import FileError
from ..db import migrations as schema, sql_overrides
from ..db.pool_options import tool_limits
from ..db.statements import StatementsRefused
from ..dba import client_programs, schema_diagram, schema_dump
from ..dba.audit import audit as find_violations
from ..dba.explain import CannotExplain
from ..dba.statement_headers import HeaderError
from ..embedded import EmbeddedError, stores
from ..embedded.binaries import client_program
from ..errors import DomainError, Unavailable
from ..identity import admins
from ..load import LoadError
from ..runtime.redis_client import redis_client
from ..seed import demo, scale as seeding
from ..settings import InvalidSettings, Settings
from .archive import archive_command
from .import_export import export_group, import_group
from .load import load
from .sql import NoStatistics, sql_group
from .sql_plans import plans_command, seed_plans

# What an operator can be told in one line; anything else is a fault of ours and shows its traceback.
EXPECTED = (
    InvalidSettings,
    EmbeddedError,
    DomainError,
    schema.SchemaError,
    seeding.SeedError,
    serving.CannotListen,
    serving.StartFailed,
    serving.ServerLost,
    resources.CannotStart,
    admins.UnknownUser,
    LoadError,
    FileError,
    CannotExplain,
    HeaderError,
    NoStatistics,
    client_programs.CannotConnect,
    client_programs.ClientFailed,
    StatementsRefused,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    RedisError,
    OSError,
)

data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the embedded servers' data  [default: DATA_DIR, or .data here]",
)


def main() -> None:
    """Run the command line; an expected failure is one line on standard error and exit status 1."""
    try:
        commands()
    except EXPECTED as error:
        sys.exit(f"reservation: {_in_a_line(error)}")
    except KeyboardInterrupt:  # before serve minds the signals, or during another command
        sys.exit(130)


def _in_a_line(error: BaseException) -> str:
    """What went wrong; for a store that does not answer, also what was heard of it, which a client is never told."""
    text = str(error) or type(error).__doc__ or type(error).__name__
    cause = error.__cause__
    if not isinstance(error, Unavailable) or cause is None:
        return text
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{text} ({(str(cause) or type(cause).__name__).splitlines()[0]})"


@click.group()
@click.version_option(package_name="reservation")
@click.pass_context
def commands(context: click.Context) -> None:
    """Sell a cinema's seats: two-phase booking on PostgreSQL and Redis.

    With DATABASE_URL and REDIS_URL unset, every command brings its own PostgreSQL and Valkey, or uses those of the
    instance that is running on the same data folder.
    """
    context.obj = _current_stores  # for the commands that live elsewhere


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 128), help="Processes that serve.")
@click.option("--no-migrate", is_flag=True, help="Do not apply pending migrations; stop if there are any.")
@click.option("--demo", "with_demo", is_flag=True, help="Fill in the demo data, and print a short guide.")
@data_dir
def serve(host: str, port: int, workers: int, no_migrate: bool, with_demo: bool, data_dir: Path | None) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    serving.serve(
        lambda: _settings(data_dir), host=host, port=port, workers=workers, migrate=not no_migrate, demo=with_demo
    )


@commands.command()
@click.option(
    "--rollback",
    type=click.IntRange(1),
    metavar="N",
    help="Take back the last N migrations instead, and the data in what they made; stop the service before.",
)
@click.option("--yes", is_flag=True, help="Do not ask before a rollback, as a terminal is otherwise asked.")
@click.option(
    "--accept-edited",
    multiple=True,
    metavar="NAME",
    help="Take the edited file of this applied migration for what was applied, without running it; may be repeated.",
)
@data_dir
def migrate(rollback: int | None, yes: bool, accept_edited: tuple[str, ...], data_dir: Path | None) -> None:
    """Bring the schema up to date."""
    if rollback is not None and accept_edited:
        raise click.UsageError("--rollback and --accept-edited exclude each other.")

    def agree(names: Sequence[str]) -> None:
        if not yes and sys.stdin.isatty():
            click.confirm(f"Roll back {', '.join(names)}, and lose the data in what they made?", abort=True, err=True)

    with stores(_settings(data_dir), attach_to_running=True) as settings:
        url = settings.direct_url
        if rollback:
            done = schema.rollback(url, rollback, agree=agree)
        else:
            done = schema.apply(url, accept_edited=accept_edited)
    word = "applied" if rollback is None else "rolled back"
    for migration in done:
        click.echo(f"{word} {migration}")
    if not done:
        click.echo("nothing to do")


@commands.command("schema")
@click.option("--mermaid", is_flag=True, help="Print docs/schema.md instead: the tables as a Mermaid diagram.")
@data_dir
def schema_script(mermaid: bool, data_dir: Path | None) -> None:
    """Print the schema of the database, by pg_dump; sql/schema.sql is what it should be."""
    with _current_stores(data_dir, create=True) as settings:
        text = schema_dump.script(settings.database_url or "", bin_dir=settings.postgres_bin_dir)
        click.echo(schema_diagram.page(text) if mermaid else text, nl=False)


@commands.group()
def seed() -> None:
    """Fill the database."""


@seed.command("demo")
@data_dir
def seed_demo(data_dir: Path | None) -> None:
    """Real films, three auditoriums, two weeks of showtimes; again tops up what is missing."""
    with _current_stores(data_dir, create=True) as settings:
        given = _settings(data_dir)
        seeded = demo.seed(settings.database_url or "", with_admin=given.embedded)
    where = f" in {given.data_dir}" if given.embedded else ""
    click.echo(f"demo data written{where}" if seeded else f"the demo data is there already{where}")


@seed.command("scale")
@click.option("--showtimes", default=1000, show_default=True, type=click.IntRange(1), help="How many showtimes.")
@click.option("--seats", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Seats a room.")
@click.option("--users", default=1000, show_default=True, type=click.IntRange(1), help="How many customers.")
@click.option("--reservations", default=10_000, show_default=True, type=click.IntRange(0), help="How many of these.")
@data_dir
def seed_scale(showtimes: int, seats: int, users: int, reservations: int, data_dir: Path | None) -> None:
    """Volume for load tests and for the tuning of SQL, consistent down to the last seat."""
    with _current_stores(data_dir, create=True) as settings:
        summary = seeding.scale(
            settings.database_url or "", showtimes=showtimes, seats=seats, users=users, reservations=reservations
        )
    click.echo(str(summary))


@commands.command("create-admin")
@click.option(
    "--email",
    required=True,
    help="E-mail address; an account that has it becomes an administrator with the new password.",
)
@click.password_option(help="Asked for if not given.")
@data_dir
def create_admin(email: str, password: str, data_dir: Path | None) -> None:
    """Make an administrator; the sessions of an account that was there before end."""
    with _current_stores(data_dir) as settings:
        admins.create_admin(settings, email=email, password=password)
    click.echo(f"{email} is an administrator with the password given")


@commands.command()
@click.option("--email", required=True, help="Whose.")
@data_dir
def token(email: str, data_dir: Path | None) -> None:
    """Mint an access token, so that a load test does not measure password hashing."""
    with _current_stores(data_dir) as settings:
        click.echo(admins.mint_token(settings, email=email))


@commands.command()
@data_dir
def audit(data_dir: Path | None) -> None:
    """Check the invariants against the live stores; exit status 1 if one is broken."""

    async def run(settings: Settings) -> list[str]:
        redis = redis_client(settings)
        connection = await asyncpg.connect(settings.database_url, server_settings=tool_limits("audit"))
        try:
            return [str(found) for found in await find_violations(connection, redis)]
        finally:
            await connection.close()
            await redis.aclose()

    with _current_stores(data_dir) as settings:
        violations = asyncio.run(run(settings))
    for violation in violations:
        click.echo(violation)
    if violations:
        sys.exit(1)
    click.echo("audit: every invariant holds")


@commands.command(context_settings={"ignore_unknown_options": True})
@data_dir
@click.argument("arguments", metavar="[ARG]...", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...], data_dir: Path | None) -> None:
    """Open psql, with its own options and arguments, on the database that the service uses.

    Embedded servers that do not run already are started for as long as it is open.
    """
    with _current_stores(data_dir, any_schema=True) as settings:
        program = client_program("psql", settings.postgres_bin_dir)
        status = client_programs.run_psql(program, settings.database_url or "", arguments)
    sys.exit(status)


@commands.command()
def openapi() -> None:
    """Print the OpenAPI document as /openapi.json serves it; needs no stores."""
    from .. import app  # noqa: PLC0415  # not at the top: a supervisor leaves what only workers use to them

    click.echo(app.openapi_json(Settings.from_env()))


sql_group.add_command(plans_command)
seed.add_command(seed_plans)
commands.add_command(load)
commands.add_command(sql_group)
commands.add_command(import_group)
commands.add_command(export_group)
commands.add_command(archive_command)


def _settings(data_dir: Path | None) -> Settings:
    settings = Settings.from_env()
    return settings if data_dir is None else replace(settings, data_dir=data_dir.absolute())


@contextmanager
def _current_stores(data_dir: Path | None, *, create: bool = False, any_schema: bool = False) -> Iterator[Settings]:
    """The stores, with a schema that this version knows, or any; `create` makes and migrates embedded ones."""
    given = _settings(data_dir)
    if given.embedded and not create and not (given.data_dir / "lock").exists():
        raise EmbeddedError(f"there is no data in {given.data_dir}: start `reservation serve` there first")
    if given.pgbouncer:  # a command needs sessions of its own: to copy rows, and to read one snapshot
        given = replace(given, database_url=given.direct_url, pgbouncer=False)
    with stores(given, attach_to_running=True) as settings:
        if given.embedded and create:
            schema.apply(settings.database_url or "")
        elif not any_schema:
            schema.require_current(settings.database_url or "")
        if not any_schema:  # else no statement of ours is asked for, and what is at fault may be looked at
            sql_overrides.use_overrides(settings)
        yield settings
