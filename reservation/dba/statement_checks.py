"""Checks that the statement files are right: headers against a database, names and columns against the package."""

import dataclasses
import importlib
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from ..db.pool import Connection
from . import statement_headers as statements
from .statement_headers import HeaderError, Statement
from .statement_uses import Use, uses

# PostgreSQL's types, and what the annotation of a dataclass field must contain.
PYTHON_TYPES = {
    "int8": "int",
    "int4": "int",
    "text": "str",
    "bool": "bool",
    "float8": "float",
    "numeric": "Decimal",
    "timestamptz": "datetime",
    "date": "date",
    "jsonb": "dict",
    "uuid": "UUID",
    "bytea": "bytes",
    "int8[]": "Sequence[int]",
    "int4[]": "Sequence[int",  # of integers, or of integers and None
    "text[]": "Sequence[str]",
    "uuid[]": "Sequence[uuid.UUID]",
}
MISSING = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError)  # of an extension, for example


@dataclass(frozen=True, slots=True)
class Checked:
    """The number of prepared statements, those that need an extension which is missing, and all problems found."""

    prepared: int
    without_extension: tuple[Statement, ...]
    problems: tuple[str, ...]


async def check(connection: Connection) -> Checked:
    """Check every file against a migrated database, and change nothing in it."""
    names, used, prepared = statements.names(), uses(), 0
    problems = [*unused(names, used), *missing(names, used)]
    without: list[Statement] = []
    for name in names:
        try:
            statement = statements.load(name)
            problems += [problem async for problem in against_database(connection, statement, used)]
            prepared += 1
        except HeaderError as error:
            problems.append(str(error))
        except UnicodeDecodeError:
            problems.append(f"{name}: the file is not text in UTF-8")
        except MISSING:
            without.append(statement)
    return Checked(prepared, tuple(without), tuple(problems))


def unused(names: Sequence[str], used: Sequence[Use]) -> Iterator[str]:
    """Files that no module names."""
    return (f"{name}: no module uses this file" for name in names if name not in {use.name for use in used})


def missing(names: Collection[str], used: Sequence[Use]) -> Iterator[str]:
    """Names in modules that have no file."""
    return (f"{use.name}: {use.module} names it, but there is no such file" for use in used if use.name not in names)


async def against_database(connection: Connection, statement: Statement, used: Sequence[Use]) -> AsyncIterator[str]:
    """The differences between PostgreSQL, the header, the sample, and the dataclasses that rows become.

    Raises MISSING for a statement that needs an extension which the database does not have.
    """
    name = statement.name
    try:
        prepared = await connection.prepare(statement.text)
    except asyncpg.PostgresError as error:
        if statement.needs is not None and isinstance(error, MISSING):
            raise
        yield f"{name}: PostgreSQL refuses it: {error}"
        return
    types = [parameter.name for parameter in prepared.get_parameters()]
    declared = [parameter.internal_type for parameter in statement.parameters]
    if declared != types:
        yield f"{name}: its parameters are {_list(types)}, and the header says {_list(declared)}"
    if statement.sample is not None:
        try:
            sample = await connection.prepare(statement.sample)
        except asyncpg.PostgresError as error:
            yield f"{name}: PostgreSQL refuses its sample: {error}"
        else:
            columns = [column.type.name for column in sample.get_attributes()]
            if columns != types:
                yield f"{name}: its parameters are {_list(types)}, and its sample has {_list(columns)}"
    for use in used:
        if use.name == name and use.kind is not None:
            for problem in _of_columns(prepared.get_attributes(), _fields(use)):
                yield f"{name}: {problem} in {use.module}.{use.kind}"


def _of_columns(columns: tuple[asyncpg.Attribute, ...], fields: dict[str, str]) -> Iterator[str]:
    names = [column.name for column in columns]
    yield from (f"the column {name} is not a field" for name in names if name not in fields)
    yield from (f"no column is the field {name}" for name in fields if name not in names)
    for column in columns:
        if column.name in fields and PYTHON_TYPES.get(column.type.name, "?") not in fields[column.name]:
            yield f"the column {column.name} is {column.type.name}, which is not the {fields[column.name]}"


def _fields(use: Use) -> dict[str, str]:
    kind: Any = getattr(importlib.import_module(f"reservation.{use.module}"), use.kind or "")
    return {field.name: str(field.type) for field in dataclasses.fields(kind)}


def _list(types: list[str]) -> str:
    return ", ".join(types) or "none"
