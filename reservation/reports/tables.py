"""A report as a table: its columns, its rows and their total."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from ..db.repository.reports import OccupancyRow, SalesRow, ShowtimeSalesRow

Item = dict[str, Any]  # values by column

SALES_FIGURES = ("seats", "revenue", "refunded_seats", "refunds", "net")
OCCUPANCY_FIGURES = ("showtimes", "capacity", "blocked", "sold", "held", "no_shows")
# What a row is about, by what the rows are.
ABOUT: Mapping[str, Sequence[str]] = {
    "day": ("day",),
    "cinema": ("cinema_id", "cinema_name"),
    "movie": ("movie_id", "movie_title"),
    "showtime": ("showtime_id", "starts_at", "movie_title", "cinema_id", "cinema_name", "auditorium_name"),
    "ticket_type": ("ticket_type_id", "ticket_type_name"),
    "channel": ("channel",),
}
SALES_GROUPINGS = (*ABOUT,)
OCCUPANCY_GROUPINGS = ("day", "cinema", "movie", "showtime")
CHANNELS = ("account", "guest", "box_office", "api_key")
SHOWTIME_COLUMNS = ("day", "ticket_type_id", "ticket_type_name", "channel", *SALES_FIGURES)
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of a report by column, and the sums of their figures; `facts` are about the whole."""

    columns: Sequence[str]
    items: Sequence[Item]
    total: Item
    facts: Item = field(default_factory=dict)

    def csv(self) -> str:
        """The rows as CSV (RFC 4180) with a header; a text that a spreadsheet would calculate has a `'` in front."""
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(item[column]) for column in self.columns] for item in self.items)
        return text.getvalue()

    def text(self) -> str:
        """The rows and their total in aligned columns, for a terminal."""
        total = [_cell(self.total[column]) if column in self.total else "" for column in self.columns]
        total[0] = total[0] or "total"
        rows = [[*self.columns], *([_cell(item[column]) for column in self.columns] for item in self.items), total]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        is_figure = [column in self.total for column in self.columns]
        lines = (
            "  ".join(
                cell.rjust(width) if figure else cell.ljust(width)
                for cell, width, figure in zip(row, widths, is_figure, strict=True)
            ).rstrip()
            for row in rows
        )
        facts = "".join(f"{name}: {_cell(value)}\n" for name, value in self.facts.items())
        return f"{facts}\n" * bool(facts) + "\n".join(lines) + "\n"


def sales_report(grouping: str, rows: Iterable[SalesRow]) -> Report:
    """Sales by day, cinema, movie, showtime, ticket_type or channel."""
    items = [_item(grouping, row, SALES_FIGURES, net=row.revenue - row.refunds) for row in rows]
    return Report((*ABOUT[grouping], *SALES_FIGURES), items, _sales_total(items))


def occupancy_report(grouping: str, rows: Iterable[OccupancyRow]) -> Report:
    """Occupancy by day, cinema, movie or showtime; the total of no-shows is None if no row has any."""
    items = [_item(grouping, row, OCCUPANCY_FIGURES) for row in rows]
    total: Item = {figure: sum(item[figure] or 0 for item in items) for figure in OCCUPANCY_FIGURES}
    if all(item["no_shows"] is None for item in items):
        total["no_shows"] = None
    return Report((*ABOUT[grouping], *OCCUPANCY_FIGURES), items, total)


def showtime_report(occupancy: OccupancyRow, rows: Iterable[ShowtimeSalesRow]) -> Report:
    """Sales of one showtime by day, ticket type and channel; the facts are what it is, and how full."""
    items = [
        {column: getattr(row, column) if column != "net" else row.revenue - row.refunds for column in SHOWTIME_COLUMNS}
        for row in rows
    ]
    facts = _item("showtime", occupancy, [figure for figure in OCCUPANCY_FIGURES if figure != "showtimes"])
    return Report(SHOWTIME_COLUMNS, items, _sales_total(items), facts)


def _item(grouping: str, row: SalesRow | OccupancyRow, figures: Sequence[str], **computed: Any) -> Item:
    columns = (*ABOUT[grouping], *figures)
    known = {f"{grouping}_id": row.id, **computed}
    return {column: known[column] if column in known else getattr(row, column) for column in columns}


def _sales_total(items: Sequence[Item]) -> Item:
    zero = {"revenue": Decimal("0.00"), "refunds": Decimal("0.00"), "net": Decimal("0.00")}
    return {figure: sum((item[figure] for item in items), zero.get(figure, 0)) for figure in SALES_FIGURES}


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_STARTS) else text
