"""Charts are well-formed, stand alone, and draw what can be drawn."""

import xml.etree.ElementTree as ET  # our own output
from itertools import pairwise

import pytest

from reservation.load.reports.charts import Series, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: str) -> ET.Element:
    root = ET.fromstring(chart)  # noqa: S314
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    return root


def legends_of(chart: str) -> list[ET.Element]:
    return [group for group in drawn(chart).iter(f"{SVG}g") if group.get("class") == "legend"]


def child(parent: ET.Element, tag: str) -> ET.Element:
    found = parent.find(f"{SVG}{tag}")
    assert found is not None
    return found


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


def test_any_two_of_forty_lines_differ_by_dash_or_marker() -> None:
    series = [Series(f"operation_{number}", [(x, number + x) for x in range(1, 400)]) for number in range(40)]
    legends = legends_of(line_chart("t", "time (s)", "latency (ms)", series))
    looks = {(child(legend, "line").get("stroke-dasharray"), child(legend, "path").get("d")) for legend in legends}
    assert len(looks) == len(legends) == 40


def test_a_legend_of_many_lines_goes_on_in_the_next_row_above_the_lines() -> None:
    series = [Series(f"operation_{number}", [(1, 2), (2, 3)]) for number in range(12)]
    chart = line_chart("t", "time (s)", "latency (ms)", series)
    places = [
        (float(text.get("y", 0)), float(text.get("x", 0)), float(text.get("x", 0)) + 6 * len(text.text or ""))
        for text in (child(legend, "text") for legend in legends_of(chart))
    ]
    assert all(row < next_row or end < start for (row, _, end), (next_row, start, _) in pairwise(places))
    assert len({row for row, _, _ in places}) > 1
    assert max(end for _, _, end in places) <= 760
    assert max(row for row, _, _ in places) < min(y for line in points(chart) for _, y in line)


def test_a_long_line_has_markers_at_some_of_its_points() -> None:
    chart = line_chart("t", "x", "y", [Series("s", [(x, x) for x in range(1000)])])
    marks = [path for path in drawn(chart).iter(f"{SVG}path") if path.get("class", "").startswith("mark ")]
    assert 10 < len(marks) < 30


def test_a_spread_is_drawn_as_a_whisker_for_each_point() -> None:
    chart = line_chart("t", "x", "y", [Series("s", [(1, 5), (2, 6)], [(4, 9), (5, 7)])])
    assert sum(path.get("class", "").startswith("whisker") for path in drawn(chart).iter(f"{SVG}path")) == 2


@pytest.mark.parametrize("series", [[], [Series("s", [])], [Series("s", [(3, 5)])], [Series("s", [(0, 0), (1, 0)])]])
def test_a_chart_of_one_point_or_none_is_valid(series: list[Series]) -> None:
    for log in (False, True):
        drawn(line_chart("t", "x", "y", series, log_x=log, log_y=log))
