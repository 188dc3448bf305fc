"""CSV files (RFC 4180, UTF-8) as spreadsheets write them: rows with line numbers, and faults that name the lines."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import chain
from typing import BinaryIO

from ...errors import OperatorError

MAX_ROWS = 100_000  # of a file: an import is one transaction, and all rows are in memory
SEPARATORS = ",;\t"
BLANK = " \r\n" + SEPARATORS
MAX_FAULTS = 100  # with a message; further ones are only counted


class FileError(OperatorError):
    """The file is not a CSV file of this kind; the message says why, and nothing was imported."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of a row by column, and the line on which the row begins."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """The columns that a file may have, in the order of an export, and those that it must have."""

    names: Sequence[str]
    required: frozenset[str]
    at_least_one_of: Sequence[frozenset[str]] = ()  # of each of these sets


@dataclass(slots=True)
class Faults:
    """Faults in rows: the messages of the first MAX_FAULTS with their lines, the lines with faults, and the total."""

    messages: list[tuple[int, str]] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    count: int = 0

    def add(self, line: int, where: str, message: str) -> None:
        """Add a fault; `where` is a column, or empty for the row as a whole."""
        self.count += 1
        self.lines.add(line)
        if len(self.messages) < MAX_FAULTS:
            self.messages.append((line, f"line {line}: {where}: {message}" if where else f"line {line}: {message}"))

    def __bool__(self) -> bool:
        return self.count > 0

    def __iter__(self) -> Iterator[str]:
        """The messages, in the order of the file."""
        yield from (text for _, text in sorted(self.messages))
        if self.count > len(self.messages):
            yield f"and {self.count - len(self.messages):,} more"


def read_rows(stream: BinaryIO, columns: CsvColumns, faults: Faults) -> list[CsvRow]:
    """The rows that have as many cells as the header; a byte order mark and blank rows are skipped.

    Raises FileError if the file is not UTF-8 or not CSV, has a wrong header, or has too many rows.
    """
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    rows: list[CsvRow] = []
    header: list[str] | None = None
    line = 1  # where the current row begins: an unclosed quote is found only at the end of the file
    try:
        beginning = _until_header(text)
        reader = csv.reader(chain(beginning, text), strict=True, delimiter=_separator(beginning[-1]))
        for cells in reader:
            if not _is_blank(cells):
                if header is None:
                    header = _header(cells, columns, line)
                else:
                    _add(rows, faults, line, header, cells)
            line = reader.line_num + 1
    except UnicodeDecodeError:
        raise FileError("the file is not in UTF-8") from None
    except csv.Error as error:
        raise FileError(f"line {line}: {error}") from None
    finally:
        text.detach()  # the caller closes the stream
    if header is None:
        raise FileError(f"line 1: a header is needed, with columns of {', '.join(columns.names)}")
    return rows


def _until_header(text: TextIOWrapper) -> list[str]:
    """The lines up to the first one that is not blank."""
    lines = [text.readline()]
    while lines[-1] and not lines[-1].strip(BLANK):
        lines.append(text.readline())
    return lines


def _separator(header: str) -> str:
    """What separates the cells: of the three, the one that the header line has most often."""
    return max(SEPARATORS, key=header.count)


def _is_blank(cells: Sequence[str]) -> bool:
    return not any(cell.strip().strip(BLANK) for cell in cells)


def _add(rows: list[CsvRow], faults: Faults, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    if len(rows) + len(faults.lines) >= MAX_ROWS:
        raise FileError(f"line {line}: more than {MAX_ROWS:,} rows are too many for one file")
    if _is_blank(cells[len(header) :]):  # what spreadsheets write beside a table
        cells = cells[: len(header)]
    if len(cells) != len(header):
        faults.add(line, "", f"has {len(cells)} cells, and the header {len(header)}")
        return
    row = dict(zip(header, cells, strict=True))
    nul = [name for name, cell in row.items() if "\0" in cell]
    for name in nul:
        faults.add(line, name, "NUL characters are not allowed.")
    if not nul:
        rows.append(CsvRow(line, row))


def _header(cells: Sequence[str], columns: CsvColumns, line: int) -> list[str]:
    """The names of the columns, without regard to case and outer spaces; cells without a name at the end are left out.

    Raises FileError for a wrong header.
    """
    header = [cell.strip().lower() for cell in cells]
    while not header[-1]:
        header.pop()
    known = ", ".join(columns.names)
    for name in header:
        if name not in columns.names:
            separators = "which commas, semicolons or tabs separate"
            raise FileError(f"line {line}: {name!r} is not one of the columns, {separators}: {known}")
        if header.count(name) > 1:
            raise FileError(f"line {line}: the column {name} is there twice")
    for name in columns.names:
        if name in columns.required and name not in header:
            raise FileError(f"line {line}: the column {name} is missing")
    for choice in columns.at_least_one_of:
        if choice.isdisjoint(header):
            raise FileError(f"line {line}: one of the columns {' and '.join(sorted(choice))} is needed")
    return header
