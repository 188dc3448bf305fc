"""Options of `reservation load` and its subcommands: the target, the stores, the files to write."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..load import LoadError
from ..load.customers import MAX_USERS, check_tokens_file
from ..load.html_report import write_page
from ..load.report import Report, write_json
from ..load.run import TargetAccess
from ..load.target import Target
from ..settings import HIGHEST_MAX_SEATS, Settings
from .options import current_stores, data_dir

VIOLATED = 3


class Figure(click.FloatRange):
    """A number within bounds; not nan, which click takes as within any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take the option's text; wrong usage if it is no number or out of bounds."""
        figure = super().convert(value, param, ctx)
        if math.isnan(figure):
            self.fail(f"{value!r} is no number", param, ctx)
        return figure


def _target_url(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        Target.of(value)
    except LoadError as error:
        raise click.BadParameter(str(error)) from None
    return value


url = click.option(
    "--url", callback=_target_url, default="http://127.0.0.1:8000", show_default=True, help="The service under load."
)
remote = click.option(
    "--remote",
    is_flag=True,
    help="The target's stores are not at hand: sign up and log in through the API, audit by the API alone.",
)
insecure = click.option("--insecure", is_flag=True, help="Take any TLS certificate.")
users = click.option(
    "--users", default=1000, show_default=True, type=click.IntRange(1, MAX_USERS), help="Number of customers."
)
seed = click.option("--seed", default=1, show_default=True, help="The same seed, the same arrivals and choices.")
timeout = click.option(
    "--timeout",
    "timeout_s",
    default=10.0,
    show_default=True,
    type=Figure(0.1, 600),
    metavar="SECONDS",
    help="Longest wait for an answer.",
)
tokens_file = click.option(
    "--tokens",
    "tokens_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of access tokens, one a line: read if it has enough good ones, else written.",
)
json_file = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JSON."
)
html_file = click.option(
    "--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as a page."
)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that talks to the service."""
    for option in (data_dir, timeout, insecure, remote, url):
        command = option(command)
    return command


def connections(default: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option of how many connections a command may open."""
    return click.option(
        "--connections", default=default, show_default=True, type=click.IntRange(1, 20_000), help="Most connections."
    )


def seat_range(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    """The fewest and the most seats, from 2 or 1..4."""
    low, _dots, high = value.partition("..")
    try:
        fewest, most = int(low), int(high or low)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor a range such as 1..4") from None
    if not 1 <= fewest <= most <= HIGHEST_MAX_SEATS:
        raise click.BadParameter(f"seats range from 1 to {HIGHEST_MAX_SEATS}, the smaller number first")
    return fewest, most


@contextmanager
def stores_at_hand(options: dict[str, Any]) -> Iterator[Settings | None]:
    """The stores of the settings, or None for a remote target."""
    if options["remote"]:
        yield None
        return
    with current_stores(options["data_dir"]) as settings:
        yield settings


def finish(report: Report, text: str, options: dict[str, Any]) -> None:
    """Print and write the report; exit status 3 if something was violated."""
    click.echo(text)
    if options["json_file"]:
        write_json(report, options["json_file"])
    if options["html_file"]:
        write_page(report, options["html_file"])
    if not report["audit"]["clean"]:
        sys.exit(VIOLATED)


def access_of(options: dict[str, Any], *, max_in_flight: int) -> TargetAccess:
    """How the target is reached."""
    return TargetAccess(
        target=Target.of(options["url"], verify=not options["insecure"]),
        connections=options["connections"],
        max_in_flight=max_in_flight,
        timeout_s=options["timeout_s"],
        tokens_file=options.get("tokens_file"),
    )


def check_writable(options: dict[str, Any]) -> None:
    """Raise LoadError, before the run, where a file cannot be written after it."""
    for name in ("json_file", "html_file", "tokens_file"):
        path: Path | None = options.get(name)
        if path is not None and not path.absolute().parent.is_dir():
            raise LoadError(f"{path}: there is no folder {path.absolute().parent}")
    if options.get("tokens_file"):
        check_tokens_file(options["tokens_file"])
