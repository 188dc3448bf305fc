"""The plan of every statement that the service runs, on the connections that it runs it on."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reservation.db.pool_options import pool_options
from reservation.db.statements import sql, sql_dir
from tests.conftest import make_settings

# Those that a command of its own runs, on a connection of its own, may read what they like.
COMMANDS = {"audit", "bulk", "load", "schema", "seed", "statistics"}
SERVICE = sorted(
    path.relative_to(sql_dir()).with_suffix("").as_posix()
    for path in sql_dir().glob("*/*.sql")
    if path.parent.name not in COMMANDS
)
NAMES = [*SERVICE, "audit/unbacked_holds"]
# They read all there is, and there is never much.
READ_ALL = {
    "accounts/lock_admins": {"users_admin_idx"},
    "ops/applied_migrations": {"_yoyo_migration"},
}


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that read a table or an index."""
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        yield plan
    for below in plan.get("Plans", []):
        yield from scans(below)


@pytest.fixture
async def connection(shared_database_url: str, tmp_path: Path) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """One of the service's, on the first day: PostgreSQL knows nothing of the tables."""
    options = pool_options(make_settings(shared_database_url, "redis://127.0.0.1", tmp_path))
    connection = await asyncpg.connect(shared_database_url, server_settings=options["server_settings"])
    yield connection
    await connection.close()


async def test_no_plan_of_the_first_day_reads_a_whole_table(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Such a plan is kept while the tables fill, until PostgreSQL looks at them again."""
    bad = []
    for number, name in enumerate(NAMES):
        count = len((await connection.prepare(sql(name))).get_parameters())
        await connection.execute(f"prepare looked_at_{number} as {sql(name)}")
        arguments = f"({', '.join(['null'] * count)})" if count else ""
        [plan] = json.loads(await connection.fetchval(f"explain (format json) execute looked_at_{number}{arguments}"))
        for scan in scans(plan["Plan"]):
            what = scan.get("Index Name", scan["Relation Name"])
            if not ("Index Cond" in scan or "Recheck Cond" in scan) and what not in READ_ALL.get(name, ()):
                bad.append(f"{name}: {scan['Node Type']} on {what}")
    assert not bad, "\n".join(bad)
