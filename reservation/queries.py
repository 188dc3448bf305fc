"""The SQL files: one statement each, sent as they stand, header comment included."""

from functools import cache
from pathlib import Path


@cache
def sql_dir() -> Path:
    """The folder of the statements: inside an installed wheel, or at the top of the tree."""
    installed = Path(__file__).parent / "sql"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "sql"


@cache
def sql(name: str) -> str:
    """The statement of `sql/<name>.sql`, for example `sql("booking/claim_seats")`.

    The text goes to PostgreSQL with its comments, so that pg_stat_statements and pg_stat_activity name the file.
    """
    return (sql_dir() / f"{name}.sql").read_text(encoding="utf-8")
