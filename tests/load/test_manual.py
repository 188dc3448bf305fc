"""docs/load-tester/load-kit.md names every command, every option and every key of the report."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from reservation.commands.load import load
from reservation.load.capacity import Search, capacity_figures, step_of
from reservation.load.client import Client
from reservation.load.comparison import compare
from reservation.load.connection import Answer
from reservation.load.drill import Drill
from reservation.load.engine import Engine
from reservation.load.final_audit import AuditResult
from reservation.load.measurements import Measurements
from reservation.load.plan import PROFILES, Operation, Plan
from reservation.load.reports.drill_report import drill_figures
from reservation.load.reports.report import Report, make_report, run_figures
from reservation.load.service_metrics import difference, parse
from reservation.load.showtimes import Showtime
from reservation.load.target import Target
from reservation.load.thresholds import Threshold
from reservation.load.viewers import SeatChanges, Viewers

MANUAL = (Path(__file__).parents[2] / "docs" / "load-tester" / "load-kit.md").read_text()
COMMANDS: dict[str, click.Command] = {"load": load, **load.commands}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_in_the_manual(name: str) -> None:
    assert name == "load" or f"`reservation load {name}" in MANUAL
    options = {word for parameter in COMMANDS[name].params for word in parameter.opts}
    assert {option for option in options if not re.search(rf"{re.escape(option)}\b", MANUAL)} == set()


async def test_every_key_of_the_reports_is_in_the_manual() -> None:
    plan = Plan(PROFILES["mixed"], 1, 1, 0, 0, 1, (1, 1), seed=1)
    audit = AuditResult().summary()
    now = datetime.now(UTC)
    async with Client(Target.of("http://127.0.0.1:1"), connections=1, timeout_s=1) as client:
        engine = Engine(client, plan, [Showtime(1, [])], ["token"], max_in_flight=1)
        measure(engine.measurements)
        drill = Drill(client, Showtime(1, []), ["token"], (1, 1), 1)
    run = make_report("run", engine.measurements, {}, audit, now, run_figures(engine))
    drilled = make_report("drill", drill.measurements, {}, audit, now, drill_figures(drill, []))
    step = step_of(engine, [Threshold("p99", 1)])
    searched = capacity_figures(engine, [step], Search(1, 2, 10, 0.05))
    checked = [Threshold("p99", 1).check(run)]
    counted = difference(
        parse("# TYPE a counter\na_total 1\n# TYPE b gauge\nb 1\n"),
        parse("# TYPE a counter\na_total 2\n# TYPE b gauge\nb 2\n# TYPE c histogram\nc_count 1\nc_sum 2\n"),
    )
    watched = Viewers(engine.client.target, engine.shows, 0, SeatChanges()).summary()
    keys = {*names(run), *names(drilled), *names(searched), *names(checked), *names(compare(run, run, max_ratio=2))}
    keys |= {*names(counted), *names(watched), "service", "viewers"}
    assert {"p99_9_ms", "sold_out_at_s", "first_sale_s", "lateness", "passed"} <= keys
    assert {key for key in keys if f"`{key}`" not in MANUAL} == set()


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_table_of_profiles_has_the_shares_of_the_code(name: str) -> None:
    profile = PROFILES[name]
    [row] = re.findall(rf"^\| `{name}` \|(.*)\|$", MANUAL, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")]
    shares = [f"{profile.shares[name] * 100:g} %" if name in profile.shares else "" for name in get_args(Operation)]
    assert cells == [*shares, str(profile.showtimes), f"{profile.contention:g}"]


def measure(measurements: Measurements) -> None:
    """Count one arrival and one answer, so that the report has all keys."""
    measurements.offer(0, 0)
    measurements.count("all", Answer(200, "", b"", b"", 0, 0.1), 0, 0, expected=True)


def names(report: Report | Any) -> list[str]:
    """All keys, those within included; what is named after an operation, a code or a kind of fault is not a key."""
    if isinstance(report, list):
        return [key for item in report for key in names(item)]
    if not isinstance(report, dict):
        return []
    return [*report, *(key for item in report.values() for key in names(item))]
