"""Plans as short texts that are stored and compared: nodes, indexes, expected rows and touched buffers."""

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..db.pool import Connection
from ..db.statements import sql_dir
from . import statement_headers as statements
from .explain import Mode, explain_json, is_of_service, sample_arguments
from .statement_headers import Statement

PLANS_DIR = sql_dir() / "plans" / "million"
BOUNDS_FILE = sql_dir() / "plans" / "buffer_bounds.txt"
BUFFERS = "buffers up to"
NUMBER_WIDTH = 14
# Estimates come from random samples, and buffers from pages that fill up. A number that has left the range of the
# stored one by less than this stays as stored.
ROWS_SLACK = 0.25  # of a power of ten
BUFFERS_SLACK = 0.35  # of a power of two
STRATEGIES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
_NUMBER = re.compile(r"[\d,]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plan: a node and the rows that PostgreSQL expects of it, or the buffers of the whole plan."""

    text: str
    count: float
    is_buffers: bool = False

    def round(self, stored: int | None = None) -> int:
        """Round rows to a power of ten and buffers up to a power of two; near `stored`, return that."""
        base, slack = (2, BUFFERS_SLACK) if self.is_buffers else (10, ROWS_SLACK)
        exact = math.log(max(self.count, 1), base)
        if stored is not None and stored > 0:
            distance = exact - math.log(stored, base)
            low, high = (-1, 0) if self.is_buffers else (-0.5, 0.5)
            if low - slack < distance < high + slack:
                return stored
        return int(base ** (math.ceil(exact - 1e-9) if self.is_buffers else round(exact)))

    def written(self, number: int) -> str:
        """The line as it is stored: rows stand in a column in front of their node."""
        return f"{self.text} {number:,}" if self.is_buffers else f"{number:>{NUMBER_WIDTH},}  {self.text}"

    def stored_number(self, line: str) -> int | None:
        """The number of a stored line, if the rest of it is the same."""
        found = _NUMBER.search(line)
        number = int(found[0].replace(",", "")) if found else 0
        return number if self.written(number) == line else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A statement's plan now, and as it is stored; None if it is not."""

    name: str
    now: str
    stored: str | None

    @property
    def is_as_stored(self) -> bool:
        """Whether the plan is unchanged."""
        return self.now == self.stored

    @property
    def is_changed(self) -> bool:
        """Whether a plan is stored, and is another one."""
        return self.stored is not None and not self.is_as_stored

    def difference(self) -> str:
        """A unified diff that shows all of the stored plan."""
        before, after = (self.stored or "").splitlines(), self.now.splitlines()
        names = (f"{self.name} as stored", f"{self.name} now")
        return "\n".join(difflib.unified_diff(before, after, *names, n=1000, lineterm=""))


def planned() -> list[str]:
    """The statements that have a stored plan: all of the service that PostgreSQL plans."""
    found = (statements.load(name) for name in statements.names())
    return [statement.name for statement in found if is_of_service(statement) and statement.is_planned]


async def compare(connection: Connection, statement: Statement, folder: Path) -> Compared:
    """Explain a statement on its sample and compare; raises what explain_json() raises."""
    arguments = await sample_arguments(connection, statement)
    for _ in range(2):  # the first run also reads the catalogue
        explained = await explain_json(connection, statement, arguments, Mode.GENERIC)
    path = folder / f"{statement.name}.txt"
    stored = path.read_text(encoding="utf-8") if path.is_file() else None
    return Compared(statement.name, text(explained, stored), stored)


def store(compared: Compared, folder: Path) -> None:
    """Store the plan as it is now."""
    path = folder / f"{compared.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compared.now, encoding="utf-8")


def without_statement(folder: Path) -> list[Path]:
    """Stored plans whose statement does not exist any more."""
    known = {folder / f"{name}.txt" for name in planned()}
    return sorted(set(folder.glob("*/*.txt")) - known)


def text(explained: dict[str, Any], stored: str | None = None) -> str:
    """The text of a plan; numbers that are near those of the stored plan stay the same."""
    plan = explained["Plan"]
    lines = [Line(BUFFERS, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], is_buffers=True), *_nodes(plan, 0)]
    before = (stored or "").splitlines()
    if len(before) != len(lines):
        before = [""] * len(lines)
    written = (line.written(line.round(line.stored_number(old))) for line, old in zip(lines, before, strict=True))
    return "\n".join(written) + "\n"


def _nodes(plan: dict[str, Any], depth: int) -> Iterator[Line]:
    yield Line("  " * depth + _node(plan), plan["Plan Rows"])
    for below in plan.get("Plans", []):
        yield from _nodes(below, depth + 1)


def _node(plan: dict[str, Any]) -> str:
    """A node, as PostgreSQL's own text format names it."""
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
