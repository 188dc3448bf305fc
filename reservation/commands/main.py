"""The command line: `reservation` and its commands, each imported when it runs."""

import sys

import click

from .lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "archive": LazyCommand("maintenance.archive_command", "Move the reservations of past showtimes to the archive."),
    "audit": LazyCommand("maintenance.audit_command", "Check the invariants in PostgreSQL and Redis."),
    "create-admin": LazyCommand("accounts.create_admin", "Create an administrator, or make an account one."),
    "export": LazyCommand("import_export.export_group", "Write movies or showtimes as CSV."),
    "import": LazyCommand("import_export.import_group", "Read movies or showtimes from CSV."),
    "load": LazyCommand("load.load", "Put load on a service, and audit its answers."),
    "migrate": LazyCommand("schema.migrate", "Apply, show or roll back migrations."),
    "openapi": LazyCommand("serve.openapi", "Print the OpenAPI document."),
    "psql": LazyCommand("maintenance.psql", "Open psql on the service's database."),
    "schema": LazyCommand("schema.schema", "Print the database's schema as SQL."),
    "seed": LazyCommand("seed.seed", "Fill the database with demo or generated data."),
    "serve": LazyCommand("serve.serve", "Run the service until Ctrl-C or SIGTERM."),
    "sql": LazyCommand("sql.sql_group", "Check, explain and measure the statements in sql/."),
    "token": LazyCommand("accounts.token", "Print an access token of an account."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(package_name="reservation")
def commands() -> None:
    """Movie reservation service: two-phase seat booking on PostgreSQL and Redis.

    With DATABASE_URL and REDIS_URL unset, a command starts its own PostgreSQL and Valkey, or uses those of the
    instance that is running on the same data folder.
    """


def main() -> None:
    """Run the command line; an expected error is one line on standard error and exit status 1."""
    try:
        commands()
    except KeyboardInterrupt:  # before serve handles the signals, or during another command
        sys.exit(130)
    except Exception as error:
        from .expected_errors import EXPECTED, one_line  # noqa: PLC0415 - imports drivers

        if not isinstance(error, EXPECTED):
            raise
        sys.exit(f"reservation: {one_line(error)}")
