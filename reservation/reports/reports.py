"""Reports read in one snapshot each, with a limit on their time, on how many run at once and on their rows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from ..db.pool import Connection, Database
from ..db.postgresql_errors import is_timeout
from ..db.repository import reports as repository
from ..db.repository.reports import Days
from ..errors import DatabaseUnavailable, Invalid, NotFound, ReportTooSlow
from .tables import Report, occupancy_report, sales_report, showtime_report

MAX_DAYS = 366  # of a period
MAX_ROWS = 10_000
TIMEOUT_S = 30.0

Row = TypeVar("Row")


class Reports:
    """Reports of one database, which may be a read replica; its pool limits how many run at once."""

    def __init__(self, database: Database, *, timeout_s: float = TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s

    async def sales(self, *, grouping: str, days: Days, cinema_id: int | None = None) -> Report:
        """What was sold and given back on some days; raises Invalid, ReportTooSlow and Unavailable."""
        async with self._snapshot() as conn:
            rows = await repository.list_sales(
                conn, grouping=grouping, days=days, cinema_id=cinema_id, row_limit=MAX_ROWS + 1
            )
        return sales_report(grouping, _bounded(rows))

    async def occupancy(self, *, grouping: str, days: Days, cinema_id: int | None = None) -> Report:
        """How full the showtimes of some days are; raises Invalid, ReportTooSlow and Unavailable."""
        async with self._snapshot() as conn:
            rows = await repository.list_occupancy(
                conn, grouping=grouping, days=days, cinema_id=cinema_id, row_limit=MAX_ROWS + 1
            )
        return occupancy_report(grouping, _bounded(rows))

    async def showtime(self, *, showtime_id: int) -> Report:
        """All sales of a showtime, and how full it is; raises NotFound, ReportTooSlow and Unavailable."""
        async with self._snapshot() as conn:
            occupancy = await repository.find_occupancy(conn, showtime_id=showtime_id)
            if occupancy is None:
                raise NotFound("There is no such showtime.")
            rows = await repository.list_showtime_sales(conn, showtime_id=showtime_id)
        return showtime_report(occupancy, rows)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        try:
            async with (
                self._database.connection() as conn,
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
