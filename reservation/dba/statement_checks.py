"""Whether the statements' files tell the truth: each header against a database, each name against the package."""

import dataclasses
import importlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from . import statement_headers as statements
from .statement_headers import HeaderError, Statement
from .statement_uses import Use, uses

# PostgreSQL's types, and what stands for them in the annotation of a field.
PYTHON_TYPES = {
    "int8": "int",
    "int4": "int",
    "text": "str",
    "bool": "bool",
    "float8": "float",
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


@dataclass(frozen=True, slots=True)
class Checked:
    """How many statements were prepared, which lacked an extension, and what is wrong, a line each."""

    prepared: int
    without_extension: tuple[Statement, ...]
    problems: tuple[str, ...]


async def check(connection: "asyncpg.Connection[asyncpg.Record]") -> Checked:
    """Check every file against a migrated database, in which nothing is changed."""
    names, used, prepared = statements.names(), uses(), 0
    problems = [*unused(names, used), *missing(names, used)]
    without: list[Statement] = []
    for name in names:
        try:
            statement = statements.load(name)
        except (HeaderError, UnicodeDecodeError) as error:
            problems.append(str(error) if isinstance(error, HeaderError) else f"{name}: the file is not text in UTF-8")
            continue
        try:
            found = [problem async for problem in against_database(connection, statement, used)]
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError):
            if statement.needs is None:
                raise
            without.append(statement)
            continue
        problems += found
        prepared += 1
    return Checked(prepared, tuple(without), tuple(problems))


def unused(names: list[str], used: list[Use]) -> Iterator[str]:
    """Files that no module names."""
    known = {use.name for use in used}
    return (f"{name}: nobody uses this file" for name in names if name not in known)


def missing(names: list[str], used: list[Use]) -> Iterator[str]:
    """Names that have no file."""
    return (f"{use.name}: {use.module} names it, and there is no such file" for use in used if use.name not in names)


async def against_database(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: Statement, used: list[Use]
) -> AsyncIterator[str]:
    """What PostgreSQL says otherwise than the header, the sample, and the dataclasses that rows become.

    Raises what asyncpg says to a table or function that is not there, if the statement needs an extension.
    """
    name = statement.name
    try:
        prepared = await connection.prepare(statement.text)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
        if statement.needs is not None:
            raise
        yield f"{name}: PostgreSQL refuses it: {error}"
        return
    except asyncpg.PostgresError as error:
        yield f"{name}: PostgreSQL refuses it: {error}"
        return
    types = [parameter.name for parameter in prepared.get_parameters()]
    declared = [parameter.internal_type for parameter in statement.parameters]
    if declared != types:
        yield f"{name}: its parameters are {_list(types)}, and the header says {_list(declared)}"
    async for problem in _of_sample(connection, statement, types):
        yield problem
    for use in used:
        if use.name == name and use.kind is not None:
            for problem in _of_columns(prepared.get_attributes(), _fields(use)):
                yield f"{name}: {problem} in {use.module}.{use.kind}"


async def _of_sample(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: Statement, types: list[str]
) -> AsyncIterator[str]:
    if statement.sample is None:
        return
    try:
        sample = await connection.prepare(statement.sample)
    except asyncpg.PostgresError as error:
        yield f"{statement.name}: PostgreSQL refuses its sample: {error}"
        return
    columns = [column.type.name for column in sample.get_attributes()]
    if columns != types:
        yield f"{statement.name}: its parameters are {_list(types)}, and its sample has {_list(columns)}"


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
