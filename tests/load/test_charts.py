"""Charts are well-formed, stand alone, and draw what can be drawn."""

import xml.etree.ElementTree as ET  # our own output

import pytest

from reservation.load.reports.charts import Series, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: str) -> ET.Element:
    root = ET.fromstring(chart)  # noqa: S314
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    return root


def points(chart: str) -> list[list[tuple[float, float]]]:
    lines = drawn(chart).iter(f"{SVG}polyline")
    pairs = [[pair.split(",") for pair in (line.get("points") or "").split()] for line in lines]
    return [[(float(x), float(y)) for x, y in line] for line in pairs]


def test_a_chart_escapes_its_texts_and_loads_nothing() -> None:
    chart = line_chart("<script>", "a & b", "'\"", [Series("<x>", [(1, 2), (2, 3)])])
    drawn(chart)
    assert "<script" not in chart
    assert "http" not in chart.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_a_higher_y_is_further_up_and_a_higher_x_further_right() -> None:
    [line] = points(line_chart("t", "x", "y", [Series("s", [(0, 1), (10, 5), (20, 3)])]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y1 < y2 < y0


def test_a_logarithmic_axis_spaces_by_factors_and_leaves_out_zeros() -> None:
    [line] = points(
        line_chart("t", "x", "y", [Series("s", [(0, 1), (1, 1), (10, 10), (100, 100)])], log_x=True, log_y=True)
    )
    assert len(line) == 3
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)


def test_a_spread_is_drawn_as_a_whisker_for_each_point() -> None:
    chart = line_chart("t", "x", "y", [Series("s", [(1, 5), (2, 6)], [(4, 9), (5, 7)])])
    assert sum(path.get("class", "").startswith("whisker") for path in drawn(chart).iter(f"{SVG}path")) == 2


@pytest.mark.parametrize("series", [[], [Series("s", [])], [Series("s", [(3, 5)])], [Series("s", [(0, 0), (1, 0)])]])
def test_a_chart_of_one_point_or_none_is_valid(series: list[Series]) -> None:
    for log in (False, True):
        drawn(line_chart("t", "x", "y", series, log_x=log, log_y=log))
