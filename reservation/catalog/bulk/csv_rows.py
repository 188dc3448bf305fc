"""Tables in CSV (RFC 4180, UTF-8): rows with their line numbers, and faults that name them; knows no database."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, BinaryIO, Protocol

MAX_ROWS = 100_000  # of one file: an import is one transaction, and is read before that begins
MAX_FAULTS = 100  # that are told; the others are counted


class FileError(Exception):
    """The file cannot be taken for a table of this kind; the message says why, and nothing was imported."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row by column; the line is the one on which it begins."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a file may have, in the order in which they are written, and those that it must have."""

    columns: Sequence[str]
    required: frozenset[str]
    one_of: Sequence[frozenset[str]] = ()  # of each of these at least one column


@dataclass(slots=True)
class Faults:
    """What is wrong with rows: the first ones word for word, and how many rows there are that have any."""

    told: list[tuple[int, str]] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    count: int = 0

    def add(self, line: int, where: str, message: str) -> None:
        """Note one thing that is wrong; `where` is a column, or empty for the row as a whole."""
        self.count += 1
        self.lines.add(line)
        if len(self.told) < MAX_FAULTS:
            self.told.append((line, f"line {line}: {where}: {message}" if where else f"line {line}: {message}"))

    def __bool__(self) -> bool:
        return self.count > 0

    def __iter__(self) -> Iterator[str]:
        """The lines to print, in the order of the file."""
        yield from (text for _, text in sorted(self.told))
        if self.count > len(self.told):
            yield f"and {self.count - len(self.told):,} more"


class RowWriter(Protocol):
    """What csv.writer makes."""

    def writerow(self, row: Iterable[Any], /) -> Any:
        """Write one row."""

    def writerows(self, rows: Iterable[Iterable[Any]], /) -> None:
        """Write several."""


def read_rows(stream: BinaryIO, layout: Layout, faults: Faults) -> list[Row]:
    """All rows that have as many cells as the header; a byte order mark and blank lines are skipped.

    Raises FileError for what is not UTF-8 or not CSV, for a header that does not fit, and for too many rows.
    """
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    rows: list[Row] = []
    line = 1  # on which the row begins that is being read: a quote that nobody closes is noticed at the file's end
    try:
        header = next(reader, [])
        _check_header(header, layout)
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
        text.detach()  # the stream is the caller's to close
    return rows


class _Encoded:
    """Text into a stream of bytes: unlike a TextIOWrapper it keeps nothing, and never closes the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.encode())


def row_writer(stream: BinaryIO, columns: Sequence[str]) -> RowWriter:
    """Write a header, and give what writes rows.

    Lines end as RFC 4180 says, so that a cell with either half of it is quoted.
    """
    writer = csv.writer(_Encoded(stream), lineterminator="\r\n")
    writer.writerow(columns)
    return writer


def _add(rows: list[Row], faults: Faults, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    if len(rows) + len(faults.lines) >= MAX_ROWS:
        raise FileError(f"line {line}: more than {MAX_ROWS:,} rows are too many for one file")
    if len(cells) != len(header):
        faults.add(line, "", f"has {len(cells)} cells, and the header {len(header)}")
        return
    nul = [name for name, cell in zip(header, cells, strict=True) if "\0" in cell]
    for name in nul:
        faults.add(line, name, "NUL characters are not allowed.")
    if not nul:
        rows.append(Row(line, dict(zip(header, cells, strict=True))))


def _check_header(header: Sequence[str], layout: Layout) -> None:
    known = set(layout.columns)
    if not header:
        raise FileError(f"line 1: a header is needed, with columns of {', '.join(layout.columns)}")
    for name in header:
        if name not in known:
            known_columns = ", ".join(layout.columns)
            raise FileError(f"line 1: {name!r} is not one of the columns, which commas separate: {known_columns}")
        if header.count(name) > 1:
            raise FileError(f"line 1: the column {name} is there twice")
    for name in layout.columns:
        if name in layout.required and name not in header:
            raise FileError(f"line 1: the column {name} is missing")
    for choice in layout.one_of:
        if not choice & set(header):
            raise FileError(f"line 1: one of the columns {' and '.join(sorted(choice))} is needed")
