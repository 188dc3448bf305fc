"""Options of `reservation load` and its subcommands: the target, the stores, the files to write, the thresholds."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from ..load import LoadError
from ..load.access import TargetAccess
from ..load.customers import MAX_USERS, check_tokens_file
from ..load.plan import PROFILES, Operation, Plan
from ..load.reports.html_report import write_page
from ..load.reports.report import Report, report_text, write_json
from ..load.target import Target
from ..load.thresholds import PERCENTILES, Threshold
from ..settings import HIGHEST_MAX_SEATS
from ..settings.environment import read_secret
from .options import current_stores, data_dir

VIOLATED, MISSED = 3, 4
# What a report has latencies of.
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
LATENCIES = ("all", *OPERATIONS, "map_304", "hold_409", "best_409", "keyed_409")
FEW_CONNECTIONS = 8  # of a command without --connections

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


class Figure(click.FloatRange):
    """A number within bounds; not nan, which click takes as within any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take the option's text; wrong usage if it is no number or out of bounds."""
        figure = super().convert(value, param, ctx)
        if math.isnan(figure):
            self.fail(f"{value!r} is no number", param, ctx)
        return figure


def option(*names: str, default: Any = None, **more: Any) -> Option:
    """A click option whose help shows its default."""
    return click.option(*names, default=default, show_default=default is not None, **more)


def seconds(name: str, default: float, bounds: Figure, **more: Any) -> Option:
    """An option that is a number of seconds."""
    return option(name, default=default, type=bounds, metavar="SECONDS", **more)


def file(name: str, parameter: str, **more: Any) -> Option:
    """An option that is the path of a file."""
    return click.option(name, parameter, type=click.Path(path_type=Path, dir_okay=False), **more)


def seat_range(name: str, **more: Any) -> Option:
    """An option that is a number of seats or a range; gives the fewest and the most."""
    return option(name, callback=_fewest_and_most, default="1..4", metavar="N or N..M", **more)


def _fewest_and_most(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    low, _dots, high = value.partition("..")
    try:
        fewest, most = int(low), int(high or low)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor a range such as 1..4") from None
    if not 1 <= fewest <= most <= HIGHEST_MAX_SEATS:
        raise click.BadParameter(f"seats range from 1 to {HIGHEST_MAX_SEATS}, the smaller number first")
    return fewest, most


class Latency(click.ParamType[tuple[str, float]]):
    """A bound in milliseconds, of all requests or of one operation; gives the operation and the bound."""

    name = "[OPERATION=]MS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Take the option's text; wrong usage if there is no such operation, or the bound is no positive number."""
        operation, equals, bound = str(value).rpartition("=")
        if equals and operation not in LATENCIES:
            self.fail(f"{operation!r} is none of the operations {', '.join(LATENCIES)}", param, ctx)
        return operation or "all", Figure(0.001).convert(bound, param, ctx)


class Mix(click.ParamType[dict[Operation, float]]):
    """Weights of operations; gives the share of each."""

    name = "OPERATION=WEIGHT,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[Operation, float]:
        """Take the option's text; wrong usage if an operation is unknown or a weight no number."""
        weights: dict[Operation, float] = {}
        for item in str(value).split(","):
            name, _equals, weight = item.partition("=")
            operation = next((each for each in OPERATIONS if each == name.strip()), None)
            if operation is None:
                self.fail(f"{name!r} is none of the operations {', '.join(OPERATIONS)}", param, ctx)
            weights[operation] = Figure(0).convert(weight, param, ctx)
        if not 0 < (total := sum(weights.values())) < math.inf:
            self.fail("the weights must add up to more than 0", param, ctx)
        return {operation: weight / total for operation, weight in weights.items() if weight}


class Errors(click.ParamType[tuple[float, str]]):
    """A number of errors, or their share of the requests in percent; gives the bound and its unit."""

    name = "N or P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, str]:
        """Take the option's text; wrong usage if it is neither."""
        text = str(value)
        if text.endswith("%"):
            return Figure(0, 100).convert(text[:-1], param, ctx), "%"
        return Figure(0).convert(text, param, ctx), "errors"


def _target_url(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        Target.of(value)
    except LoadError as error:
        raise click.BadParameter(str(error)) from None
    return value


def _in_order(*options: Option) -> Option:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


MAX_IN_FLIGHT = 1_000_000
mix_options = _in_order(
    option("--profile", default="mixed", type=click.Choice(list(PROFILES)), help="Mix of requests."),
    option("--mix", type=Mix(), help="Weights of the operations  [default: the profile's]"),
    option("--viewers", type=click.IntRange(0, 20_000), help="Live seat maps held open  [default: the profile's]"),
    option(
        "--contention",
        type=Figure(0, 1),
        help="Share of customers who want the best seats of the first showtime  [default: the profile's]",
    ),
    option("--showtimes", type=click.IntRange(1, 10_000), help="Number of showtimes  [default: the profile's]"),
    seat_range("--seats", help="Seats of a hold."),
    option(
        "--max-in-flight",
        default=5000,
        type=click.IntRange(1, MAX_IN_FLIGHT),
        help="Requests sent or waiting for a connection; arrivals beyond it are dropped, and counted.",
    ),
)


def plan_of(options: dict[str, Any], *, rate: float, duration_s: float, ramp_s: float = 0.0) -> Plan:
    """The plan that the options of the mix ask for."""
    profile = PROFILES[options["profile"]]
    if options["mix"]:
        profile = replace(profile, shares=options["mix"])
    if options["viewers"] is not None:
        profile = replace(profile, viewers=options["viewers"])
    return Plan(
        profile=profile,
        rate=rate,
        duration_s=duration_s,
        ramp_s=ramp_s,
        contention=profile.contention if options["contention"] is None else options["contention"],
        users=options["users"],
        seats=options["seats"],
        seed=options["seed"],
    )


def connections(default: int) -> Option:
    """The option of how many connections a command may open."""
    return option("--connections", default=default, type=click.IntRange(1, 20_000), help="Most connections.")


users = option("--users", default=1000, type=click.IntRange(1, MAX_USERS), help="Number of customers.")
seed = option("--seed", default=1, help="The same seed, the same arrivals and choices.")
tokens_file = file(
    "--tokens", "tokens_file", help="File of access tokens, one a line: read if it has enough valid ones, else written."
)
report_files = _in_order(
    file("--json", "json_file", help="Write the report as JSON."),
    file("--html", "html_file", help="Write the report as a page."),
)
admin_options = _in_order(
    option("--admin-email", help="With --remote: an administrator of the target."),
    option("--admin-password", help="Asked for if not given."),
)
threshold_options = _in_order(
    *(
        option(
            f"--max-{name}",
            PERCENTILES[name],
            type=Latency(),
            multiple=True,
            default=(),
            help=f"Highest {name} latency.",
        )
        for name in PERCENTILES
    ),
    option("--max-errors", type=Errors(), help="Most errors, dropped arrivals included."),
    option("--min-rate", type=Figure(0), help="Fewest answers a second."),
    option(
        "--max-event-lag", type=Figure(0.001), metavar="MS", help="Highest p99 from a request to the viewers' event."
    ),
)
target_options = _in_order(
    option("--url", callback=_target_url, default="http://127.0.0.1:8000", help="The service under load."),
    click.option(
        "--remote",
        is_flag=True,
        help="The target's stores are not at hand: sign up and log in through the API, audit by the API alone.",
    ),
    click.option("--insecure", is_flag=True, help="Accept any TLS certificate."),
    seconds("--timeout", 10.0, Figure(0.1, 600), help="Longest wait for an answer."),
    data_dir,
)


def admin_of(options: dict[str, Any], purpose: str) -> tuple[str, str] | None:
    """The administrator's e-mail address and password; None without --remote, where none is needed."""
    if not options["remote"]:
        return None
    if not options["admin_email"]:
        raise click.UsageError(f"--remote needs --admin-email, an administrator who {purpose}")
    password = options["admin_password"]
    if password is None:
        password = click.prompt("Password of the administrator", hide_input=True)
    return options["admin_email"], password


@contextmanager
def target_access(options: dict[str, Any]) -> Iterator[TargetAccess]:
    """How the target is reached; LoadError, before the run, if a file could not be written after it."""
    for name in ("json_file", "html_file", "tokens_file"):
        path: Path | None = options.get(name)
        if path is not None and not path.absolute().parent.is_dir():
            raise LoadError(f"{path}: there is no folder {path.absolute().parent}")
    if options.get("tokens_file"):
        check_tokens_file(options["tokens_file"])
    with nullcontext() if options["remote"] else current_stores(options["data_dir"]) as settings:
        yield TargetAccess(
            target=Target.of(options["url"], verify=not options["insecure"]),
            settings=settings,
            connections=options.get("connections", FEW_CONNECTIONS),
            timeout_s=options["timeout"],
            tokens_file=options.get("tokens_file"),
            metrics_token=(read_secret("METRICS_TOKEN") if settings is None else settings.metrics_token) or "",
        )


def thresholds_of(options: dict[str, Any]) -> list[Threshold]:
    """The thresholds that a command was given."""
    found = [
        Threshold(name, bound, operation=operation)
        for name in PERCENTILES
        for operation, bound in options[PERCENTILES[name]]
    ]
    if options["max_errors"]:
        found.append(Threshold("errors", *options["max_errors"]))
    if options["max_event_lag"] is not None:
        found.append(Threshold("event_lag", options["max_event_lag"]))
    if options["min_rate"] is not None:
        found.append(Threshold("rate", options["min_rate"], "requests/s"))
    return found


def finish(report: Report, options: dict[str, Any], more: Sequence[Threshold] = ()) -> None:
    """Check the thresholds, print and write the report; exit status 3 if something was violated, 4 if one is missed."""
    report["thresholds"] = [each.check(report) for each in dict.fromkeys([*more, *thresholds_of(options)])]
    click.echo(report_text(report))
    if options["json_file"]:
        write_json(report, options["json_file"])
    if options["html_file"]:
        write_page(report, options["html_file"])
    if not report["audit"]["clean"]:
        sys.exit(VIOLATED)
    if not all(threshold["passed"] for threshold in report["thresholds"]):
        sys.exit(MISSED)
