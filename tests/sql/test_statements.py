"""Every SQL file: it prepares, its header tells the truth, and somebody uses it."""

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from reservation.queries import sql, sql_dir

PACKAGE = Path(__file__).parents[2] / "reservation"
NAMES = sorted(path.relative_to(sql_dir()).with_suffix("").as_posix() for path in sql_dir().rglob("*.sql"))
TYPES = {"bigint": "int8", "integer": "int4", "boolean": "bool", "smallint": "int2"}
# PostgreSQL's types, and what stands for them in the annotation of a field.
PYTHON = {
    "int8": "int",
    "int4": "int",
    "text": "str",
    "bool": "bool",
    "numeric": "Decimal",
    "timestamptz": "datetime",
    "jsonb": "dict",
    "uuid": "UUID",
    "bytea": "bytes",
    "int8[]": "Sequence[int]",
    "int4[]": "Sequence[int]",
    "text[]": "Sequence[str]",
    "uuid[]": "Sequence[uuid.UUID]",
}


def declared(name: str) -> Iterator[str]:
    """The parameter types that a file's header declares, in order; PostgreSQL's own names."""
    header = sql(name).partition("*/")[0]
    for number, found in enumerate(re.findall(r"^\$(\d+) (\S+(?: precision)?) \w+: ", header, re.MULTILINE), 1):
        assert int(found[0]) == number, f"{name}: ${found[0]} out of order"
        element = found[1].removesuffix("[]")
        yield TYPES.get(element, element) + ("[]" if found[1].endswith("[]") else "")


@pytest.mark.parametrize("name", NAMES)
async def test_prepares_and_header_is_true(name: str, shared_db: "asyncpg.Connection[asyncpg.Record]") -> None:
    statement = await shared_db.prepare(sql(name))

    assert sql(name).startswith(f"/* {name}\n")
    assert sql(name).rstrip().endswith(";")
    assert "\nPlan: " in sql(name)
    assert list(declared(name)) == [parameter.name for parameter in statement.get_parameters()]


@pytest.mark.parametrize("name", NAMES)
def test_is_used(name: str) -> None:
    assert any(f'"{name}"' in path.read_text() for path in PACKAGE.rglob("*.py"))


def test_no_sql_in_python() -> None:
    statement = re.compile(r"""["'](select|insert into|update|delete from) [a-z_, ]+ """, re.IGNORECASE)
    allowed = {"schema.py"}  # yoyo's own table, read before there is a schema
    found = [path.name for path in PACKAGE.rglob("*.py") if statement.search(path.read_text())]
    assert set(found) <= allowed


def mapped() -> Iterator[tuple[str, str, str]]:
    """Every (module, dataclass, statement) that the repository maps by name."""
    for path in sorted((PACKAGE / "repository").glob("*.py")):
        for kind, name in re.findall(r'(?:one|maybe|every)\(\s*conn,\s*(\w+),\s*"([^"]+)"', path.read_text()):
            yield path.stem, kind, name


@pytest.mark.parametrize(("module", "kind", "name"), list(mapped()))
async def test_columns_are_the_fields(
    module: str, kind: str, name: str, shared_db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    fields = dataclasses.fields(getattr(importlib.import_module(f"reservation.repository.{module}"), kind))

    statement = await shared_db.prepare(sql(name))

    assert {field.name for field in fields} == {column.name for column in statement.get_attributes()}
    for column in statement.get_attributes():
        annotation = str(next(field.type for field in fields if field.name == column.name))
        assert PYTHON[column.type.name] in annotation, f"{name}: {column.name} is {column.type.name}, not {annotation}"
