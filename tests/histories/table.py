"""The tables of a drill: for each kind of fault what was acknowledged, what was broken, and the longest recovery."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.histories.drill import Outcome
from tests.histories.history import FOREVER, Broken

HEAD = (
    "| fault | times | requests acknowledged | lost | sold twice | overlapping holds | stale maps | other | late maps |"
    " worst seconds to recovery |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)
KINDS = ("lost", "sold twice", "overlapping hold", "stale map", "other", "late map")
AT_THE_END = "(found at the end of a round)"
NOTES = """
*Requests acknowledged* were answered with success between the beginning of the fault and the recovery. *Lost*: an
answered confirm, cancel or hold that is not there any more. *Overlapping holds*: two answered holds of a seat at one
time, a hold beside a sale, or a hold refused or ended before the end that was answered. *Stale maps* were older than an
answer before them. *Late maps* are no broken promise: the confirm or cancel was answered while Redis was away, and the
map was read before Redis was updated. *Seconds to recovery* are from the end of the fault to the end of a hold, a
confirm, a map and a cancel that succeed one after another. A service with embedded servers
stops when one of its stores stops; the time until it is started again counts as part of the fault, not of the recovery.
While clocks are set wrong, holds expire earlier or later than was answered, so those rounds are checked for lost
answers, double sales and the maps of sold seats only.
"""


@dataclass(slots=True)
class Row:
    """A kind of fault."""

    times: int = 0
    acknowledged: int = 0
    broken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    worst_s: float = 0.0

    def cells(self) -> list[str]:
        """As they stand in the table."""
        worst = "never" if self.worst_s == FOREVER else f"{self.worst_s:.1f}"
        return [f"{self.times:,}", f"{self.acknowledged:,}", *map(str, self.broken.values()), worst]


def tables(outcomes: Sequence[Outcome]) -> str:
    """Three tables: of faults alone, of faults together with another, where each pair is in two rows, and the sums."""
    alone, together, total = defaultdict[str, Row](Row), defaultdict[str, Row](Row), Row()
    for outcome in outcomes:
        _count(outcome, alone, together, total)
    texts = [
        "## Alone\n",
        _table(alone),
        "\n## Together with another fault\n\nA pair of faults is counted in the rows of both.\n",
        _table(together),
        "\n## All\n",
        _table({"all": total}),
    ]
    return "\n".join(texts) + "\n"


def _count(outcome: Outcome, alone: dict[str, Row], together: dict[str, Row], total: Row) -> None:
    ends = sorted(each.end for each in outcome.history.requests if each.succeeded)
    for number, window in enumerate(outcome.history.faults):
        following = outcome.history.faults[number + 1 :]
        until = following[0].start if following else outcome.history.looked_at
        acknowledged = sum(window.start <= end <= min(window.recovered, until) for end in ends)
        broken = [each for each in outcome.broken if window.start <= each.at < until]
        names = window.name.split(" + ")
        for row in (total, *((together if len(names) > 1 else alone)[name] for name in names)):
            row.times += 1
            row.acknowledged += acknowledged
            row.worst_s = max(row.worst_s, window.recovered - window.healed)
            _add(row, broken)
    later = [each for each in outcome.broken if each.at >= outcome.history.looked_at]
    if later:
        _add(total, later)
        _add(alone[AT_THE_END], later)


def _add(row: Row, broken: list[Broken]) -> None:
    for each in broken:
        row.broken[each.kind] += 1


def _table(rows: dict[str, Row]) -> str:
    return "\n".join([HEAD, *_lines(rows)])


def _lines(rows: dict[str, Row]) -> Iterator[str]:
    for name, row in sorted(rows.items()):
        yield f"| {' | '.join([name, *row.cells()])} |"
