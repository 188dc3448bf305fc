"""Reports: sales and occupancy of some days, and all of one showtime, as charts and tables, and as CSV."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from ....errors import Invalid
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import all_cinemas
from ...page_table import PageTable, see_other
from ...rendering import render
from ...report_charts import Chart, columns, rows
from ...request_keys import SET_COOKIES
from ...texts.marking import mark as _

pages = PageTable(Access.ADMIN, lane=Lane.REPORT)

SALES = "/manage/reports"
OCCUPANCY = "/manage/reports/occupancy"
SHOWTIME = "/manage/reports/showtimes/{showtime_id}"
ASKED = ("from", "to", "by", "cinema_id")
AS_CSV = {"Accept": "text/csv"}
# What a row can be, and how it is called.
GROUPINGS = {
    "day": _("Day"),
    "cinema": _("Cinema"),
    "movie": _("Film"),
    "showtime": _("Showtime"),
    "ticket_type": _("Ticket type"),
    "channel": _("Sold through"),
}
CHANNELS = {
    "account": _("Account"),
    "guest": _("Guest"),
    "box_office": _("Box office"),
    "api_key": _("API key"),
}
IN_OCCUPANCY = ("day", "cinema", "movie", "showtime")
# Things without an order of their own: the page shows first what sold most.
WITHOUT_ORDER = ("cinema", "movie", "ticket_type", "channel")


@pages.get(SALES)
async def show_sales(request: web.Request) -> web.StreamResponse:
    """What was sold and given back."""
    return await _show(request, "/reports/sales", "manage/report_sales.html", [*GROUPINGS], "revenue")


@pages.get(OCCUPANCY)
async def show_occupancy(request: web.Request) -> web.StreamResponse:
    """How full showtimes are."""
    return await _show(request, "/reports/occupancy", "manage/report_occupancy.html", [*IN_OCCUPANCY], "sold")


@pages.get(SHOWTIME)
async def show_showtime(request: web.Request) -> web.StreamResponse:
    """All sales of one showtime, and how full it is."""
    showtime_id = request.match_info["showtime_id"]
    api, path = ApiClient(request), f"/reports/showtimes/{showtime_id}"
    report = await api.get(path)
    cinema = await api.get(f"/cinemas/{report['cinema_id']}")
    _read_days(report["items"])
    days = columns(_by_day(report["items"]), "revenue", "refunds", is_part_below=True)
    return render(
        request,
        "manage/report_showtime.html",
        report=report,
        chart=days,
        timezone=cinema["timezone"],
        channels=CHANNELS,
    )


@pages.get("/manage/reports/sales.csv")
async def download_sales(request: web.Request) -> web.StreamResponse:
    """Sales as CSV."""
    return await _download(request, "/reports/sales", SALES)


@pages.get("/manage/reports/occupancy.csv")
async def download_occupancy(request: web.Request) -> web.StreamResponse:
    """Occupancy as CSV."""
    return await _download(request, "/reports/occupancy", OCCUPANCY)


@pages.get("/manage/reports/showtimes/{showtime_id}/sales.csv")
async def download_showtime(request: web.Request) -> web.StreamResponse:
    """All sales of one showtime as CSV."""
    path = f"/reports/showtimes/{request.match_info['showtime_id']}"
    return await _download(request, path, f"/manage{path}")


async def _show(request: web.Request, path: str, template: str, groupings: list[str], sold: str) -> web.StreamResponse:
    api, asked = ApiClient(request), _asked(request)
    is_refused, report = False, None
    try:
        report = await api.get(path, **asked)
        _read_days(report["items"])
        if report["by"] in WITHOUT_ORDER:
            report["items"].sort(key=lambda item: Decimal(item[sold]), reverse=True)
    except Invalid:
        is_refused = True
    return render(
        request,
        template,
        status=422 if is_refused else 200,
        report=report,
        chart=None if report is None else _chart(report),
        asked=asked | ({"by": report["by"], "from": report["from"], "to": report["to"]} if report else {}),
        groupings={name: GROUPINGS[name] for name in groupings},
        channels=CHANNELS,
        cinemas=(cinemas := await all_cinemas(api)),
        zones={each["id"]: each["timezone"] for each in cinemas},
    )


def _asked(request: web.Request) -> dict[str, str]:
    return {name: request.query.get(name, "").strip() for name in ASKED}


def _read_days(items: list[dict[str, Any]]) -> None:
    for item in items:
        if "day" in item:
            item["day"] = date.fromisoformat(item["day"])


def _chart(report: dict[str, Any]) -> Chart | None:
    """Upright bars of days, lying bars of what has a name."""
    is_sales = "revenue" in report["total"]
    whole, part = ("revenue", "refunds") if is_sales else ("capacity", "sold")
    if report["by"] == "day":
        return columns(report["items"], whole, part, is_part_below=is_sales)
    return rows(report["items"], whole, part)


def _by_day(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The amounts of each day, from the first to the last one on which something was sold or given back."""
    if not items:
        return []
    sold_on = [item["day"] for item in items]
    first, last = min(sold_on), max(sold_on)
    days: dict[date, dict[str, Any]] = {
        day: {"day": day, "revenue": Decimal(0), "refunds": Decimal(0)}
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
    }
    for item in items:
        for name in ("revenue", "refunds"):
            days[item["day"]][name] += Decimal(item[name])
    return [*days.values()]


async def _download(request: web.Request, path: str, page: str) -> web.StreamResponse:
    """The items as a file; what cannot be reported leads to the page, which says so, as do cookies that are due."""
    if request[SET_COOKIES]:
        return see_other(str(request.rel_url))
    try:
        return await ApiClient(request).respond(request.method, path, query=_asked(request), headers=AS_CSV)
    except Invalid:
        return see_other(f"{page}?{request.rel_url.raw_query_string}")
