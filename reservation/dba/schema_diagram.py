"""The tables of a schema dump as a Mermaid diagram, which GitHub and the documentation site draw."""

import re
from collections.abc import Iterator

HEAD = """\
# The schema

Written by `make schema`; `reservation schema --mermaid` prints the same for any database. `sql/schema.sql` has what is
not here: checks, indexes, comments, storage settings and grants. PK: primary key. FK: foreign key. UK: unique.

"""
SHORT_TYPES = {"timestamp with time zone": "timestamptz"}
_TABLE = re.compile(r"^CREATE TABLE \w+\.(\w+) \(\n(.*?)\n\)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^ {4}\"?([a-z]\w*)\"? (.+?)((?: DEFAULT .+?| COLLATE .+?| NOT NULL)*),?$", re.MULTILINE)
_KEY = re.compile(
    r"^ALTER TABLE ONLY \w+\.(\w+)\n.* (PRIMARY|FOREIGN|UNIQUE)[^(]*\((.+?)\)(?: REFERENCES \w+\.(\w+))?", re.MULTILINE
)


def page(script: str) -> str:
    """A Markdown page with the tables, columns, keys and foreign keys of the script that `schema_dump` writes."""
    return f"{HEAD}```mermaid\nerDiagram\n" + "".join(f"    {line}\n" for line in _lines(script)) + "```\n"


def _lines(script: str) -> Iterator[str]:
    found = _KEY.findall(script)
    keys = {(table, column, f"{kind[0]}K") for table, kind, columns, _ in found for column in columns.split(", ")}
    for table, body in _TABLE.findall(script):
        yield f"{table} {{"
        for column, type_, rest in _COLUMN.findall(body):
            marks = ", ".join(mark for mark in ("PK", "FK", "UK") if (table, column, mark) in keys)
            # Mermaid takes no spaces and no commas in a type.
            short = re.sub(r"\(.*\)", "", SHORT_TYPES.get(type_, type_)).replace(" ", "_")
            yield " ".join(filter(None, (f"    {short} {column}", marks, "" if "NOT NULL" in rest else '"null"')))
        yield "}"
    for table, _, columns, referenced in found:
        if referenced:
            yield f'{referenced} ||--o{{ {table} : "{columns}"'
