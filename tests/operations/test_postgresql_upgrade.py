"""docs/operations/postgresql-upgrade.md: from PostgreSQL 15 to that of the embedded package."""

from pathlib import Path

import pytest

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import Cluster, embedded_programs, old_programs, primary, running
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, sell, sell_more, serving

PAGE = "postgresql-upgrade.md"
COLUMN_OPTION = "select count(*) from pg_attribute where attoptions::text like '%pg_attver%'"


@pytest.mark.parametrize("way", ["pg_upgrade", "logical replication"])
async def test_an_upgrade_keeps_all_sales(tmp_path: Path, way: str) -> None:
    programs, log = embedded_programs(), tmp_path / "service.log"
    backup = tmp_path / "b"  # the path of a socket is short
    backup.mkdir()
    new = Cluster(tmp_path / "new", programs)
    with (
        running_valkey(tmp_path, valkey_program(None), password="of-the-tests") as redis_url,
        primary(tmp_path / "old", old_programs()) as old,
        running(new),
    ):
        if way == "pg_upgrade" and old.run(COLUMN_OPTION):
            pytest.skip("this PostgreSQL 15 stores pg_attver on columns, which pg_upgrade of 18.6 cannot restore")
        variables = {
            "OLD_BIN": str(old.programs),
            "NEW_BIN": str(programs),
            "OLD_DATA": str(old.folder),
            "NEW_DATA": str(new.folder),
            "OLD_PORT": str(old.port),
            "NEW_PORT": str(new.port),
            "PGUSER": "postgres",
            "DATABASE": "reservation",
            "BACKUP": str(backup),
        }
        async with serving(old, redis_url, log) as api:
            sales = await sell(api, 2)
            if way == "logical replication":
                new.create()
                new.start()
                run(PAGE, "Begin to replicate", programs, variables)
        async with serving(old, redis_url, log) as api:
            sales = await sell_more(api, sales, 2)
        run(PAGE, "With pg_upgrade" if way == "pg_upgrade" else "Switch", programs, variables)
        assert str(new.run("show server_version")).split(".")[0] != "15"
        assert kept(new, sales) == list(sales.confirmed)
        assert new.run("select count(*) from pg_stats where tablename = 'booked_seats'") != 0
        async with serving(new, redis_url, log) as api:
            await check_sales_go_on(api, sales, sold=4)
            printed = run(PAGE, "Check", programs, variables | environment(new.url(), redis_url))
            assert "every invariant holds" in printed
