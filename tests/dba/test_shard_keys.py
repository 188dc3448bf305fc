"""The list in docs/operator/scale.md of statements that look for rows of a showtime without the showtime's id."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operator" / "scale.md"
# What would be distributed by showtime_id.
DISTRIBUTED = (
    "reservations",
    "booked_seats",
    "tickets",
    "reservation_changes",
    "payments",
    "refunds",
    "archived_reservations",
)
COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
READ = re.compile(rf"\b(?:from|join|update|using)\s+({'|'.join(DISTRIBUTED)}|showtimes)\b(?:\s+as\s+(\w+))?")
EQUAL = re.compile(r"((?:\w+\.)?\w+)\s*=\s*(any\(|\(*\$\d+|(?:\w+\.)?\w+)")


def scattered(statement: str) -> set[str]:
    """The distributed tables of which a statement reads rows without knowing their showtime.

    It knows the showtime if the column is compared with a parameter, with a column of a part of the statement that has
    a name of its own, or with the column of a table for which it is known. Where in the statement a comparison stands
    is not regarded, so an alias that is used twice counts as one table.
    """
    text = COMMENT.sub(" ", statement)
    tables = {alias or table: table for table, alias in READ.findall(text)}
    keys = {f"{alias}.id" if table == "showtimes" else f"{alias}.showtime_id": alias for alias, table in tables.items()}
    pairs = [(_full(left, tables), _full(right, tables)) for left, right in EQUAL.findall(text) if left != right]
    pairs += [(right, left) for left, right in pairs]
    known: set[str] = set()
    while True:
        new = {
            keys[left]
            for left, right in pairs
            if left in keys and keys[left] not in known and (right not in keys or keys[right] in known)
        }
        if not new:
            break
        known |= new
    return {table for alias, table in tables.items() if alias not in known and table != "showtimes"}


def _full(column: str, tables: dict[str, str]) -> str:
    """A column without a table is that of the table without an alias."""
    own = [alias for alias, table in tables.items() if alias == table]
    name = {"showtimes": "id"}.get(own[0], "showtime_id") if own else ""
    return f"{own[0]}.{column}" if own and column == name else column


def listed() -> dict[str, set[str]]:
    """The statements of the page's list, each with its tables."""
    rows = re.findall(r"^\| `(\w+/\w+)` \| ([\w, ]+) \|", PAGE.read_text(), re.MULTILINE)
    return {name: set(tables.split(", ")) for name, tables in rows}


def test_the_statements_that_would_cross_shards_are_those_of_the_list() -> None:
    found = {
        f"{path.parent.name}/{path.stem}": tables
        for path in sorted((ROOT / "sql").glob("*/*.sql"))
        if (tables := scattered(path.read_text()))
    }
    assert found == listed()


def test_a_look_up_by_the_id_alone_would_cross_shards() -> None:
    assert scattered("select 1 from reservations as r where r.id = $1") == {"reservations"}
    assert scattered("select 1 from booked_seats where seat_id = $1 -- showtime_id = $2") == {"booked_seats"}


def test_a_look_up_by_the_showtime_as_well_would_not_cross_shards() -> None:
    assert scattered("select 1 from reservations as r where r.id = $1 and r.showtime_id = $2") == set()
    assert scattered("select 1 from s join booked_seats as b on s.showtime_id = b.showtime_id") == set()
    assert scattered("insert into booked_seats (showtime_id, seat_id) values ($1, $2)") == set()
