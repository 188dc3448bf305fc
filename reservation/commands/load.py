"""`reservation load` and its subcommands: reset, tokens, drill."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..db.psycopg_connections import database_name
from ..load import customers
from ..load.client import Client
from ..load.drill_report import drill_text
from ..load.plan import PROFILES, Plan
from ..load.report import run_text
from ..load.reset import reset_remotely, reset_stores
from ..load.run import Sale, TargetAccess, check_reachable, check_stores, run_drill, run_load, run_loop, tokens_for
from .load_options import (
    Figure,
    access_of,
    check_writable,
    connections,
    finish,
    html_file,
    json_file,
    seat_range,
    seed,
    stores_at_hand,
    target_options,
    tokens_file,
    users,
)

Result = TypeVar("Result")

MAX_IN_FLIGHT = 1_000_000
FEW_CONNECTIONS = {"connections": 8}
DAY_S = 86_400


@click.group(invoke_without_command=True)
@click.option(
    "--rate",
    default=100.0,
    show_default=True,
    type=Figure(0.1, 1_000_000),
    help="Requests a second; arrivals are random and wait for no answer.",
)
@click.option(
    "--duration", default=30.0, show_default=True, type=Figure(1, 86_400), metavar="SECONDS", help="Length of the run."
)
@click.option(
    "--ramp", default=0.0, show_default=True, type=Figure(0), metavar="SECONDS", help="Rise from 0 to --rate."
)
@click.option(
    "--profile", default="mixed", show_default=True, type=click.Choice(list(PROFILES)), help="Mix of requests."
)
@click.option(
    "--contention",
    type=Figure(0, 1),
    help="Share of customers who want the best seats of the first showtime  [default: the profile's]",
)
@click.option("--showtimes", type=click.IntRange(1, 10_000), help="Number of showtimes  [default: the profile's]")
@click.option(
    "--seats", callback=seat_range, default="1..4", show_default=True, metavar="N or N..M", help="Seats of a hold."
)
@click.option(
    "--max-in-flight",
    default=5000,
    show_default=True,
    type=click.IntRange(1, MAX_IN_FLIGHT),
    help="Requests sent or waiting for a connection; arrivals beyond it are dropped, and counted.",
)
@users
@seed
@connections(256)
@tokens_file
@json_file
@html_file
@target_options
@click.pass_context
def load(context: click.Context, /, **options: Any) -> None:
    """Put load on a service, and audit its answers.

    Arrivals are an open, seeded Poisson process of requests; latency counts from the intended arrival. Exit status 3
    means that an invariant was violated. docs/load-tester/load-kit.md is the manual.
    """
    if context.invoked_subcommand is not None:
        return
    plan = _plan(options)
    access = access_of(options, max_in_flight=options["max_in_flight"])
    check_writable(options)
    showtimes = options["showtimes"] or plan.profile.showtimes
    with stores_at_hand(options) as settings:
        report = run_loop(lambda: run_load(access, plan, settings, showtimes=showtimes))
    finish(report, run_text(report), options)


@load.command()
@users
@tokens_file
@target_options
def reset(**options: Any) -> None:
    """Remove what load users booked and the rooms of drills, so that a run can be repeated.

    Where the stores are at hand, and are those of the service at --url, it is deleted; no load may run meanwhile. With
    --remote it is cancelled through the API, and its history stays.
    """
    check_writable(options)
    access = access_of(options | FEW_CONNECTIONS, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options) as settings:
        if settings is not None:
            _with_client(access, lambda client: check_stores(client, settings))
            removed = run_loop(lambda: reset_stores(settings))
            click.echo(
                f"{removed.reservations:,} reservations and {removed.drills:,} drill rooms deleted "
                f"from {database_name(settings.database_url or '')}"
            )
            return

    async def cancel_all(client: Client) -> Any:
        await check_reachable(client)
        tokens = await tokens_for(
            client, None, users=options["users"], life_s=customers.SPARE_S, file=access.tokens_file
        )
        return await reset_remotely(client, tokens)

    removed = _with_client(access, cancel_all)
    late = f", {removed.refused:,} could not be" if removed.refused else ""
    click.echo(f"{removed.reservations:,} reservations cancelled{late}; their history and the rooms of drills remain")


@load.command()
@users
@click.option(
    "--file",
    "tokens_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: one access token a line, readable by its owner only.",
)
@click.option(
    "--life",
    default=DAY_S,
    show_default=True,
    type=click.IntRange(60, 30 * DAY_S),
    metavar="SECONDS",
    help="Lifetime of minted tokens; that of a remote target's tokens is its own.",
)
@target_options
def tokens(**options: Any) -> None:
    """Write access tokens of load users into a file, for other load generators."""
    check_writable(options)
    access = access_of(options | FEW_CONNECTIONS, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options) as settings:

        async def make(client: Client) -> list[str]:
            if settings is None:
                await check_reachable(client)
                return await customers.log_in_all(client, users=options["users"])
            await check_stores(client, settings)
            return await customers.mint_tokens(settings, users=options["users"], life_s=options["life"])

        made = _with_client(access, make)
    customers.write_tokens(options["tokens_file"], made)


@load.command()
@click.option(
    "--customers",
    default=10_000,
    show_default=True,
    type=click.IntRange(1, customers.MAX_USERS),
    help="Number of customers.",
)
@click.option("--seats", default=500, show_default=True, type=click.IntRange(1, 10_000), help="Number of seats.")
@click.option(
    "--per-customer",
    callback=seat_range,
    default="1..4",
    show_default=True,
    metavar="N or N..M",
    help="Seats that a customer wants.",
)
@click.option("--admin-email", help="With --remote: the administrator who makes the room and the showtime.")
@click.option("--admin-password", help="Asked for if not given.")
@seed
@connections(1000)
@tokens_file
@json_file
@html_file
@target_options
def drill(**options: Any) -> None:
    """The on-sale drill: all customers want the seats of one showtime at the same instant.

    It makes a room and a showtime of its own. Exit status 3 means that a check failed; docs/load-tester/load-kit.md
    lists the checks.
    """
    if options["remote"] and not options["admin_email"]:
        raise click.UsageError("--remote needs --admin-email, an administrator who makes the room and the showtime")
    check_writable(options)
    if options["admin_email"] and options["admin_password"] is None:
        options["admin_password"] = click.prompt("Password of the administrator", hide_input=True)
    fewest, most = options["per_customer"]
    sale = Sale(
        customers=options["customers"],
        seats=options["seats"],
        fewest_seats=fewest,
        most_seats=most,
        seed=options["seed"],
        admin_email=options["admin_email"] or "",
        admin_password=options["admin_password"] or "",
    )
    access = access_of(options, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options) as settings:
        report = run_loop(lambda: run_drill(access, sale, settings))
    finish(report, drill_text(report), options)


def _with_client(access: TargetAccess, work: Callable[[Client], Awaitable[Result]]) -> Result:
    """Run work that needs a client, in a loop of its own."""

    async def run() -> Result:
        async with access.client() as client:
            return await work(client)

    return run_loop(run)


def _plan(options: dict[str, Any]) -> Plan:
    profile = PROFILES[options["profile"]]
    if options["ramp"] > options["duration"]:
        raise click.UsageError(f"--ramp {options['ramp']:g} is longer than --duration {options['duration']:g}")
    fewest, most = options["seats"]
    return Plan(
        profile=profile,
        rate=options["rate"],
        duration_s=options["duration"],
        ramp_s=options["ramp"],
        contention=profile.contention if options["contention"] is None else options["contention"],
        users=options["users"],
        fewest_seats=fewest,
        most_seats=most,
        seed=options["seed"],
    )
