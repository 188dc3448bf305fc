"""The command line: `reservation` and its commands, each imported when it runs."""

import sys
from importlib import import_module

import click

# Where each command is, as module.name in this package, and the description that help shows.
COMMANDS = {
    "archive": ("maintenance.archive_command", "Move the reservations of past showtimes to the archive."),
    "audit": ("maintenance.audit_command", "Check the invariants in PostgreSQL and Redis."),
    "config": ("config.config", "Print the settings in force, without secrets."),
    "create-admin": ("accounts.create_admin", "Create an administrator, or make an account one."),
    "export": ("import_export.export_group", "Write movies or showtimes as CSV."),
    "import": ("import_export.import_group", "Read movies or showtimes from CSV."),
    "load": ("load.load", "Put load on a service, and audit its answers."),
    "migrate": ("schema.migrate", "Apply, show or roll back migrations."),
    "openapi": ("serve.openapi", "Print the OpenAPI document."),
    "psql": ("maintenance.psql", "Open psql on the service's database."),
    "report": ("report.report_group", "Sales and occupancy, as a table or as CSV."),
    "schema": ("schema.schema", "Print the database's schema as SQL."),
    "seed": ("seed.seed", "Fill the database with demo or generated data."),
    "serve": ("serve.serve", "Run the service until Ctrl-C or SIGTERM."),
    "sql": ("sql.sql_group", "Check, explain and measure the statements in sql/."),
    "token": ("accounts.token", "Print an access token of an account."),
    "work": ("serve.work", "Send mails, call webhooks and run jobs."),
}


class LazyGroup(click.Group):
    """The commands of COMMANDS, whose modules are imported when they run, and not for help."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The names, in the order in which help shows them."""
        return sorted(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; imports its module."""
        if cmd_name not in COMMANDS:
            return None
        module, _dot, name = COMMANDS[cmd_name][0].partition(".")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup)
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
        from .expected_errors import EXPECTED, one_line  # noqa: PLC0415 - imports asyncpg and redis: 0.2 s that --help need not wait for

        if not isinstance(error, EXPECTED):
            raise
        sys.exit(f"reservation: {one_line(error)}")
