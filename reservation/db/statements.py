"""The SQL files: one statement each, sent unchanged, header comment included.

This is their only reader. A DBA may replace single ones (SQL_DIR); `sql_overrides.py` checks the replacements.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from ..errors import OperatorError


class StatementsRefused(OperatorError):
    """No statement of SQL_DIR is used; the message names the file and the reason."""


@cache
def sql_dir() -> Path:
    """The folder of the statements: inside an installed wheel, or at the top of the tree."""
    package = Path(__file__).parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


# Filled by sql() from the shipped files, or at the start of a process by use().
_statements: dict[str, str] = {}


def sql(name: str) -> str:
    """The statement of `sql/<name>.sql`, such as `sql("reservations/confirm")`, or its replacement from SQL_DIR.

    The text goes to PostgreSQL with its comments, so that pg_stat_statements and pg_stat_activity name the file.
    """
    text = _statements.get(name)
    if text is None:
        text = _statements[name] = _read(sql_dir() / f"{name}.sql")
    return text


def use(statements: Mapping[str, str]) -> None:
    """Make sql() return these; a process calls it once, before its first statement."""
    _statements.update(statements)


def name_of(text: str) -> str | None:
    """The name of a statement that sql() has returned; None for any other text."""
    name = text.partition("\n")[0].removeprefix("/* ")
    return name if _statements.get(name) == text else None


@cache
def known_names() -> frozenset[str]:
    """Name every statement of this version."""
    return frozenset(path.relative_to(sql_dir()).with_suffix("").as_posix() for path in sql_dir().glob("*/*.sql"))


@cache
def shipped() -> dict[str, str]:
    """Every statement of this version; read once, since an upgrade may replace the files under a running service."""
    return {name: _read(sql_dir() / f"{name}.sql") for name in sorted(known_names())}


def with_overrides(folder: Path | None) -> dict[str, str]:
    """Every statement, those of the folder over the shipped ones; raises StatementsRefused, naming the file.

    A file with any other name is refused, since the name may be mistyped.
    """
    statements = dict(shipped())
    if folder is None:
        return statements
    for path in _files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix != ".sql" or name not in statements:
            raise StatementsRefused(f"{path} is no statement of this version: its name must be one in {sql_dir()}")
        statements[name] = _override(path, name)
    return statements


def _files(folder: Path) -> Iterator[Path]:
    """The entries of the folder and of its subject folders, without the hidden files of editors and mounts."""
    subjects = {name.partition("/")[0] for name in known_names()}
    try:
        for entry in sorted(folder.iterdir()):
            if not entry.name.startswith("."):
                inner = entry.is_dir() and entry.name in subjects
                yield from (each for each in sorted(entry.iterdir()) if each.name[0] != ".") if inner else [entry]
    except OSError as error:
        raise StatementsRefused(f"SQL_DIR cannot be read: {error.filename}: {error.strerror}") from error


def _override(path: Path, name: str) -> str:
    try:
        text = _read(path)
    except UnicodeDecodeError:
        raise StatementsRefused(f"{path} is not text in UTF-8") from None
    except OSError as error:
        raise StatementsRefused(f"{path} cannot be read: {error.strerror}") from error
    if "\0" in text:
        raise StatementsRefused(f"{path} has a NUL character")
    if text.partition("\n")[0].rstrip() != f"/* {name}":
        raise StatementsRefused(
            f"{path} must begin with the line `/* {name}`, by which PostgreSQL's statistics name it"
        )
    if not is_tagged(name, text):
        raise StatementsRefused(f"{path}: `/* {name} */` must follow the statement's first word, for PostgreSQL 18")
    return text


def is_tagged(name: str, text: str) -> bool:
    """Whether the name follows the statement's first word: in PostgreSQL 18 pg_stat_statements drops earlier text."""
    return re.match(rf"\s+\w+ /\* {re.escape(name)} \*/\s", text.partition("*/")[2]) is not None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
