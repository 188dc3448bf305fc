"""A database's schema as a script, read from PostgreSQL's catalogue: the same text from every version of PostgreSQL."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg

from ..db.migrations import Connection, connection_to
from ..db.statements import sql

HEAD = """\
-- The schema that the migrations make, written by `make schema`; read it, and change it by a migration.
-- `reservation schema` prints the same of any database: compare the two to see what somebody has changed by hand.
"""


def script(database_url: str) -> str:
    """Write down the schema of a database: run on an empty one, the script gives the same schema.

    Left out are the data, the owners, and the tables that yoyo keeps for itself.
    """
    with connection_to(database_url) as connection:
        [(schema_name,)] = connection.execute("select current_schema()").fetchall()
        parts = [*_tables(connection, schema_name), *_details(connection, schema_name)]
    return HEAD + "".join(f"\n{part};\n" for part in parts)


def _tables(connection: Connection, schema_name: str) -> Iterator[str]:
    """Every table with its columns and constraints; foreign keys come last, when both ends are there."""
    lines: dict[str, list[str]] = defaultdict(list)
    for table, definition in _rows(connection, "schema/columns", schema_name):
        lines[table].append(definition)
    foreign_keys = []
    for table, is_foreign_key, definition in _rows(connection, "schema/constraints", schema_name):
        if is_foreign_key:
            foreign_keys.append((table, definition))
        else:
            lines[table].append(definition)
    tables = _rows(connection, "schema/tables", schema_name)
    # A partition comes after the table that it is a part of.
    for table, quoted, key, parent, bound, options in sorted(tables, key=lambda row: row[3] is not None):
        body = "(\n    " + ",\n    ".join(lines[table]) + "\n)" if lines[table] else None
        storage = f"with ({options})" if options else None
        yield " ".join(part for part in ("create table", quoted, parent, body, bound, key, storage) if part)
    quoted_names = {row[0]: row[1] for row in tables}
    for table, definition in foreign_keys:
        yield f"alter table {quoted_names[table]} add {definition}"


def _details(connection: Connection, schema_name: str) -> list[str]:
    return [command for (command,) in _rows(connection, "schema/details", schema_name)]


def _rows(connection: Connection, statement: str, schema_name: str) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(sql(statement), [schema_name]).fetchall()
