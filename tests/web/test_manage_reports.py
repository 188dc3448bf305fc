"""Reports: the figures of the API as tables and bars, what cannot be reported, and the files."""

from datetime import UTC, datetime, timedelta

import pytest

from reservation.web.report_charts import MOST_LABELS, MOST_ROWS, columns, rows
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


def day_items(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"all": whole, "some": part} for whole, part in pairs]


def test_what_is_given_back_is_drawn_below_zero_in_the_same_scale() -> None:
    chart = columns(day_items(("10.00", "2.50"), ("5.00", "0.00")), "all", "some", is_part_below=True)
    assert chart is not None
    assert [str(tick.value) for tick in chart.ticks] == ["-5", "0", "5", "10"]
    first, second = chart.bars
    assert (first.whole, second.whole) == pytest.approx((200 / 3, 100 / 3), abs=0.01)
    assert first.part == pytest.approx(100 / 6, abs=0.01)
    assert chart.zero == pytest.approx(100 / 3, abs=0.01)


def test_what_is_sold_is_drawn_within_what_there_is() -> None:
    chart = columns(day_items(("200", "50")), "all", "some", is_part_below=False)
    assert chart is not None
    assert [(bar.whole, bar.part) for bar in chart.bars] == [(100, 25)]
    assert chart.zero == 0
    assert [int(tick.value) for tick in chart.ticks] == [0, 50, 100, 150, 200]


def test_a_chart_of_a_year_has_all_its_days_and_few_labels() -> None:
    chart = columns(day_items(*[("1", "0")] * 366), "all", "some", is_part_below=False)
    assert chart is not None
    assert len(chart.bars) == 366
    assert sum(bar.is_labelled for bar in chart.bars) == MOST_LABELS
    assert chart.bars[-1].start + chart.bars[-1].width <= 100


def test_there_is_no_chart_of_nothing() -> None:
    for items in ([], day_items(("0.00", "0.00"))):
        assert columns(items, "all", "some", is_part_below=True) is None
        assert rows(items, "all", "some") is None


def test_bars_with_names_are_as_long_as_their_figures_and_not_too_many() -> None:
    chart = rows(day_items(("40", "10"), *[("10", "0")] * 100), "all", "some")
    assert chart is not None
    assert (len(chart.bars), chart.left_out) == (MOST_ROWS, 101 - MOST_ROWS)
    assert [(bar.whole, bar.part) for bar in chart.bars[:2]] == [(100, 25), (25, 0)]


async def test_films_are_shown_by_what_they_sold_with_their_names_at_the_bars(api: Api) -> None:
    visitor, customer = await manager_of(api), await api.sign_up()
    for title, seats in (("Least", 1), ("Most", 3), ("Middle", 2)):
        movie_id = await api.movie(title=title)
        room, seat_ids = await api.auditorium()
        held = await api.hold(customer, await api.showtime(movie_id, room), seat_ids[:seats])
        await api.confirm(customer, held.json["id"])
    page = await visitor.open("/manage/reports?by=movie")
    assert "Most $30.00 Middle $20.00 Least $10.00" in page.text  # at the bars
    assert "Most 3 $30.00 0 $0.00 $30.00 Middle 2" in page.text  # in the table


async def test_bars_of_days_have_days_and_values_and_days_without_sales_are_rows(api: Api) -> None:
    visitor, cinema, customer = await manager_of(api), await api.cinema(), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])
    await api.confirm(customer, held.json["id"])
    page = await visitor.open("/manage/reports")
    assert page.html.count('class="report-day"') == 30
    assert page.html.count('<text class="label') == len(range(0, 30, -(-30 // MOST_LABELS)))
    assert all(f">{value}</text>" in page.html for value in ("$0.00", "$10.00", "$20.00", "$30.00"))
    page = await visitor.open("/manage/reports/occupancy")
    assert "Seats sold Share sold" in page.text
