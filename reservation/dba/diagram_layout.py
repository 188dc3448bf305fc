"""Where the boxes and lines of a diagram go: boxes in columns by what they refer to, lines at right angles.

What is in a column refers only to columns on its left. A line that goes past a column has a place of its own in it, and
in the gap between two columns all lines to one box share a track of their own: nothing is drawn over anything. The same
tables always give the same picture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from itertools import combinations
from typing import TypeAlias, TypeVar

# All heights are multiples of half a UNIT, and each column lies SHIFT lower than the last: rows of two columns that are
# neighbours never lie at the same height, so that no line to one box runs into a line to another.
UNIT = 18
SHIFT = 3
GAP_Y = 2 * UNIT
TRACK = 14
MARGIN = 24
CROSSING = 2 * UNIT  # as bad as so many pixels of a line

Item = TypeVar("Item")
Point: TypeAlias = tuple[int, int]
Node: TypeAlias = tuple[str, int]  # the name of a box, and a column: where it is, or where lines to it go past


@dataclass(frozen=True, slots=True)
class Box:
    """What is to be placed; the port is where lines to it end, in pixels below its top, as its height is."""

    name: str
    width: int
    height: int
    port: int


@dataclass(frozen=True, slots=True)
class Line:
    """From so many pixels below the top of the box `child` to the port of the box `parent`."""

    child: str
    height: int
    parent: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes' top left corners, their widths, the lines' corners from child to parent, and the size of it all."""

    corners: Mapping[str, Point]
    widths: Mapping[str, int]
    paths: Mapping[Line, Sequence[Point]]
    size: Point


@dataclass(slots=True)
class _Plan:
    """A layout that is being made: who is in which column, in which order, and how far down a column begins."""

    boxes: Mapping[str, Box]
    lines: Sequence[Line]
    depths: Mapping[str, int]
    columns: list[list[Node]]
    starts: list[int]
    tops: dict[Node, int] = field(default_factory=dict)
    tracks: list[list[str]] = field(default_factory=list)

    def is_box(self, node: Node) -> bool:
        return self.depths[node[0]] == node[1]

    def port(self, node: Node) -> int:
        return self.tops[node] + (self.boxes[node[0]].port if self.is_box(node) else UNIT // 2)

    def place(self) -> None:
        for depth, column in enumerate(self.columns):
            top = MARGIN + self.starts[depth] + depth * SHIFT
            for node in column:
                self.tops[node] = top
                top += self.boxes[node[0]].height + GAP_Y if self.is_box(node) else 2 * UNIT

    def ends(self, gap: int, parent: str) -> list[int]:
        """The heights at which lines to a box come into a gap, which is on the right of the column of its number."""
        passing = [self.port((parent, gap + 1))] if (parent, gap + 1) in self.tops else []
        return passing + [
            self.tops[line.child, gap + 1] + line.height
            for line in self.lines
            if line.parent == parent and self.depths[line.child] == gap + 1
        ]

    def cost(self) -> int:
        """How hard the picture is to read: how far the lines go up and down, and how often they cross."""
        self.place()
        self.tracks = [[name for name, _ in column if self.ends(gap, name)] for gap, column in self.gaps()]
        ways = [(self.port((name, gap)), self.ends(gap, name)) for gap, column in self.gaps() for name, _ in column]
        length = sum(abs(end - begin) for begin, ends in ways for end in ends)
        return length + CROSSING * sum(self.crossings(gap) for gap, _ in self.gaps())

    def gaps(self) -> list[tuple[int, list[Node]]]:
        """The gaps, each with the column on its left."""
        return list(enumerate(self.columns[:-1]))

    def crossings(self, gap: int) -> int:
        """How often lines cross in a gap."""
        spans = []
        for parent in self.tracks[gap]:
            begin, ends = self.port((parent, gap)), self.ends(gap, parent)
            spans.append((begin, ends, min(begin, *ends), max(begin, *ends)))
        return sum(
            (left[2] < right[0] < left[3]) + sum(right[2] < end < right[3] for end in left[1])
            for left, right in combinations(spans, 2)
        )


def arrange(boxes: Sequence[Box], lines: Sequence[Line]) -> Layout:
    """Place boxes and lines; raises graphlib.CycleError where boxes refer to each other in a circle."""
    plan = _begin({box.name: box for box in boxes}, lines)
    for _ in plan.columns:
        for column in plan.columns:
            _improve(column, plan.cost)
        for depth in range(len(plan.columns)):
            _settle(plan, depth)
    plan.cost()
    for gap, _ in plan.gaps():
        _improve(plan.tracks[gap], partial(plan.crossings, gap))
    return _layout(plan)


def _begin(boxes: Mapping[str, Box], lines: Sequence[Line]) -> _Plan:
    depths = _depths(boxes, lines)
    columns: list[list[Node]] = [[] for _ in range(max(depths.values()) + 1)]
    for name in sorted(boxes):
        end = max((depths[line.child] for line in lines if line.parent == name), default=0)
        for depth in range(depths[name], max(end, depths[name] + 1)):
            columns[depth].append((name, depth))
    return _Plan(boxes, lines, depths, columns, [0] * len(columns))


def _depths(boxes: Mapping[str, Box], lines: Sequence[Line]) -> dict[str, int]:
    """The column of each box; one without lines goes where most room is left."""
    parents = {name: sorted({line.parent for line in lines if line.child == name}) for name in sorted(boxes)}
    connected = {name for line in lines for name in (line.child, line.parent)}
    depths: dict[str, int] = {}
    for name in TopologicalSorter(parents).static_order():
        depths[name] = max((depths[parent] + 1 for parent in parents[name]), default=0)
    heights = [0] * (max(depths.values()) + 1)
    for name in sorted(boxes, key=lambda name: (name not in connected, name)):
        if name not in connected:
            depths[name] = heights.index(min(heights))
        heights[depths[name]] += boxes[name].height + GAP_Y
    return depths


def _improve(order: list[Item], cost: Callable[[], int]) -> None:
    """Swap any two of a list for as long as it costs less."""
    best, improving = cost(), True
    while improving:
        improving = False
        for one, other in combinations(range(len(order)), 2):
            order[one], order[other] = order[other], order[one]
            now = cost()
            if now < best:
                best, improving = now, True
            else:
                order[one], order[other] = order[other], order[one]


def _settle(plan: _Plan, depth: int) -> None:
    """Begin a column where its lines are shortest, without making the picture higher."""
    plan.starts[depth] = 0
    plan.place()
    room = max(_bottoms(plan)) - _bottoms(plan)[depth]

    def cost(start: int) -> int:
        plan.starts[depth] = start
        return plan.cost()

    plan.starts[depth] = min(range(0, max(room, 0) + 1, UNIT), key=cost)


def _bottoms(plan: _Plan) -> list[int]:
    return [
        max(plan.tops[node] + (plan.boxes[node[0]].height if plan.is_box(node) else UNIT) for node in column)
        for column in plan.columns
    ]


def _layout(plan: _Plan) -> Layout:
    widths = [max(plan.boxes[name].width for name, d in column if plan.is_box((name, d))) for column in plan.columns]
    lefts = [MARGIN]
    for width, tracks in zip(widths, plan.tracks, strict=False):
        lefts.append(lefts[-1] + width + (len(tracks) + 1) * TRACK)
    corners = {name: (lefts[depth], plan.tops[name, depth]) for name, depth in plan.depths.items()}
    paths = {line: tuple(_path(plan, line, lefts, widths)) for line in plan.lines}
    size = lefts[-1] + widths[-1] + MARGIN, max(_bottoms(plan)) + MARGIN
    return Layout(corners, {name: widths[depth] for name, depth in plan.depths.items()}, paths, size)


def _path(plan: _Plan, line: Line, lefts: Sequence[int], widths: Sequence[int]) -> Iterator[Point]:
    depth, end = plan.depths[line.child], plan.depths[line.parent]
    y = plan.tops[line.child, depth] + line.height
    yield lefts[depth], y
    for gap in range(depth - 1, end - 1, -1):
        x = lefts[gap] + widths[gap] + (plan.tracks[gap].index(line.parent) + 1) * TRACK
        yield x, y
        y = plan.port((line.parent, gap))
        yield x, y
    yield lefts[end] + widths[end], y
