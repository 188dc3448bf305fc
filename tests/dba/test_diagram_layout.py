"""The picture of the schema: nothing lies over anything, and the same tables give the same picture."""

from collections.abc import Iterator
from graphlib import CycleError
from itertools import combinations, pairwise
from random import Random

import pytest

from reservation.dba.diagram_layout import UNIT, Box, Layout, Line, Point, arrange


def made_up(seed: int) -> tuple[list[Box], list[Line]]:
    """Boxes with a few rows each, of which each row refers to at most one box with a lower number."""
    random = Random(seed)
    rows = {f"t{number}": random.randrange(2, 9) for number in range(random.randrange(2, 16))}
    boxes = [
        Box(name, random.randrange(80, 300), (count + 2) * UNIT + random.choice((0, UNIT // 2)), 2 * UNIT + UNIT // 2)
        for name, count in rows.items()
    ]
    lines = [
        Line(name, (2 + row) * UNIT + UNIT // 2, f"t{random.randrange(int(name[1:]))}")
        for name, count in rows.items()
        for row in range(1, count)
        if name != "t0" and random.random() < 0.3
    ]
    return boxes, lines


def segments(path: Iterator[Point] | list[Point]) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each piece."""
    for (x, y), (to_x, to_y) in pairwise(path):
        assert x == to_x or y == to_y
        yield min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)


def assert_clear(boxes: list[Box], layout: Layout) -> None:
    """Boxes and lines keep off boxes, and of lines to two boxes no piece lies upon a piece of the other's."""
    places = {
        box.name: (x, y, x + layout.widths[box.name], y + box.height)
        for box in boxes
        for x, y in [layout.corners[box.name]]
    }
    for one, other in combinations(places.values(), 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    assert max(place[2] for place in places.values()) < layout.size[0]
    assert max(place[3] for place in places.values()) < layout.size[1]
    pieces = [(line.parent, piece) for line, path in layout.paths.items() for piece in segments(list(path))]
    for _, (left, top, right, bottom) in pieces:
        assert min(left, top) >= 0
        assert right <= layout.size[0]
        assert bottom <= layout.size[1]
        for place in places.values():
            assert right <= place[0] or left >= place[2] or bottom < place[1] or top > place[3]
    for (parent, one), (other_parent, other) in combinations(pieces, 2):
        if parent != other_parent:
            upright = one[0] == one[2] == other[0] == other[2] and one[1] < other[3] and other[1] < one[3]
            level = one[1] == one[3] == other[1] == other[3] and one[0] < other[2] and other[0] < one[2]
            assert (upright, level) == (False, False), (parent, one, other_parent, other)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_lies_over_anything(seed: int) -> None:
    boxes, lines = made_up(seed)

    layout = arrange(boxes, lines)

    assert set(layout.paths) == set(lines)
    assert_clear(boxes, layout)
    for line, path in layout.paths.items():
        child, parent = layout.corners[line.child], layout.corners[line.parent]
        port = next(box.port for box in boxes if box.name == line.parent)
        assert path[0] == (child[0], child[1] + line.height)
        assert path[-1] == (parent[0] + layout.widths[line.parent], parent[1] + port)


def test_the_order_of_the_boxes_does_not_matter() -> None:
    boxes, lines = made_up(7)
    assert len(lines) > 5
    assert arrange(boxes[::-1], lines).corners == arrange(boxes, lines).corners


def test_a_circle_is_refused() -> None:
    boxes = [Box("a", 100, 90, 45), Box("b", 100, 90, 45)]
    with pytest.raises(CycleError):
        arrange(boxes, [Line("a", 63, "b"), Line("b", 63, "a")])
