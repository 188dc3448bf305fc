"""Reports read in one snapshot each, with a limit on their time, on how many run at once and on their rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from ..db import metrics
from ..db.pool import Connection, Database
from ..db.postgresql_errors import is_timeout
from ..db.replicas import Replicas
from ..db.repository import reports as repository
from ..db.repository.reports import Days, OccupancyRow, SalesRow
from ..errors import DatabaseUnavailable, Invalid, NotFound, ReportTooSlow
from .tables import Report, occupancy_report, sales_report, showtime_report

MAX_DAYS = 366  # of a period
MAX_ROWS = 10_000
TIMEOUT_S = 30.0

Row = TypeVar("Row")
Found = TypeVar("Found")
DayRow = TypeVar("DayRow", SalesRow, OccupancyRow)
ABOUT_NOTHING = dict.fromkeys(("day", "id", "cinema_id", "cinema_name", "movie_title", "auditorium_name", "starts_at"))
NO_SALES = SalesRow(
    **ABOUT_NOTHING,
    channel=None,
    ticket_type_name=None,
    seats=0,
    revenue=Decimal("0.00"),
    refunded_seats=0,
    refunds=Decimal("0.00"),
)
NO_SHOWTIMES = OccupancyRow(**ABOUT_NOTHING, showtimes=0, capacity=0, blocked=0, sold=0, held=0, no_shows=None)


class Reports:
    """Reports of one database, whose pool limits how many run at once, or of a replica that has caught up with it."""

    def __init__(self, database: Database, *, timeout_s: float = TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s
        self.replicas: Replicas | None = None

    async def sales(self, *, grouping: str, days: Days, cinema_id: int | None = None) -> Report:
        """What was sold and given back on some days; raises Invalid, ReportTooSlow and Unavailable."""
        rows = await self._read(
            partial(repository.list_sales, grouping=grouping, days=days, cinema_id=cinema_id, row_limit=MAX_ROWS + 1)
        )
        rows = _bounded(rows)
        return sales_report(grouping, _each_day(rows, days, NO_SALES) if grouping == "day" else rows)

    async def occupancy(self, *, grouping: str, days: Days, cinema_id: int | None = None) -> Report:
        """How full the showtimes of some days are; raises Invalid, ReportTooSlow and Unavailable."""
        rows = await self._read(
            partial(
                repository.list_occupancy, grouping=grouping, days=days, cinema_id=cinema_id, row_limit=MAX_ROWS + 1
            )
        )
        rows = _bounded(rows)
        return occupancy_report(grouping, _each_day(rows, days, NO_SHOWTIMES) if grouping == "day" else rows)

    async def showtime(self, *, showtime_id: int) -> Report:
        """All sales of a showtime, and how full it is; raises NotFound, ReportTooSlow and Unavailable."""

        async def read(conn: Connection) -> Report:
            occupancy = await repository.find_occupancy(conn, showtime_id=showtime_id)
            if occupancy is None:
                raise NotFound("There is no such showtime.")
            return showtime_report(occupancy, await repository.list_showtime_sales(conn, showtime_id=showtime_id))

        return await self._read(read)

    async def _read(self, read: Callable[[Connection], Awaitable[Found]]) -> Found:
        replica = None if self.replicas is None else await self.replicas.caught_up()
        if self.replicas is not None and replica is not None:
            try:
                async with self._snapshot(replica.reports) as conn:
                    found = await read(conn)
            except DatabaseUnavailable as error:
                self.replicas.note_failure(replica, error)
            else:
                metrics.READS.counts["replica"] += 1
                return found
        if self.replicas is not None:
            metrics.READS.counts["primary"] += 1
        async with self._snapshot(self._database) as conn:
            return await read(conn)

    @asynccontextmanager
    async def _snapshot(self, database: Database) -> AsyncIterator[Connection]:
        try:
            async with (
                database.connection() as conn,
                conn.transaction(isolation="repeatable_read", readonly=True),
            ):
                await repository.begin(conn, timeout_s=self._timeout_s)
                yield conn
        except DatabaseUnavailable as error:
            if is_timeout(error):
                raise ReportTooSlow from error
            raise


def _bounded(rows: Sequence[Row]) -> Sequence[Row]:
    if len(rows) > MAX_ROWS:
        raise Invalid("/by", f"The report has more than {MAX_ROWS:,} rows: choose fewer days, or one cinema.")
    return rows


def _each_day(rows: Sequence[DayRow], days: Days, nothing: DayRow) -> Sequence[DayRow]:
    """A row for every day of the period, also for those that PostgreSQL has found nothing of."""
    found = {row.day: row for row in rows}
    period = (days.first + timedelta(days=number) for number in range((days.last - days.first).days + 1))
    return [found.get(day) or replace(nothing, day=day) for day in period]
