"""Read from PostgreSQL what /metrics says of the database: the live holds, the archive, and the newest migration."""

from ...db.pool import Database
from ...db.repository import ops
from ..metrics import ARCHIVED, LIVE_HOLDS, MIGRATION


async def measure(database: Database) -> None:
    """Read the figures; raises Unavailable."""
    async with database.connection() as conn:
        figures, migrations = await ops.figures(conn), await ops.applied_migrations(conn)
    newest = max((int(each[:4]) for each in migrations), default=0)
    LIVE_HOLDS.read = lambda: figures.live_holds
    ARCHIVED.read = lambda: figures.archived
    MIGRATION.read = lambda: newest
