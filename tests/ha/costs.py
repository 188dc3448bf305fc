"""What faults cost, as rows of a table: the tests of this folder and the drill print the same one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from tests.histories.history import FOREVER

NONE = "-"
HEADINGS = (
    "fault",
    "kills",
    "acknowledged",
    "lost",
    "sold twice",
    "median seconds to recovery",
    "worst",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What some faults of one kind have cost.

    `kills` is how often it was caused, `acknowledged` counts confirms that were answered with success, `lost` and
    `sold_twice` reservations and seats, `recoveries_s` has the seconds of each recovery (FOREVER for none). What was
    not looked for is None.
    """

    fault: str
    kills: int
    acknowledged: int | None
    lost: int | None
    sold_twice: int | None
    recoveries_s: tuple[float, ...] = ()

    def __add__(self, other: "Cost") -> "Cost":
        """Both together, under the first one's name."""
        return Cost(
            self.fault,
            self.kills + other.kills,
            _sum(self.acknowledged, other.acknowledged),
            _sum(self.lost, other.lost),
            _sum(self.sold_twice, other.sold_twice),
            (*self.recoveries_s, *other.recoveries_s),
        )

    def cells(self) -> list[str]:
        """As they stand in the table."""
        counts = [NONE if count is None else f"{count:,}" for count in (self.acknowledged, self.lost, self.sold_twice)]
        times = [seconds(median(self.recoveries_s)), seconds(max(self.recoveries_s))] if self.recoveries_s else []
        return [self.fault, f"{self.kills:,}", *counts, *(times or [NONE, NONE])]


RecordCost = Callable[[Cost], None]


def table(costs: Iterable[Cost]) -> str:
    """The table in Markdown, its columns padded: a row for each kind of fault, in the order of their first costs."""
    rows: dict[str, Cost] = {}
    for cost in costs:
        rows[cost.fault] = rows[cost.fault] + cost if cost.fault in rows else cost
    cells = [list(HEADINGS), *(row.cells() for row in rows.values())]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in cells]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _sum(first: int | None, second: int | None) -> int | None:
    return second if first is None else first + (second or 0)


def seconds(count: float) -> str:
    """As they stand in the table."""
    return "never" if count == FOREVER else f"{count:.1f}"
