"""What a change of the catalogue needs: PostgreSQL, the seat maps to be marked as changed, and the cleaning gap."""

from dataclasses import dataclass

from ..db.pool import Database
from ..holds.pending_updates import PendingUpdates


@dataclass(frozen=True, slots=True)
class CatalogContext:
    """The stores of the catalogue; `cleaning_s` is the least gap between two showtimes of an auditorium, in seconds."""

    database: Database
    pending_updates: PendingUpdates
    cleaning_s: int
