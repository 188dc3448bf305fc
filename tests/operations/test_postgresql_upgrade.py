"""docs/operations/postgresql-upgrade.md: from PostgreSQL 15 and 16 to that of the embedded package."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import Cluster, embedded_programs, old_programs, primary, programs_16, running
from tests.operations.conftest import Stop
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, sell, sell_more, serving

PAGE = "postgresql-upgrade.md"
COLUMN_OPTION = "select count(*) from pg_attribute where attoptions::text like '%pg_attver%'"


def variables_of(old: Cluster, new: Cluster, backup: Path) -> dict[str, str]:
    """What the page's table names."""
    return {
        "OLD_BIN": str(old.programs),
        "NEW_BIN": str(new.programs),
        "OLD_DATA": str(old.folder),
        "NEW_DATA": str(new.folder),
        "OLD_PORT": str(old.port),
        "NEW_PORT": str(new.port),
        "PGUSER": "postgres",
        "DATABASE": "reservation",
        "BACKUP": str(backup),
    }


@pytest.mark.parametrize(
    ("way", "old_version"),
    [("pg_upgrade", programs_16), ("logical replication", old_programs)],
    ids=["pg_upgrade", "logical"],
)
async def test_an_upgrade_keeps_all_sales(
    tmp_path: Path, stop: Stop, way: str, old_version: Callable[[], Path]
) -> None:
    programs, log = embedded_programs(), tmp_path / "service.log"
    backup = tmp_path / "backup"
    backup.mkdir()
    new = Cluster(tmp_path / "new", programs)
    with (
        running_valkey(tmp_path, valkey_program(None), password="of-the-tests") as redis_url,
        primary(tmp_path / "old", old_version()) as old,
        running(new),
    ):
        before, variables = str(old.run("show server_version_num")), variables_of(old, new, backup)
        async with serving(old, redis_url, log) as api:
            sales = await sell(api, 2)
            if way == "logical replication":
                new.create()
                new.start()
                run(PAGE, "Begin to replicate", programs, variables)
        async with serving(old, redis_url, log) as api:
            sales = await sell_more(api, sales, 2)
        stop.begins()
        run(PAGE, "With pg_upgrade" if way == "pg_upgrade" else "Switch", programs, variables)
        assert int(str(new.run("show server_version_num"))) // 10000 > int(before) // 10000
        assert kept(new, sales) == list(sales.confirmed)
        assert new.run("select count(*) from pg_stats where tablename = 'booked_seats'") != 0
        async with serving(new, redis_url, log) as api:
            await check_sales_go_on(api, sales, sold=4)
            stop.ends(f"upgrade by {way}")
            printed = run(PAGE, "Check", programs, variables | environment(new.url(), redis_url))
            assert "every invariant holds" in printed


def test_pg_upgrade_to_a_server_without_the_column_option_fails_and_changes_nothing(tmp_path: Path) -> None:
    programs = embedded_programs()
    backup = tmp_path / "backup"
    backup.mkdir()
    new = Cluster(tmp_path / "new", programs)
    with primary(tmp_path / "old", old_programs()) as old, running(new):
        columns = old.run(COLUMN_OPTION)
        if not columns:
            pytest.skip("this PostgreSQL 15 is older than 15.20, and stores no option pg_attver")
        accounts = old.run(
            "insert into users (name, email, password_hash) values ('A', 'a@example.com', '!') returning id"
        )
        with pytest.raises(AssertionError, match="With pg_upgrade"):
            run(PAGE, "With pg_upgrade", programs, variables_of(old, new, backup))
        logs = "".join(path.read_text() for path in new.folder.glob("pg_upgrade_output.d/*/log/*"))
        assert 'unrecognized parameter "pg_attver"' in logs
        old.start()
        assert old.run("select id from users where email = 'a@example.com'") == accounts
        assert old.run(COLUMN_OPTION) == columns
