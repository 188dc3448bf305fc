"""The plan of every statement that the service runs, on the connections that it runs it on."""

import re
from pathlib import Path

import asyncpg
import pytest

from reservation.queries import sql, sql_dir
from reservation.resources import pool_options
from tests.conftest import make_settings

SERVICE = {"accounts", "auditoriums", "movies", "reservations", "seats", "showtimes"}
NAMES = sorted(
    path.relative_to(sql_dir()).with_suffix("").as_posix()
    for path in sql_dir().rglob("*.sql")
    if path.parent.name in SERVICE
)


@pytest.mark.parametrize("name", NAMES)
async def test_no_plan_reads_a_whole_table(name: str, shared_database_url: str, tmp_path: Path) -> None:
    """Not even the plan that is made on the first day, when all tables are empty, and kept while they fill."""
    options = pool_options(make_settings(shared_database_url, "redis://127.0.0.1", tmp_path))
    connection = await asyncpg.connect(shared_database_url, server_settings=options["server_settings"])
    try:
        count = len((await connection.prepare(sql(name))).get_parameters())
        await connection.execute(f"prepare looked_at as {sql(name)}")
        arguments = f"({', '.join(['null'] * count)})" if count else ""
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute looked_at{arguments}"))
    finally:
        await connection.close()

    assert not re.findall(r"Seq Scan on \w+", plan), plan
