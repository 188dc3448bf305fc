"""A database's tables as a picture, read from PostgreSQL's catalogue: SVG that can be read in light and in dark."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import psycopg

from ..db.migrations import Connection, connection_to
from ..db.statements import sql
from .diagram_layout import MARGIN, UNIT, Box, Layout, Line, Point, arrange

HEAD = 2 * UNIT
HEAD_LINE = 27
FOOT = UNIT // 2
CHARACTER = 7.3  # of a monospaced font of 12 px, with something to spare: fonts differ
PADDING = 10
KEYS_WIDTH = 26
TURN = 5
KEY_LINE = 44  # characters, at which a list of columns is broken
LEGEND = "P primary key   F foreign key: the arrow goes to what it refers to   null: may be null"
STYLE = """\
svg { color-scheme: light dark; --page: #ffffff; --box: #f6f8fa; --head: #dde7f3; --ink: #1f2328; --dim: #59636e;
  --edge: #8c959f; --line: #0b63b5; }
@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --box: #161b22; --head: #1f3350; --ink: #e6edf3;
  --dim: #9198a1; --edge: #59636e; --line: #5fa8f5; } }
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); white-space: pre; }
.page { fill: var(--page); } .box { fill: var(--box); stroke: var(--edge); } .head { fill: var(--head); }
.name { font-weight: bold; font-size: 13px; } .dim { fill: var(--dim); } .key { fill: var(--line); font-weight: bold; }
.rule { stroke: var(--edge); } .line { fill: none; stroke: var(--line); stroke-width: 1.5; }
.arrow { fill: var(--line); } .line:hover { stroke-width: 3; }"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: columns, the table and columns they refer to, and what a deletion there does, if anything."""

    columns: Sequence[str]
    table: str
    referenced: Sequence[str]
    on_delete: str


@dataclass(slots=True)
class Table:
    """What is drawn of a table; a column is its name, its type, and whether it may be null."""

    name: str
    purpose: str
    columns: list[tuple[str, str, bool]] = field(default_factory=list)
    primary: Sequence[str] = ()
    rules: list[str] = field(default_factory=list)  # the other keys, in lines
    references: list[Reference] = field(default_factory=list)

    def row(self, column: str) -> int:
        """The middle of a column's row, in pixels below the top of the table's box."""
        return HEAD + UNIT * [name for name, _, _ in self.columns].index(column) + UNIT // 2

    def rules_at(self) -> int:
        """Where the columns end, in pixels below the top of the table's box."""
        return HEAD + UNIT * len(self.columns) + FOOT

    def box(self) -> Box:
        name_width = max(len(name) for name, _, _ in self.columns)
        widest = max(
            KEYS_WIDTH + (name_width + 2 + max(len(_type(column)) for column in self.columns)) * CHARACTER,
            max((len(rule) for rule in self.rules), default=0) * CHARACTER,
            (len(self.name) + 2) * CHARACTER * 13 / 12,
        )
        height = self.rules_at() + (UNIT * len(self.rules) + FOOT if self.rules else 0)
        port = self.row(self.primary[0] if self.primary else self.columns[0][0])
        return Box(self.name, round(widest) + 2 * PADDING, height, port)


def svg(database_url: str) -> str:
    """Draw the tables of a database, their keys, and what refers to what."""
    with connection_to(database_url) as connection:
        [(schema_name,)] = connection.execute("select current_schema()").fetchall()
        tables = _tables(connection, schema_name)
    lines = [(_line(table, reference), table, reference) for table in tables for reference in table.references]
    layout = arrange([table.box() for table in tables], sorted({line for line, _, _ in lines}, key=repr))
    return "\n".join(_document(tables, lines, layout)) + "\n"


def _tables(connection: Connection, schema_name: str) -> list[Table]:
    tables: dict[str, Table] = {}
    for table, purpose, column, type_, nullable in _rows(connection, "schema/fields", schema_name):
        tables.setdefault(table, Table(table, purpose)).columns.append((column, type_, nullable))
    for table, kind, columns in _rows(connection, "schema/keys", schema_name):
        if kind == "primary key":
            tables[table].primary = columns
        else:
            tables[table].rules += textwrap.wrap(f"{kind} ({', '.join(columns)})", KEY_LINE, subsequent_indent="  ")
    for table, columns, other, referenced, on_delete in _rows(connection, "schema/foreign_keys", schema_name):
        tables[table].references.append(Reference(columns, other, referenced, on_delete))
    return list(tables.values())


def _rows(connection: Connection, statement: str, schema_name: str) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(sql(statement), [schema_name]).fetchall()


def _line(table: Table, reference: Reference) -> Line:
    return Line(table.name, table.row(reference.columns[0]), reference.table)


def _document(tables: Sequence[Table], lines: Sequence[tuple[Line, Table, Reference]], layout: Layout) -> Iterator[str]:
    width, height = layout.size[0], layout.size[1] + UNIT
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">'
    yield '<title id="title">The tables of the reservation service</title>'
    yield f'<desc id="desc">{escape(_told(lines))}</desc>'
    yield f"<style>\n{STYLE}\n</style>"
    yield f'<rect class="page" width="{width}" height="{height}"/>'
    for line, table, reference in lines:
        yield from _drawn_line(layout.paths[line], f"{table.name} {_in_words(reference)}")
    for table in tables:
        yield from _drawn_table(table, layout.corners[table.name], layout.widths[table.name])
    yield f'<text class="dim" x="{MARGIN}" y="{height - UNIT}">{LEGEND}</text>'
    yield "</svg>"


def _told(lines: Sequence[tuple[Line, Table, Reference]]) -> str:
    """What the lines say, for who cannot see them."""
    told: dict[str, list[str]] = defaultdict(list)
    for _, table, reference in lines:
        told[table.name].append(reference.table)
    return "; ".join(f"{name} refers to {', '.join(dict.fromkeys(others))}" for name, others in told.items()) + "."


def _in_words(reference: Reference) -> str:
    own, others = ", ".join(reference.columns), ", ".join(reference.referenced)
    return f"({own}) references {reference.table} ({others}) {reference.on_delete}".rstrip()


def _drawn_line(points: Sequence[Point], words: str) -> Iterator[str]:
    (x, y), (end_x, end_y) = points[0], points[-1]
    turns = (_turn(*points[place : place + 3]) for place in range(len(points) - 2))
    steps = [f"M{x} {y}", *turns]
    yield f'<path class="line" d="{" ".join(steps)} H{end_x + 7}"><title>{escape(words)}</title></path>'
    yield f'<path class="arrow" d="M{end_x} {end_y} l9 -4.5 v9 z"/>'


def _turn(before: Point, corner: Point, after: Point) -> str:
    """A line to near the corner, and a curve around it."""

    def towards(other: Point) -> tuple[float, float]:
        distance = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
        share = min(TURN, distance / 2) / distance if distance else 0
        return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share

    (from_x, from_y), (to_x, to_y) = towards(before), towards(after)
    return f"L{from_x:g} {from_y:g} Q{corner[0]} {corner[1]} {to_x:g} {to_y:g}"


def _drawn_table(table: Table, corner: Point, width: int) -> Iterator[str]:
    x, y = corner
    yield f'<g transform="translate({x} {y})"><title>{escape(f"{table.name}: {table.purpose}")}</title>'
    yield f'<rect class="box" width="{width}" height="{table.box().height}" rx="6"/>'
    top = f"V6 Q.5 .5 6 .5 H{width - 6} Q{width - 0.5} .5 {width - 0.5} 6 V{HEAD_LINE}"
    yield f'<path class="head" d="M.5 {HEAD_LINE} {top} z"/>'
    yield f'<text class="name" x="{PADDING}" y="{UNIT}">{escape(table.name)}</text>'
    type_x = PADDING + KEYS_WIDTH + round((max(len(name) for name, _, _ in table.columns) + 2) * CHARACTER)
    for column in table.columns:
        name, base = column[0], table.row(column[0]) + 4
        if mark := _mark(table, name):
            yield f'<text class="key" x="{PADDING}" y="{base}">{mark}</text>'
        yield f'<text x="{PADDING + KEYS_WIDTH}" y="{base}">{escape(name)}</text>'
        yield f'<text class="dim" x="{type_x}" y="{base}">{escape(_type(column))}</text>'
    if table.rules:
        yield f'<path class="rule" d="M0 {table.rules_at()} H{width}"/>'
    for base, rule in enumerate(table.rules, start=1):
        yield f'<text class="dim" x="{PADDING}" y="{table.rules_at() + UNIT * base}">{escape(rule)}</text>'
    yield "</g>"


def _mark(table: Table, column: str) -> str:
    is_foreign = any(column in reference.columns for reference in table.references)
    return "P" * (column in table.primary) + "F" * is_foreign


def _type(column: tuple[str, str, bool]) -> str:
    _, type_, nullable = column
    return f"{type_} null" if nullable else type_
