"""The command line: help imports no command, and every command that it names is there."""

import subprocess
import sys

import pytest
from click import Context, Group
from click.testing import CliRunner

from reservation.commands.lazy_group import LazyGroup
from reservation.commands.main import COMMANDS, commands

DRIVERS = ("asyncpg", "psycopg", "redis", "aiohttp", "marshmallow", "rich", "yoyo")


def groups(group: Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], LazyGroup]]:
    """All lazy groups, each with the command line that it is reached by."""
    found = [(path, group)] if isinstance(group, LazyGroup) else []
    for name in group.list_commands(Context(group)):
        below = group.get_command(Context(group), name)
        if isinstance(below, Group):
            found += groups(below, (*path, name))
    return found


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


@pytest.mark.parametrize("path", [path for path, _ in groups(commands)], ids=" ".join)
def test_every_lazy_command_is_found_by_its_name(path: tuple[str, ...]) -> None:
    group = dict(groups(commands))[path]
    context = Context(group)
    for name, lazy in group.lazy.items():
        command = group.get_command(context, name)
        assert command is not None
        assert (command.name, bool(command.help), lazy.description[-1]) == (name, True, ".")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(commands, ["serv"])
    assert (done.exit_code, "No such command 'serv'" in done.output) == (2, True)
