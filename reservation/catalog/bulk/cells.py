"""Cells as people and spreadsheets write them, and back: numbers, prices and lists."""

import re
from collections.abc import Sequence

from .csv_rows import CsvRow

_NUMBER = re.compile(r"(-?[0-9]{1,19})([.,]0{1,2})?", re.ASCII)
_DECIMAL_COMMA = re.compile(r",(?=[0-9]{1,2}\Z)", re.ASCII)
_ITEM = re.compile(r"\s*((?:\\.|[^|\\])+?)\s*(?:\||\Z)", re.DOTALL)
_TO_ESCAPE = re.compile(r"[|\\]|\A\s|\s\Z")


def as_number(cell: str) -> int | str:
    """A cell as an integer, or unchanged for the schema to refuse; spaces and `.00` at the end do not count."""
    found = _NUMBER.fullmatch("".join(cell.split()))
    return int(found[1]) if found else cell


def as_price(cell: str) -> str:
    """A cell as a decimal: without spaces, and with a point for a comma in front of one or two digits."""
    return _DECIMAL_COMMA.sub(".", "".join(cell.split()))


def as_switch(cell: str) -> bool | str:
    """A cell as true or false, or unchanged for the schema to refuse; spreadsheets write TRUE."""
    return {"true": True, "false": False}.get(cell.strip().lower(), cell)


def optional(row: CsvRow, *names: str) -> dict[str, str | None]:
    """These cells without outer spaces; None for those that are empty or not in the file."""
    return {name: row.cells.get(name, "").strip() or None for name in names}


def as_list(cell: str) -> list[str]:
    """The items of a list in a cell, which `|` separates; a backslash makes the character after it part of an item."""
    return [re.sub(r"\\(.)", r"\1", item, flags=re.DOTALL) for item in _ITEM.findall(cell)]


def list_cell(items: Sequence[str]) -> str:
    """A list as a cell that `as_list` reads."""
    return "|".join(_TO_ESCAPE.sub(r"\\\g<0>", item) for item in items)
