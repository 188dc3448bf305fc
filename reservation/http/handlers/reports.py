"""Reports for administrators: sales, occupancy, and all of one showtime."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...db.repository.reports import Days
from ...errors import Invalid, ReportTooSlow
from ...reports.reports import MAX_DAYS
from ...reports.tables import CHANNELS, OCCUPANCY_GROUPINGS, SALES_GROUPINGS, Report
from ...runtime.fields import MAX_ID, Day, Id, Input, Instant, IntegerParameter, Money
from ..app_keys import QUERY, REPORTS as REPORTS_KEY, SETTINGS
from ..input.media_types import CSV, wants_csv
from ..input.path_ids import path_id
from ..output.responses import SingleWriteResponse, json_response
from ..output.schemas import CURRENCY
from ..routes import REPORTS, Access, Routes

routes = Routes("Reports", Access.ADMIN, read_scopes=REPORTS)

SALES_DAYS = 30  # up to today, where the request names no days
OCCUPANCY_DAYS = 7  # from today on


class PeriodQuery(Input):
    """The days of a report, both included."""

    first = Day(data_key="from", metadata={"description": "First day, in the time zone of each cinema"})
    last = Day(data_key="to", metadata={"description": f"Last day, included; at most {MAX_DAYS} days in all"})
    cinema_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only this cinema"})


class SalesQuery(PeriodQuery):
    """A report on sales."""

    by = fields.String(
        load_default="day", validate=validate.OneOf(SALES_GROUPINGS), metadata={"description": "What a row is"}
    )


class OccupancyQuery(PeriodQuery):
    """A report on occupancy."""

    by = fields.String(
        load_default="day", validate=validate.OneOf(OCCUPANCY_GROUPINGS), metadata={"description": "What a row is"}
    )


class SalesFiguresOutput(Schema):
    """What was sold and what was given back."""

    seats = fields.Integer(required=True, metadata={"description": "Seats that were confirmed"})
    revenue = Money(required=True, metadata={"description": "Their prices"})
    refunded_seats = fields.Integer(required=True, metadata={"description": "Confirmed seats that were given back"})
    refunds = Money(required=True, metadata={"description": "Their prices"})
    net = fields.String(
        required=True, metadata={"description": "revenue less refunds; may be negative", "pattern": r"^-?\d+\.\d{2}$"}
    )


class ReportedThing(Schema):
    """What a row is about: the members of `by`."""

    day = fields.Date(metadata={"description": "A day of the cinema"})
    cinema_id = Id()
    cinema_name = fields.String()
    movie_id = Id()
    movie_title = fields.String()
    showtime_id = Id()
    starts_at = Instant()
    auditorium_name = fields.String()


class SalesItemOutput(ReportedThing, SalesFiguresOutput):
    """Sales of a day, cinema, movie, showtime, ticket type or channel."""

    ticket_type_id = Id()
    ticket_type_name = fields.String()
    channel = fields.String(validate=validate.OneOf(CHANNELS))


class OccupancyFiguresOutput(Schema):
    """How full showtimes are, in seats."""

    showtimes = fields.Integer(required=True, metadata={"description": "Scheduled showtimes"})
    capacity = fields.Integer(required=True, metadata={"description": "Seats of their rooms, as they are now"})
    blocked = fields.Integer(required=True)
    sold = fields.Integer(required=True)
    held = fields.Integer(required=True, metadata={"description": "In holds that have not expired"})
    no_shows = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Sold seats that were not checked in, of showtimes that have started; null: none has"},
    )


class OccupancyItemOutput(ReportedThing, OccupancyFiguresOutput):
    """Occupancy of a day, cinema, movie or showtime."""


class ReportOutput(Schema):
    """The period of a report."""

    first = fields.Date(required=True, data_key="from")
    last = fields.Date(required=True, data_key="to")


class SalesReportOutput(ReportOutput):
    """Sales, and their total."""

    by = fields.String(required=True, validate=validate.OneOf(SALES_GROUPINGS))
    currency = fields.String(required=True, metadata=CURRENCY)
    items = fields.List(fields.Nested(SalesItemOutput()), required=True)
    total = fields.Nested(SalesFiguresOutput(), required=True)


class OccupancyReportOutput(ReportOutput):
    """Occupancy, and its total."""

    by = fields.String(required=True, validate=validate.OneOf(OCCUPANCY_GROUPINGS))
    items = fields.List(fields.Nested(OccupancyItemOutput()), required=True)
    total = fields.Nested(OccupancyFiguresOutput(), required=True)


class ShowtimeSalesItemOutput(SalesFiguresOutput):
    """Sales of a day, of one ticket type, through one channel."""

    day = fields.Date(required=True, metadata={"description": "A day of the cinema"})
    ticket_type_id = Id(required=True)
    ticket_type_name = fields.String(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))


class ShowtimeReportOutput(Schema):
    """A showtime: what it is, how full, and all its sales."""

    showtime_id = Id(required=True)
    starts_at = Instant(required=True)
    movie_title = fields.String(required=True)
    cinema_id = Id(required=True)
    cinema_name = fields.String(required=True)
    auditorium_name = fields.String(required=True)
    capacity = fields.Integer(required=True, metadata={"description": "Seats of its room, as they are now"})
    blocked = fields.Integer(required=True)
    sold = fields.Integer(required=True)
    held = fields.Integer(required=True, metadata={"description": "In holds that have not expired"})
    no_shows = fields.Integer(required=True, allow_none=True)
    currency = fields.String(required=True, metadata=CURRENCY)
    items = fields.List(fields.Nested(ShowtimeSalesItemOutput()), required=True)
    total = fields.Nested(SalesFiguresOutput(), required=True)


@routes.add(
    "GET", "/reports/sales", query=SalesQuery(), output=SalesReportOutput(), has_csv=True, raises=(ReportTooSlow,)
)
async def get_sales(request: web.Request) -> web.StreamResponse:
    """What was sold on some days, and what was given back.

    A sale counts on the day on which it was confirmed, as it was then, and what cancels, partial cancels and exchanges
    gave back on the day on which that happened. Without days, the last 30. With `Accept: text/csv`, the items are CSV.
    """
    query = request[QUERY]
    days = _days(query, default_days=SALES_DAYS, from_today=False)
    report = await request.app[REPORTS_KEY].sales(grouping=query["by"], days=days, cinema_id=query.get("cinema_id"))
    whole = _period(days) | {"by": query["by"], "currency": request.app[SETTINGS].currency}
    return _answer(request, report, whole, f"sales-{days.first}-{days.last}-by-{query['by']}")


@routes.add(
    "GET",
    "/reports/occupancy",
    query=OccupancyQuery(),
    output=OccupancyReportOutput(),
    has_csv=True,
    raises=(ReportTooSlow,),
)
async def get_occupancy(request: web.Request) -> web.StreamResponse:
    """How full the scheduled showtimes are that start on some days.

    Without days, today and the six days after it. With `Accept: text/csv`, the items are CSV.
    """
    query = request[QUERY]
    days = _days(query, default_days=OCCUPANCY_DAYS, from_today=True)
    report = await request.app[REPORTS_KEY].occupancy(grouping=query["by"], days=days, cinema_id=query.get("cinema_id"))
    return _answer(
        request, report, _period(days) | {"by": query["by"]}, f"occupancy-{days.first}-{days.last}-by-{query['by']}"
    )


@routes.add(
    "GET", "/reports/showtimes/{showtime_id}", output=ShowtimeReportOutput(), has_csv=True, raises=(ReportTooSlow,)
)
async def get_showtime_report(request: web.Request) -> web.StreamResponse:
    """How full one showtime is, and all its sales by day, ticket type and channel.

    With `Accept: text/csv`, the items are CSV.
    """
    showtime_id = path_id(request, "showtime_id")
    report = await request.app[REPORTS_KEY].showtime(showtime_id=showtime_id)
    whole = {**report.facts, "currency": request.app[SETTINGS].currency}
    return _answer(request, report, whole, f"showtime-{showtime_id}")


def _days(query: dict[str, Any], *, default_days: int, from_today: bool) -> Days:
    """The days that are asked for; raises Invalid for none, and for too many."""
    first: date | None = query.get("first")
    last: date | None = query.get("last")
    more = timedelta(days=default_days - 1)
    if first is None and last is None and from_today:
        first = datetime.now(UTC).date()
    if last is None:
        last = datetime.now(UTC).date() if first is None else first + more
    if first is None:
        first = last - more
    if first > last:
        raise Invalid("/to", "Must not be before `from`.")
    if (last - first).days >= MAX_DAYS:
        raise Invalid("/to", f"A report has at most {MAX_DAYS} days.")
    return Days(first, last)


def _period(days: Days) -> dict[str, Any]:
    return {"from": days.first, "to": days.last}


def _answer(request: web.Request, report: Report, whole: dict[str, Any], name: str) -> SingleWriteResponse:
    """The items as CSV where the client wants that; else all as JSON."""
    if not wants_csv(request):
        return json_response(whole | {"items": report.items, "total": report.total}, headers={"Vary": "Accept"})
    return SingleWriteResponse(
        report.csv().encode(),
        content_type=f"{CSV}; charset=utf-8",
        headers={"Vary": "Accept", "Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
