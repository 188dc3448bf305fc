"""Reports: the figures of the API as tables and bars, what cannot be reported, and the files."""

from datetime import UTC, datetime, timedelta

import pytest

from reservation.web.report_charts import HEIGHT, MOST_BARS, chart_of
from tests.api import Api
from tests.web.test_manage_home import manager_of


def days_around() -> str:
    today = datetime.now(UTC).date()
    return f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"


async def test_sales_are_shown_by_what_the_reader_chooses(api: Api) -> None:
    visitor, cinema, customer = await manager_of(api), await api.cinema(), await api.sign_up()
    sold = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])
    await api.confirm(customer, sold.json["id"])
    body = {"seat_ids": cinema.seat_ids[:1]}
    await api.call("POST", f"/reservations/{sold.json['id']}/cancel", body, who=customer)
    figures = "3 $30.00 1 $10.00 $20.00"
    page = await visitor.open("/manage/reports")
    assert page.heading == "Reports"
    assert f"Total {figures}" in page.text
    assert page.html.count('<rect class="whole"') == 1
    for by, row in (
        ("cinema", "Cinema"),
        ("movie", "A Film"),
        ("ticket_type", "standard"),
        ("channel", "Account"),
        ("showtime", "A Room"),
    ):
        page = await visitor.open(f"/manage/reports?by={by}&{days_around()}")
        assert f"{row} {figures}" in page.text, by
    assert f"/manage/reports/showtimes/{cinema.showtime_id}" in page.links
    page = await visitor.open(f"/manage/reports/showtimes/{cinema.showtime_id}")
    assert page.heading == "A Film"
    assert f"standard Account {figures}" in page.text
    page = await visitor.open("/manage/reports/occupancy?by=movie")
    assert "A Film 1 50 0 2 4 % 0" in page.text


async def test_the_form_shows_the_days_of_the_report_and_asks_for_others(api: Api) -> None:
    visitor, today = await manager_of(api), datetime.now(UTC).date()
    page = await visitor.open("/manage/reports")
    fields = dict(page.form("/manage/reports").fields)
    assert (fields["from"], fields["to"], fields["by"]) == (str(today - timedelta(days=29)), str(today), "day")
    assert "Nothing was sold or given back on these days." in page.text
    page = await visitor.open("/manage/reports/occupancy?from=2030-01-01&to=2030-01-07&by=cinema")
    fields = dict(page.form("/manage/reports/occupancy").fields)
    assert (fields["from"], fields["to"], fields["by"]) == ("2030-01-01", "2030-01-07", "cinema")


@pytest.mark.parametrize(
    "query", ["from=2030-01-02&to=2030-01-01", "from=nonsense", "by=nonsense", "from=2020-01-01&to=2030-01-01"]
)
async def test_what_cannot_be_reported_is_said_beside_the_form(api: Api, query: str) -> None:
    visitor = await manager_of(api)
    page = await visitor.open(f"/manage/reports?{query}")
    assert (page.status, "This cannot be reported." in page.text) == (422, True)
    page = await visitor.open(f"/manage/reports/sales.csv?{query}")  # leads to the page
    assert (page.status, page.heading) == (422, "Reports")


async def test_each_report_can_be_downloaded_as_csv(api: Api) -> None:
    visitor, cinema = await manager_of(api), await api.cinema()
    for path, link in (
        ("/manage/reports?by=movie", "/manage/reports/sales.csv"),
        ("/manage/reports/occupancy?by=movie", "/manage/reports/occupancy.csv"),
        (f"/manage/reports/showtimes/{cinema.showtime_id}", "/sales.csv"),
    ):
        customer = await api.sign_up()
        sold = await api.hold(customer, cinema.showtime_id, [await _free(api, cinema.showtime_id)])
        await api.confirm(customer, sold.json["id"])
        page = await visitor.open(path)
        (found,) = [each for each in page.links if link in each]
        file = await visitor.open(found)
        assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert file.html.splitlines()[0].split(",")[-1] in ("net", "no_shows")
        assert len(file.html.splitlines()) == 2


async def _free(api: Api, showtime_id: int) -> int:
    statuses = await api.statuses(showtime_id)
    return next(seat for seat, status in statuses.items() if status == "available")


async def test_a_showtime_that_does_not_exist_is_not_found(api: Api) -> None:
    visitor = await manager_of(api)
    for path in ("999", "nonsense", "999/sales.csv"):
        assert (await visitor.open(f"/manage/reports/showtimes/{path}")).status == 404


def test_bars_are_as_high_as_their_figures() -> None:
    chart = chart_of([{"all": "10.00", "some": "2.50"}, {"all": "5.00", "some": "0.00"}], "all", "some")
    assert chart is not None
    assert [(bar.height, bar.part) for bar in chart.bars] == [(HEIGHT, HEIGHT / 4), (HEIGHT / 2, 0)]
    assert str(chart.most) == "10.00"


def test_there_is_no_chart_of_nothing_and_none_of_too_many_bars() -> None:
    assert chart_of([], "all", "some") is None
    assert chart_of([{"all": "0.00", "some": "0.00"}], "all", "some") is None
    many = chart_of([{"all": 1, "some": 0}] * 1000, "all", "some")
    assert many is not None
    assert len(many.bars) == MOST_BARS
