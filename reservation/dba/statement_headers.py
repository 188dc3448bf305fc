"""The header of a statement's file: purpose, plan, parameters and sample arguments."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..db.statements import is_tagged, known_names, sql, sql_dir
from ..errors import OperatorError

# The SQL names of types, which headers use, and the names in PostgreSQL's catalogue.
INTERNAL_TYPES = {
    "bigint": "int8",
    "integer": "int4",
    "smallint": "int2",
    "boolean": "bool",
    "double precision": "float8",
}
PLANNED = frozenset({"select", "insert", "update", "delete", "with"})

_PART = re.compile(r"(Plan|Needs|Sample): |(\$\d+) ")
_PARAMETER = re.compile(r"\$(\d+) (\S+(?: precision(?:\[\])?)?) (\w+): (.+)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class HeaderError(OperatorError):
    """A file whose header is not as sql/README.md describes; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `$n` of a statement, with the type that its header gives it."""

    number: int
    type: str
    name: str
    meaning: str

    @property
    def internal_type(self) -> str:
        """The type's name in PostgreSQL's catalogue: `int8[]` for `bigint[]`."""
        element = self.type.removesuffix("[]")
        return INTERNAL_TYPES.get(element, element) + self.type[len(element) :]


@dataclass(frozen=True, slots=True)
class Statement:
    """A file in sql/; `plan` is the plan that it should get, `needs` the extension that it needs.

    `sample` is a SELECT of one row, whose columns are arguments for the parameters.
    """

    name: str
    purpose: str
    plan: str
    needs: str | None
    parameters: tuple[Parameter, ...]
    sample: str | None
    text: str

    @property
    def path(self) -> Path:
        """The path of the shipped file."""
        return sql_dir() / f"{self.name}.sql"

    @property
    def summary(self) -> str:
        """The first sentence of its purpose."""
        return _SENTENCE.split(self.purpose, maxsplit=1)[0]

    @property
    def is_planned(self) -> bool:
        """Whether PostgreSQL plans it; utility statements have no plan."""
        return self.text.partition("*/")[2].split(maxsplit=1)[0] in PLANNED


def names() -> list[str]:
    """The names of all statements, in order."""
    return sorted(known_names())


def load(name: str) -> Statement:
    """Read a file and its header; raises HeaderError."""
    return parse(name, sql(name))


def parse(name: str, text: str) -> Statement:
    """Parse a file's header; raises HeaderError."""
    header, end, _ = text.partition("*/")
    first, *lines = header.rstrip("\n").split("\n")
    if not end or first != f"/* {name}":
        raise HeaderError(f"{name}: the file does not begin with a comment whose first line is `/* {name}`")
    if not is_tagged(name, text):
        raise HeaderError(f"{name}: the first word of the statement is not followed by `/* {name} */`")
    parts = _parts(name, lines)
    statement = Statement(
        name=name,
        purpose=" ".join(parts.pop("purpose")),
        plan=" ".join(parts.pop("Plan", [])),
        needs=" ".join(parts.pop("Needs", [])).removeprefix("the extension ").removesuffix(".") or None,
        sample=" ".join(parts.pop("Sample", [])) or None,
        parameters=tuple(_parameter(name, " ".join(said)) for said in parts.values()),
        text=text,
    )
    _check(statement)
    return statement


def _parts(name: str, lines: list[str]) -> dict[str, list[str]]:
    """The lines of each part of a header, by the part's first word; a line without such a word continues a part."""
    parts: dict[str, list[str]] = {"purpose": []}
    part = parts["purpose"]
    for line in lines:
        found = _PART.match(line)
        if found is None:
            part.append(line)
            continue
        word = found[1] or found[2]
        if word in parts:
            raise HeaderError(f"{name}: there are two lines for {word}")
        part = parts[word] = [line if found[1] is None else line[found.end() :]]
    return parts


def _parameter(name: str, said: str) -> Parameter:
    found = _PARAMETER.fullmatch(said)
    if found is None:
        raise HeaderError(f"{name}: `{said}` is not `$1 type name: meaning`")
    return Parameter(int(found[1]), found[2], found[3], found[4])


def _check(statement: Statement) -> None:
    numbers = [parameter.number for parameter in statement.parameters]
    for fault, is_there in (
        ("the purpose is missing", not statement.purpose),
        ("there is no `Plan: `", not statement.plan),
        ("the parameters are not numbered $1, $2, ... in order", numbers != list(range(1, len(numbers) + 1))),
        ("it has parameters and no `Sample: `", bool(numbers) and statement.sample is None),
        ("it has a `Sample: ` and no parameters", not numbers and statement.sample is not None),
        ("it does not end with a semicolon", not statement.text.rstrip().endswith(";")),
    ):
        if is_there:
            raise HeaderError(f"{statement.name}: {fault}")
