"""The list in docs/operator/scale.md of statements that look for rows of a showtime without the showtime's id.

`python -m tests.dba.test_shard_keys` writes it.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from reservation.db import statements
from tests.api import Api, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.figures import figures, growth
from tests.races.test_booking_races import assert_sound

JOBS = ("reservations/expire_holds", "events/list_events")  # jobs run them meanwhile
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
# `is not distinct from` keeps the planner from an index on showtime_id alone; for Citus it is written as `=`.
AS_IN_CITUS = re.compile(r"(showtime_id )is not distinct from")
EQUAL = re.compile(r"((?:\w+\.)?\w+)\s*(?:=|is\s+not\s+distinct\s+from)\s*(any\(|\(*\$\d+|(?:\w+\.)?\w+)")


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
    rows = re.findall(r"^\| `(\w+/\w+)` \| ([a-z_, ]+) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: set(tables.split(", ")) for name, tables in rows}


def found() -> dict[str, set[str]]:
    """The statements that would cross shards, each with its tables."""
    files = {f"{path.parent.name}/{path.stem}": path for path in sorted((ROOT / "sql").glob("*/*.sql"))}
    return {name: tables for name, path in files.items() if (tables := scattered(path.read_text()))}


def write_list() -> None:
    """Write the list of what is found into the page, in the place of the one that is there."""
    rows = "".join(f"| `{name}` | {', '.join(sorted(tables))} |\n" for name, tables in found().items())
    page, replaced = re.subn(r"(?<=\| statement \| tables \|\n\|---\|---\|\n)(?:\|.*\n)+", rows, PAGE.read_text())
    assert replaced == 1
    PAGE.write_text(page)


def test_the_statements_that_would_cross_shards_are_those_of_the_list() -> None:
    assert found() == listed()


async def sell(api: Api) -> None:
    """Hold, confirm, extend and cancel, also some seats, also what was paid; and read the map."""
    cinema, customer, other, staff = await api.cinema(), await api.sign_up(), await api.sign_up(), await api.staff()

    async def call(path: str, body: object = None, *, status: int = 200, who: Person = customer, key: str = "") -> Any:
        answer = await api.call("POST", path, body, who=who, headers={"Idempotency-Key": key} if key else {})
        assert answer.status == status, answer.text
        return answer.json

    holds = f"/showtimes/{cinema.showtime_id}/holds"
    unpaid = await call(holds, {"seat_ids": cinema.seat_ids[:3]}, status=201, key="hold")
    await call(holds, {"seat_ids": cinema.seat_ids[:1]}, status=409, who=other)
    await call(f"/reservations/{unpaid['id']}/extend")
    await call(f"/reservations/{unpaid['id']}/cancel", {"seat_ids": cinema.seat_ids[:1]})
    await call(f"/reservations/{unpaid['id']}/confirm", status=402)
    await call(f"/reservations/{unpaid['id']}/cancel", key="cancel")
    paid = await call(holds, {"quantity": 3}, status=201)
    await call(f"/reservations/{paid['id']}/pay", who=staff, status=201)
    await call(f"/reservations/{paid['id']}/confirm", key="again")
    await call(f"/reservations/{paid['id']}/cancel", {"seat_ids": [paid["seats"][0]["seat_id"]]})
    await call(f"/reservations/{paid['id']}/cancel")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_no_statement_of_the_hot_path_would_cross_shards(start_api: StartApi) -> None:
    api = await start_api(**PATIENT, PAYMENT_PROVIDER="external")
    before = await figures(api)

    await sell(api)

    counted = (
        re.search(r'statement_seconds_count{statement="(\w+/\w+)"}', name) for name in +await growth(api, before)
    )
    run = {match[1] for match in counted if match}
    assert {"reservations/insert_held", "reservations/confirm", "reservations/extend", "refunds/refund_surplus"} <= run
    assert (run & found().keys()) - set(JOBS) == set()


async def test_the_service_sells_with_the_keys_of_the_page(
    start_api: StartApi, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with the statements that the page's command writes for Citus."""
    [keys, *_] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for statement in COMMENT.sub("", keys).strip().split(";\n"):
        await db.execute(statement)
    monkeypatch.setattr(
        statements, "_statements", {name: AS_IN_CITUS.sub(r"\1=", text) for name, text in statements.shipped().items()}
    )

    await sell(await start_api(**PATIENT, PAYMENT_PROVIDER="external"))

    await assert_sound(db, redis_url)


def test_the_page_says_which_limits_read_all_that_a_customer_holds() -> None:
    """A function, so it is not in the list."""
    callers = [
        path.stem for path in (ROOT / "sql").glob("*/*.sql") if "find_limited(" in COMMENT.sub(" ", path.read_text())
    ]
    assert sorted(callers) == ["find_limit", "insert_held"]
    assert all(name in PAGE.read_text() for name in ("find_limited", *callers))


def test_a_look_up_by_the_id_alone_would_cross_shards() -> None:
    assert scattered("select 1 from reservations as r where r.id = $1") == {"reservations"}
    assert scattered("select 1 from booked_seats where seat_id = $1 -- showtime_id = $2") == {"booked_seats"}


def test_a_look_up_by_the_showtime_as_well_would_not_cross_shards() -> None:
    assert scattered("select 1 from reservations as r where r.id = $1 and r.showtime_id = $2") == set()
    assert scattered("select 1 from s join booked_seats as b on s.showtime_id = b.showtime_id") == set()
    assert scattered("select 1 from reservations as r where r.showtime_id is not distinct from $2") == set()
    assert scattered("insert into booked_seats (showtime_id, seat_id) values ($1, $2)") == set()


if __name__ == "__main__":
    write_list()
