"""`reservation load` and its subcommands: capacity, compare, drill, reset, tokens."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..load.access import TargetAccess, check_reachable
from ..load.capacity import Search
from ..load.comparison import compare as compare_reports, comparison_text, read_report
from ..load.customers import MAX_USERS, tokens_for, write_tokens
from ..load.reports.report import write_json
from ..load.reset import reset as remove_reservations
from ..load.run import run_capacity, run_drill, run_load, run_loop
from ..load.thresholds import Threshold
from .load_options import (
    MISSED,
    Figure,
    admin_of,
    admin_options,
    connections,
    file,
    finish,
    mix_options,
    option,
    plan_of,
    report_files,
    seat_range,
    seconds,
    seed,
    target_access,
    target_options,
    threshold_options,
    thresholds_of,
    tokens_file,
    users,
)

DAY_S = 86_400
DEFAULT_THRESHOLDS = [Threshold("p99", 500), Threshold("errors", 1, "%")]  # of a search for the capacity


@click.group(invoke_without_command=True)
@option(
    "--rate",
    default=100.0,
    type=Figure(0.1, 1_000_000),
    help="Requests a second; arrivals are random and wait for no answer.",
)
@seconds("--duration", 30.0, Figure(1, DAY_S), help="Length of the run.")
@seconds("--ramp", 0.0, Figure(0), help="Rise from 0 to --rate.")
@mix_options
@users
@seed
@connections(256)
@tokens_file
@report_files
@threshold_options
@target_options
@click.pass_context
def load(context: click.Context, /, **options: Any) -> None:
    """Put load on a service, and audit its answers.

    Arrivals are an open, seeded Poisson process of requests; latency counts from the intended arrival. Exit status 3
    means that an invariant was violated, 4 that a threshold was missed. docs/load-tester/load-kit.md is the manual.
    """
    if context.invoked_subcommand is not None:
        return
    if options["ramp"] > options["duration"]:
        raise click.UsageError(f"--ramp {options['ramp']:g} is longer than --duration {options['duration']:g}")
    plan = plan_of(options, rate=options["rate"], duration_s=options["duration"], ramp_s=options["ramp"])
    showtimes = options["showtimes"] or plan.profile.showtimes
    with target_access(options) as access:
        report = run_loop(run_load(access, plan, showtimes=showtimes, max_in_flight=options["max_in_flight"]))
    finish(report, options)


@load.command()
@option("--from", "start", default=50.0, type=Figure(0.5, 1_000_000), help="Requests a second of the first step.")
@option("--to", "highest", default=10_000.0, type=Figure(0.5, 1_000_000), help="Highest rate to try.")
@option("--growth", default=1.5, type=Figure(1.05, 10), help="Factor from each step to the next.")
@option("--precision", default=0.05, type=Figure(0.005, 1), help="Bisect until the gap is this share of the rate.")
@seconds("--step", 10.0, Figure(1, DAY_S), help="Length of each step.")
@mix_options
@users
@seed
@connections(256)
@tokens_file
@report_files
@threshold_options
@target_options
def capacity(**options: Any) -> None:
    """Find the highest rate that the service sustains.

    The rate rises in steps until one misses a threshold or requests pile up; then the gap is bisected. Without
    thresholds, --max-p99 500 and --max-errors 1% apply. Exit status 4 means that no rate was sustained.
    """
    if options["start"] > options["highest"]:
        raise click.UsageError(f"--from {options['start']:g} is above --to {options['highest']:g}")
    plan = plan_of(options, rate=options["start"], duration_s=options["step"])
    search = Search(options["start"], options["growth"], options["highest"], options["precision"])
    thresholds = [each for each in thresholds_of(options) if each.name != "rate"] or DEFAULT_THRESHOLDS
    with target_access(options) as access:
        report = run_loop(
            run_capacity(
                access,
                plan,
                search,
                thresholds,
                showtimes=options["showtimes"] or plan.profile.showtimes,
                max_in_flight=options["max_in_flight"],
            )
        )
    finish(report, options, thresholds)
    if not report["totals"]["capacity_per_s"]:
        sys.exit(MISSED)


@load.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@admin_options
@target_options
def reset(**options: Any) -> None:
    """Remove what load users booked and the rooms of drills, so that a run can be repeated.

    It says what it removes before it does. Where the stores are at hand, and are those of the service at --url, it
    deletes; no load may run meanwhile. With --remote, an administrator cancels the reservations through the API, and
    their history stays. It makes and deletes no account there.
    """
    admin = admin_of(options, "cancels the load users' reservations")
    with target_access(options) as access:
        run_loop(remove_reservations(access, admin=admin, dry_run=options["dry_run"]))


@load.command()
@users
@file("--file", "tokens_file", required=True, help="File to write: one token a line, readable by its owner only.")
@option(
    "--life",
    default=DAY_S,
    type=click.IntRange(60, 30 * DAY_S),
    metavar="SECONDS",
    help="Lifetime of minted tokens; that of a remote target's tokens is its own.",
)
@target_options
def tokens(**options: Any) -> None:
    """Write access tokens of load users into a file, for other load generators."""

    async def new_tokens(access: TargetAccess) -> list[str]:
        async with access.client() as client:
            await check_reachable(client)
            life_s = 0 if access.settings is None else options["life"]
            return await tokens_for(client, access, users=options["users"], life_s=life_s)

    with target_access(options) as access:
        made = run_loop(new_tokens(replace(access, tokens_file=None)))
    write_tokens(options["tokens_file"], made)


@load.command()
@option("--customers", default=10_000, type=click.IntRange(1, MAX_USERS), help="Number of customers.")
@option("--seats", default=500, type=click.IntRange(1, 10_000), help="Number of seats.")
@seat_range("--per-customer", help="Seats that a customer wants.")
@admin_options
@seed
@connections(1000)
@tokens_file
@report_files
@threshold_options
@target_options
def drill(**options: Any) -> None:
    """The on-sale drill: all customers want the seats of one showtime at the same instant.

    It makes a room and a showtime of its own. Exit status 3 means that a check failed; docs/load-tester/load-kit.md
    lists the checks.
    """
    admin = admin_of(options, "makes the room and the showtime")
    with target_access(options) as access:
        work = run_drill(
            access,
            customers=options["customers"],
            seats=options["seats"],
            per_customer=options["per_customer"],
            seed=options["seed"],
            admin=admin,
        )
        report = run_loop(work)
    finish(report, options)


@load.command()
@click.argument("a", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("b", type=click.Path(path_type=Path, dir_okay=False))
@option("--max-ratio", type=Figure(1), help="Exit status 4 if a figure of B is worse by more than this factor.")
@file("--json", "json_file", help="Write the comparison as JSON.")
def compare(a: Path, b: Path, max_ratio: float | None, json_file: Path | None) -> None:
    """Compare the JSON reports A and B of the same load.

    A difference is only called one if it is more than chance: if the 95 % confidence intervals do not overlap.
    """
    found = compare_reports(read_report(a), read_report(b), max_ratio=max_ratio)
    click.echo(comparison_text(found))
    if json_file:
        write_json(found, json_file)
    if found["worse"]:
        sys.exit(MISSED)
