"""What readiness asks of the database."""

from ..database import Connection
from ..queries import sql


async def applied_migrations(conn: Connection) -> frozenset[str]:
    """The ids of the migrations that this database has had."""
    return frozenset(row["migration_id"] for row in await conn.fetch(sql("ops/applied_migrations")))
