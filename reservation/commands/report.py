"""`reservation report`: sales and occupancy as a table or as CSV."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from marshmallow import ValidationError

from ..db.report_pool import report_database
from ..db.repository.reports import Days
from ..reports.reports import MAX_DAYS, Reports
from ..reports.tables import OCCUPANCY_GROUPINGS, SALES_GROUPINGS, Report
from ..runtime.fields import Day
from ..runtime.file_output import output
from ..settings import Settings
from .options import current_stores, data_dir

TIMEOUT_S = 600.0
SALES_DAYS = 30  # up to today, where the command names no days
OCCUPANCY_DAYS = 7  # from today on

Make = Callable[[Reports], Awaitable[Report]]


def day(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    """A calendar day."""
    if value is None:
        return None
    try:
        found: date = Day().deserialize(value)
    except ValidationError as error:
        raise click.BadParameter(" ".join(map(str, error.messages))) from None
    return found


first = click.option("--from", "first", callback=day, metavar="DAY", help="First day, in the time zone of each cinema.")
last = click.option("--to", "last", callback=day, metavar="DAY", help="Last day, included.")
cinema = click.option("--cinema-id", type=click.IntRange(min=1), help="Only this cinema.")
as_csv = click.option("--csv", "as_csv", is_flag=True, help="CSV instead of a table.")


@click.group("report")
def report_group() -> None:
    """Sales and occupancy.

    docs/client/reports.md says what counts.
    """


@report_group.command("sales")
@first
@last
@click.option("--by", type=click.Choice(SALES_GROUPINGS), default="day", show_default=True, help="What a row is.")
@cinema
@as_csv
@data_dir
def sales(
    first: date | None, last: date | None, by: str, cinema_id: int | None, as_csv: bool, data_dir: Path | None
) -> None:
    """What was sold and given back; without days, in the last 30."""
    end = last or (datetime.now(UTC).date() if first is None else first + timedelta(SALES_DAYS - 1))
    days = _days(first or end - timedelta(SALES_DAYS - 1), end)
    _print(lambda reports: reports.sales(grouping=by, days=days, cinema_id=cinema_id), as_csv, data_dir)


@report_group.command("occupancy")
@first
@last
@click.option("--by", type=click.Choice(OCCUPANCY_GROUPINGS), default="day", show_default=True, help="What a row is.")
@cinema
@as_csv
@data_dir
def occupancy(
    first: date | None, last: date | None, by: str, cinema_id: int | None, as_csv: bool, data_dir: Path | None
) -> None:
    """How full showtimes are; without days, those of today and the six days after it."""
    begin = first or (datetime.now(UTC).date() if last is None else last - timedelta(OCCUPANCY_DAYS - 1))
    days = _days(begin, last or begin + timedelta(OCCUPANCY_DAYS - 1))
    _print(lambda reports: reports.occupancy(grouping=by, days=days, cinema_id=cinema_id), as_csv, data_dir)


@report_group.command("showtime")
@click.argument("showtime_id", type=click.IntRange(min=1))
@as_csv
@data_dir
def showtime(showtime_id: int, as_csv: bool, data_dir: Path | None) -> None:
    """All sales of one showtime."""
    _print(lambda reports: reports.showtime(showtime_id=showtime_id), as_csv, data_dir)


def _days(begin: date, end: date) -> Days:
    if begin > end:
        raise click.BadParameter("must not be before --from", param_hint="--to")
    if (end - begin).days >= MAX_DAYS:
        raise click.BadParameter(f"a report has at most {MAX_DAYS} days", param_hint="--to")
    return Days(begin, end)


def _print(make: Make, as_csv: bool, data_dir: Path | None) -> None:
    async def run(settings: Settings) -> Report:
        async with report_database(settings, connections=1, timeout_s=TIMEOUT_S) as database:
            return await make(Reports(database, timeout_s=TIMEOUT_S))

    with current_stores(data_dir) as settings:
        report = asyncio.run(run(settings))
    with output("-") as stream:
        stream.write((report.csv() if as_csv else report.text()).encode())
