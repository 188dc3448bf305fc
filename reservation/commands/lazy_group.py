"""A group of commands that imports a command's module only when that command runs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command is, as module.name in this package, and the description that the group's help shows."""

    place: str
    description: str


class LazyGroup(click.Group):
    """Commands by name: those in `lazy`, and those that were added as to any group."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which help shows them."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; imports its module."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name].place.partition(".")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; imports none of those in `lazy`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._description(name)) for name in self.list_commands(ctx)])

    def _description(self, name: str) -> str:
        return self.lazy[name].description if name in self.lazy else self.commands[name].get_short_help_str(limit=100)
