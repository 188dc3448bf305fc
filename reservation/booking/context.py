"""What the functions of booking need: the stores, the batches, and the settings."""

from dataclasses import dataclass

from structlog.stdlib import BoundLogger

from ..db.pool import Database
from ..db.repository.hold_limits import HoldLimits
from ..holds.pending_updates import PendingUpdates
from ..holds.store import Holds
from ..seatmap.layouts import Layouts
from ..seatmap.ticket_types import TicketTypes
from ..settings import Settings
from .address_limit import AddressLimit
from .batches import BookingBatches
from .key_limit import KeyLimit


@dataclass(frozen=True, slots=True)
class BookingContext:
    """The stores, batches and settings of booking."""

    database: Database
    batches: BookingBatches
    holds: Holds
    pending_updates: PendingUpdates
    layouts: Layouts
    ticket_types: TicketTypes
    log: BoundLogger
    hold_ttl_s: int
    hold_max_s: int
    hold_deadline_s: float
    cancel_cutoff_s: int
    limits: HoldLimits | None
    address_limit: AddressLimit
    key_limit: KeyLimit


def hold_limits(settings: Settings) -> HoldLimits | None:
    """The limits of customers; None if there are none."""
    most_holds, most_seats = settings.max_holds_per_user or None, settings.max_seats_per_user_per_showtime or None
    most_unconfirmed = settings.max_unconfirmed_holds_of_seat or None
    if most_holds is most_seats is most_unconfirmed is None:
        return None
    longest_s = max(settings.hold_ttl_s, settings.hold_max_s)
    return HoldLimits(most_holds, most_seats, longest_s, most_unconfirmed, settings.cooling_off_s)


def address_limit(holds: Holds, settings: Settings) -> AddressLimit:
    """The limits of addresses, and of API keys in a minute."""
    longest_s = max(settings.hold_ttl_s, settings.hold_max_s)
    most_seats = settings.held_seats_per_address
    if most_seats:  # any hold that is allowed must be possible
        most_seats = max(most_seats, settings.max_seats_per_hold)
    return AddressLimit(holds, settings.holds_per_minute_per_address, most_seats, longest_s)
