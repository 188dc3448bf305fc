"""The command line: help imports no command, and every command that it names is there."""

import subprocess
import sys

import pytest
from click import Context
from click.testing import CliRunner

from reservation.commands.main import COMMANDS, commands

DRIVERS = ("asyncpg", "psycopg", "redis", "aiohttp", "marshmallow", "rich", "yoyo")


def test_help_and_version_import_no_driver() -> None:
    for argument in ("--help", "--version"):
        code = (
            "import sys; from reservation.commands.main import commands\n"
            f"try: commands(['{argument}'])\n"
            f"finally: print(*({DRIVERS!r} & sys.modules.keys()))"
        ).replace(repr(DRIVERS), repr(set(DRIVERS)))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "", done.stdout


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(commands, ["--help"]).stdout
    assert [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()] == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_lazy_command_is_found_by_its_name(name: str) -> None:
    command = commands.get_command(Context(commands), name)
    assert command is not None
    assert (command.name, bool(command.help), COMMANDS[name][1][-1]) == (name, True, ".")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(commands, ["serv"])
    assert (done.exit_code, "No such command 'serv'" in done.output) == (2, True)
