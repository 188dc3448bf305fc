"""CSV files (RFC 4180, UTF-8): rows with their line numbers, and faults that name the lines."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, BinaryIO, Protocol

from ...errors import OperatorError

MAX_ROWS = 100_000  # of a file: an import is one transaction, and all rows are in memory
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


class RowWriter(Protocol):
    """The type of csv.writer's result."""

    def writerow(self, row: Iterable[Any], /) -> Any:
        """Write one row."""

    def writerows(self, rows: Iterable[Iterable[Any]], /) -> None:
        """Write several."""


def read_rows(stream: BinaryIO, columns: CsvColumns, faults: Faults) -> list[CsvRow]:
    """The rows that have as many cells as the header; a byte order mark and blank lines are skipped.

    Raises FileError if the file is not UTF-8 or not CSV, has a wrong header, or has too many rows.
    """
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    rows: list[CsvRow] = []
    line = 1  # where the current row begins: an unclosed quote is found only at the end of the file
    try:
        header = next(reader, [])
        _check_header(header, columns)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                _add(rows, faults, line, header, cells)
            line = reader.line_num + 1
    except UnicodeDecodeError:
        raise FileError("the file is not in UTF-8") from None
    except csv.Error as error:
        raise FileError(f"line {line}: {error}") from None
    finally:
        text.detach()  # the caller closes the stream
    return rows


class _Utf8Writer:
    """Writes text to a binary stream; unlike a TextIOWrapper it has no buffer and never closes the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.encode())


def row_writer(stream: BinaryIO, columns: Sequence[str]) -> RowWriter:
    """Write the header and return a writer for the rows.

    Lines end with CR LF (RFC 4180), so cells with either of them are quoted.
    """
    writer = csv.writer(_Utf8Writer(stream), lineterminator="\r\n")
    writer.writerow(columns)
    return writer


def _add(rows: list[CsvRow], faults: Faults, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    if len(rows) + len(faults.lines) >= MAX_ROWS:
        raise FileError(f"line {line}: more than {MAX_ROWS:,} rows are too many for one file")
    if len(cells) != len(header):
        faults.add(line, "", f"has {len(cells)} cells, and the header {len(header)}")
        return
    nul = [name for name, cell in zip(header, cells, strict=True) if "\0" in cell]
    for name in nul:
        faults.add(line, name, "NUL characters are not allowed.")
    if not nul:
        rows.append(CsvRow(line, dict(zip(header, cells, strict=True))))


def _check_header(header: Sequence[str], columns: CsvColumns) -> None:
    known = set(columns.names)
    if not header:
        raise FileError(f"line 1: a header is needed, with columns of {', '.join(columns.names)}")
    for name in header:
        if name not in known:
            known_columns = ", ".join(columns.names)
            raise FileError(f"line 1: {name!r} is not one of the columns, which commas separate: {known_columns}")
        if header.count(name) > 1:
            raise FileError(f"line 1: the column {name} is there twice")
    for name in columns.names:
        if name in columns.required and name not in header:
            raise FileError(f"line 1: the column {name} is missing")
    for choice in columns.at_least_one_of:
        if not choice & set(header):
            raise FileError(f"line 1: one of the columns {' and '.join(sorted(choice))} is needed")
