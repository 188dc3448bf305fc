"""What writes to the catalogue need: PostgreSQL, holds and updates of seat maps in Redis, and the cleaning gap."""

from dataclasses import dataclass

from ..db.pool import Database
from ..holds.pending_updates import PendingUpdates
from ..holds.store import Holds


@dataclass(frozen=True, slots=True)
class CatalogContext:
    """Shared by all writes; `cleaning_s` is the minimum gap between two showtimes of an auditorium, in seconds."""

    database: Database
    holds: Holds
    pending_updates: PendingUpdates
    cleaning_s: int
