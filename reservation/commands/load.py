"""The command `reservation load` and those below it: reset, tokens, drill."""

from pathlib import Path
from typing import Any

import click

from ..db.psycopg_connections import database_name
from ..load import customers
from ..load.drill_report import drill_text
from ..load.drill_run import Sale, run_drill
from ..load.plan import PROFILES, Plan
from ..load.report import run_text
from ..load.reset import Taken, reset_remotely, reset_stores
from ..load.run import Wiring, check_reachable, check_stores, open_client, run_load, run_loop, tokens_for
from ..settings import Settings
from .load_options import (
    Figure,
    check_writable,
    connecting,
    finish,
    html_file,
    json_file,
    reaching,
    seat_range,
    seed,
    stores_at_hand,
    tokens_file,
    users,
    wiring_of,
)

MAX_IN_FLIGHT = 1_000_000
FEW_CONNECTIONS = 8
DAY_S = 86_400


@click.group(invoke_without_command=True)
@click.option(
    "--rate",
    default=100.0,
    show_default=True,
    type=Figure(0.1, 1_000_000),
    help="Requests a second; they arrive by chance and wait for no answer.",
)
@click.option(
    "--duration", default=30.0, show_default=True, type=Figure(1, 86_400), metavar="SECONDS", help="How long."
)
@click.option(
    "--ramp", default=0.0, show_default=True, type=Figure(0), metavar="SECONDS", help="Rise from 0 to --rate."
)
@click.option("--profile", default="mixed", show_default=True, type=click.Choice(list(PROFILES)), help="Who comes.")
@click.option(
    "--contention",
    type=Figure(0, 1),
    help="Share of customers who want the best seats of the hottest showtime  [default: the profile's]",
)
@click.option("--showtimes", type=click.IntRange(1, 10_000), help="How many showtimes  [default: the profile's]")
@click.option(
    "--seats", callback=seat_range, default="1..4", show_default=True, metavar="N or N..M", help="Seats of a hold."
)
@click.option(
    "--max-in-flight",
    default=5000,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Requests sent or waiting for a connection; arrivals beyond it are dropped, and counted.",
)
@users
@seed
@connecting(256)
@tokens_file
@json_file
@html_file
@reaching
@click.pass_context
def load(context: click.Context, /, **options: Any) -> None:
    """Put load on a service, and audit its answers.

    Arrivals are an open, seeded Poisson process of requests; latency counts from the intended arrival. Exit status 3
    means that an invariant was broken. docs/load.md is the manual.
    """
    if context.invoked_subcommand is not None:
        return
    plan = _plan(options)
    wiring = wiring_of(options, max_in_flight=options["max_in_flight"])
    check_writable(options)
    with stores_at_hand(options["data_dir"], remote=options["remote"]) as settings:
        report = run_loop(
            lambda: run_load(wiring, plan, settings, showtimes=options["showtimes"] or plan.profile.showtimes)
        )
    finish(report, run_text(report), options)


@load.command()
@users
@tokens_file
@reaching
@click.pass_context
def reset(context: click.Context, /, **options: Any) -> None:
    """Take back what load users booked and the rooms of drills, so that a run can be repeated.

    Where the stores are at hand, and are those of the service at --url, it is deleted; no load may run meanwhile. With
    --remote it is cancelled through the API, and the history of it stays.
    """
    check_writable(options)
    wiring = wiring_of(options | {"connections": FEW_CONNECTIONS}, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options["data_dir"], remote=options["remote"]) as settings:
        if settings is not None:
            taken = run_loop(lambda: _reset_stores(wiring, settings))
            click.echo(
                f"{taken.reservations:,} reservations and {taken.drills:,} drill rooms deleted "
                f"from {database_name(settings.database_url or '')}"
            )
            return
    taken = run_loop(lambda: _reset_remotely(wiring, options["users"]))
    late = f", {taken.refused:,} could not be" if taken.refused else ""
    click.echo(f"{taken.reservations:,} reservations cancelled{late}; their history and the rooms of drills remain")


async def _reset_stores(wiring: Wiring, settings: Settings) -> Taken:
    async with open_client(wiring) as client:
        await check_stores(client, settings)
    return await reset_stores(settings)


async def _reset_remotely(wiring: Wiring, users: int) -> Taken:
    async with open_client(wiring) as client:
        await check_reachable(client)
        tokens = await tokens_for(client, None, users=users, life_s=customers.SPARE_S, file=wiring.tokens_file)
        return await reset_remotely(client, tokens)


@load.command()
@users
@click.option(
    "--file",
    "tokens_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to: one access token a line, readable by its owner only.",
)
@click.option(
    "--life", default=DAY_S, show_default=True, type=click.IntRange(60, 30 * DAY_S), metavar="SECONDS",
    help="How long minted tokens are good; those of a remote target last as long as it lets them.",
)  # fmt: skip
@reaching
@click.pass_context
def tokens(context: click.Context, /, **options: Any) -> None:
    """Write access tokens of load users into a file, for any tool that can read lines."""
    check_writable(options)
    file: Path = options["tokens_file"]
    wiring = wiring_of(options | {"connections": FEW_CONNECTIONS, "tokens_file": None}, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options["data_dir"], remote=options["remote"]) as settings:
        if settings is not None:
            made = run_loop(lambda: _mint(wiring, settings, users=options["users"], life_s=options["life"]))
        else:
            made = run_loop(lambda: _log_in(wiring, options["users"]))
    customers.write_tokens(file, made)


async def _mint(wiring: Wiring, settings: Settings, *, users: int, life_s: int) -> list[str]:
    async with open_client(wiring) as client:
        await check_stores(client, settings)
    return await customers.mint_tokens(settings, users=users, life_s=life_s)


async def _log_in(wiring: Wiring, users: int) -> list[str]:
    async with open_client(wiring) as client:
        await check_reachable(client)
        return await customers.log_in_all(client, users=users)


@load.command()
@click.option(
    "--customers",
    default=10_000,
    show_default=True,
    type=click.IntRange(1, customers.MAX_USERS),
    help="How many want seats at once.",
)
@click.option("--seats", default=500, show_default=True, type=click.IntRange(1, 10_000), help="How many there are.")
@click.option(
    "--per-customer",
    callback=seat_range,
    default="1..4",
    show_default=True,
    metavar="N or N..M",
    help="How many a customer wants.",
)
@click.option("--admin-email", help="With --remote: who makes the room and the showtime.")
@click.option("--admin-password", help="Asked for if not given.")
@seed
@connecting(1000)
@tokens_file
@json_file
@html_file
@reaching
@click.pass_context
def drill(context: click.Context, /, **options: Any) -> None:
    """The on-sale drill: all customers want the seats of one showtime at the same instant.

    It makes a room and a showtime of its own. Exit status 3 means that a check failed; see docs/load.md for the checks.
    """
    if options["remote"] and not options["admin_email"]:
        raise click.UsageError("--remote needs --admin-email: somebody has to make the room and the showtime")
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
    wiring = wiring_of(options, max_in_flight=MAX_IN_FLIGHT)
    with stores_at_hand(options["data_dir"], remote=options["remote"]) as settings:
        report = run_loop(lambda: run_drill(wiring, sale, settings))
    finish(report, drill_text(report), options)


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
