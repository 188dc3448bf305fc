"""Plans as short texts that can be kept and compared: what a statement reads, by which indexes, and how much of it."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..db.statements import sql_dir
from . import statement_headers as statements
from .explain import Connection, Mode, explain_json, is_of_service, sample_arguments
from .statement_headers import Statement

# Those of a command that no service and no administrator's file runs.
OTHER_FOLDERS = frozenset({"schema"})
BUFFERS = "buffers up to"
NUMBER_WIDTH = 14
# Estimates come from random samples, and buffers from pages that fill: near the end of its range, one may leave it.
ROWS_SLACK = 0.25  # of a power of ten
BUFFERS_SLACK = 0.35  # of a power of two
STRATEGIES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
_NUMBER = re.compile(r"[\d,]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plan: a node and how many rows PostgreSQL expects of it, or the buffers of all."""

    text: str
    count: float
    is_buffers: bool = False

    def round(self, stored: int | None = None) -> int:
        """The power of ten that is next to the rows, or of two above the buffers; `stored` while it is near."""
        base, slack = (2, BUFFERS_SLACK) if self.is_buffers else (10, ROWS_SLACK)
        exact = math.log(max(self.count, 1), base)
        if stored is not None and stored > 0:
            distance = exact - math.log(stored, base)
            low, high = (-1, 0) if self.is_buffers else (-0.5, 0.5)
            if low - slack < distance < high + slack:
                return stored
        return int(base ** (math.ceil(exact - 1e-9) if self.is_buffers else round(exact)))

    def written(self, number: int) -> str:
        """The line with its number, which stands in front, in a column of its own."""
        return f"{self.text} {number:,}" if self.is_buffers else f"{number:>{NUMBER_WIDTH},}  {self.text}"

    def stored_number(self, line: str) -> int | None:
        """The number of a stored line about the same."""
        found = _NUMBER.search(line)
        if found is None:
            return None
        number = int(found[0].replace(",", ""))
        return number if self.written(number) == line else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A statement's plan as it is now, and as it is stored, if it is."""

    name: str
    now: str
    stored: str | None

    @property
    def is_as_stored(self) -> bool:
        """Whether nothing has changed."""
        return self.now == self.stored

    def difference(self) -> str:
        """A unified difference, the stored plan whole."""
        lines = difflib.unified_diff(
            (self.stored or "").splitlines(),
            self.now.splitlines(),
            f"{self.name} as stored",
            f"{self.name} now",
            n=1000,
            lineterm="",
        )
        return "\n".join(lines)


def planned() -> list[str]:
    """The statements that have a stored plan: those that run on the pool's settings and are planned at all."""
    found = (statements.load(name) for name in statements.names())
    return [
        statement.name
        for statement in found
        if is_of_service(statement) and statement.is_planned and statement.name.split("/")[0] not in OTHER_FOLDERS
    ]


def plans_dir() -> Path:
    """Where plans are stored."""
    return sql_dir() / "plans"


def hot_path_file() -> Path:
    """Where it is said how much the hot path may touch."""
    return plans_dir() / "buffer_bounds.txt"


async def compare(connection: Connection, statement: Statement, folder: Path) -> Compared:
    """Explain a statement on its sample, and compare; a statement that fails, as explain_json() does."""
    arguments = await sample_arguments(connection, statement)
    # The first execution pays for what a connection looks up once.
    for _ in range(2):
        explained = await explain_json(connection, statement, arguments, Mode.GENERIC)
    path = folder / f"{statement.name}.txt"
    stored = path.read_text(encoding="utf-8") if path.is_file() else None
    return Compared(statement.name, text(explained, stored), stored)


def accept(compared: Compared, folder: Path) -> None:
    """Store the plan as it is now."""
    path = folder / f"{compared.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compared.now, encoding="utf-8")


def without_statement(folder: Path) -> list[Path]:
    """Stored plans of statements that there are no more."""
    known = set(planned())
    paths = sorted(folder.glob("*/*.txt"))
    return [path for path in paths if path.relative_to(folder).with_suffix("").as_posix() not in known]


def text(explained: dict[str, Any], stored: str | None = None) -> str:
    """A plan's text; numbers stay those of the stored one as long as they are close to them."""
    lines = list(_lines(explained["Plan"]))
    before: Sequence[str] = (stored or "").splitlines()
    numbers: list[int | None] = [None] * len(lines)
    if len(before) == len(lines):
        numbers = [line.stored_number(old) for line, old in zip(lines, before, strict=True)]
    written = (line.written(line.round(number)) for line, number in zip(lines, numbers, strict=True))
    return "\n".join(written) + "\n"


def _lines(plan: dict[str, Any]) -> Iterator[Line]:
    yield Line(BUFFERS, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], is_buffers=True)
    yield from _nodes(plan, 0)


def _nodes(plan: dict[str, Any], depth: int) -> Iterator[Line]:
    yield Line("  " * depth + _node(plan), plan["Plan Rows"])
    for below in plan.get("Plans", []):
        yield from _nodes(below, depth + 1)


def _node(plan: dict[str, Any]) -> str:
    """A node in the words of PostgreSQL's own text."""
    words = [_kind(plan)]
    if "Index Name" in plan:
        words.append(f"using {plan['Index Name']}")
    alias = plan.get("Alias")
    read = plan.get("Relation Name") or plan.get("CTE Name") or plan.get("Function Name") or alias
    if read is not None:
        words += ["on", read]
        if alias not in {None, read}:
            words.append(str(alias))
    if "Conflict Arbiter Indexes" in plan:
        words.append(f"with conflicts on {', '.join(plan['Conflict Arbiter Indexes'])}")
    if "Index Cond" in plan:
        words.append(f"by {plan['Index Cond']}")
    name = plan.get("Subplan Name")
    return " ".join(words) if name is None else f"{name}: {' '.join(words)}"


def _kind(plan: dict[str, Any]) -> str:
    kind: str = plan["Node Type"]
    if kind == "ModifyTable":
        return str(plan["Operation"])
    if kind == "Aggregate":
        return STRATEGIES[plan["Strategy"]]
    join = plan.get("Join Type", "Inner")
    if join != "Inner":
        kind = f"{kind.removesuffix(' Join')} {join} Join"
    return f"{kind} Backward" if plan.get("Scan Direction") == "Backward" else kind
