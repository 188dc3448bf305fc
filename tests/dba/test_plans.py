"""The plans on empty tables read no whole table, with the settings of the service's connections."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reservation.db.pool_options import pool_options
from reservation.db.statements import sql, sql_dir
from tests.conftest import make_settings

# Statements of commands, which have connections of their own, may read whole tables.
COMMANDS = {"audit", "bulk", "load", "schema", "seed", "statistics"}
SERVICE = sorted(
    path.relative_to(sql_dir()).with_suffix("").as_posix()
    for path in sql_dir().glob("*/*.sql")
    if path.parent.name not in COMMANDS
)
NAMES = [*SERVICE, "audit/unbacked_holds"]
# Small tables and indexes, which these statements read whole.
READ_ALL = {
    "accounts/lock_admins": {"users_admin_idx"},
    "auditoriums/insert_auditorium": {"cinemas"},
    "auditoriums/update_auditorium": {"cinemas"},
    "availability/count_taken": {"showtime_availability"},  # a subplan, which a lookup by id takes the place of
    "deliveries/figures": {"deliveries_dead_idx", "outbox_pkey"},  # each stopped by its limit
    # Payments that are not settled, and changes of sales: few.
    "payments/list_due": {"payments_check_at_idx"},
    "payments/mark_ended": {"payments_check_at_idx"},
    "payments/postpone_check": {"payments_check_at_idx"},
    "payments/set_checkout": {"payments_pending_key"},
    "payments/settle_reservation": {"payments_check_at_idx"},
    # Planned for its arguments each time.
    "reports/occupancy": {"showtimes"},
    "reports/sales": {"reservation_changes_changed_at_idx", "cinemas", "api_keys"},
    "reports/showtime_sales": {"reservation_changes_changed_at_idx", "api_keys"},
    "webhooks/add_deliveries": {"webhooks"},
    "webhooks/claim": {"deliveries_webhook_due_idx"},  # stopped by its limit
    "webhooks/insert_webhook": {"webhooks"},
    "ops/applied_migrations": {"_yoyo_migration"},
    "ticket_types/read_all": {"ticket_types_pkey"},
}


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that scan a table or an index."""
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        yield plan
    for below in plan.get("Plans", []):
        yield from scans(below)


@pytest.fixture
async def connection(shared_database_url: str, tmp_path: Path) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection with the service's settings to empty tables, of which PostgreSQL has no statistics."""
    options = pool_options(make_settings(shared_database_url, "redis://127.0.0.1", tmp_path))
    connection = await asyncpg.connect(shared_database_url, server_settings=options["server_settings"])
    yield connection
    await connection.close()


async def test_no_plan_made_on_empty_tables_reads_a_whole_table(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Connections keep such a plan while the tables fill, until the tables are analyzed."""
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
