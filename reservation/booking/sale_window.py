"""Why a showtime is not on sale: it is cancelled, or the time is outside its sale window."""

from datetime import UTC, datetime

from ..errors import DomainError, NotOnSale, SalesEnded, ShowtimeCancelled, ShowtimeStarted

# What a hold of a showtime that is not on sale raises.
NOT_ON_SALE: tuple[type[DomainError], ...] = (NotOnSale, SalesEnded, ShowtimeCancelled, ShowtimeStarted)


def not_on_sale(reason: str, on_sale_at: datetime | None) -> DomainError:
    """The error for a reason of showtimes/check_seats or reservations/find_hold."""
    if reason == "not_on_sale" and on_sale_at is not None:
        return NotOnSale(on_sale_at.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    if reason == "sales_ended":
        return SalesEnded()
    return ShowtimeCancelled() if reason == "showtime_cancelled" else ShowtimeStarted()
