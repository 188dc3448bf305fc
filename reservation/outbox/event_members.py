"""Events as clients get them: in the feed, and in the calls of webhooks."""

from ..db.repository.events import Event
from ..db.repository.reservation_rows import Reservation


def event_members(event: Event, currency: str) -> dict[str, object]:
    """The members of an event; times are datetimes, and `currency` is that of the prices."""
    data = dict(event.data)
    reservation = data.get("reservation")
    if isinstance(reservation, Reservation):
        data["reservation"] = vars(reservation) | {"id": str(reservation.id), "currency": currency}
    return {"id": str(event.event_id), "type": event.type, "timestamp": event.timestamp, "data": data}
