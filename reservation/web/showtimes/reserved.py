"""How many reservations and customers a change of a showtime concerns."""

from dataclasses import dataclass

from ..api_client import ApiClient

MOST_COUNTED = 5000


@dataclass(frozen=True, slots=True)
class Reserved:
    """Live holds and confirmed reservations of a showtime, their seats, and the customers that they are of."""

    reservations: int
    seats: int
    customers: int


async def reserved_of(api: ApiClient, showtime_id: int) -> Reserved:
    """Count them, by the API's list."""
    found = [
        each
        for status in ("confirmed", "held")
        for each in await api.every("/admin/reservations", most=MOST_COUNTED, showtime_id=showtime_id, status=status)
    ]
    seats = sum(len(each["seats"]) for each in found)
    return Reserved(len(found), seats, len({each["customer"]["id"] for each in found}))
