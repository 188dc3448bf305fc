"""What the functions of tickets need: the database, the keys, and the settings that a ticket shows."""

from dataclasses import dataclass
from typing import Self

from ..db.pool import Database
from ..settings import InvalidSettings, Settings
from .rendering import Renderer
from .signing import TicketSigner


@dataclass(frozen=True, slots=True)
class TicketContext:
    """The database, the keys, the thread that renders, and the settings that a ticket shows."""

    database: Database
    signer: TicketSigner
    renderer: Renderer
    site_name: str
    currency: str

    @classmethod
    def from_settings(cls, database: Database, settings: Settings) -> Self:
        """With the keys of the settings; raises InvalidSettings if there are none."""
        if not settings.ticket_secrets:
            raise InvalidSettings("JWT_SECRET is not set")
        return cls(database, TicketSigner(settings.ticket_secrets), Renderer(), settings.site_name, settings.currency)
