"""The cinemas, and which of them a page is about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .api_client import ApiClient

MOST_CINEMAS = 1000


async def all_cinemas(api: ApiClient) -> list[dict[str, Any]]:
    """All cinemas, as administrators and visitors see them alike."""
    return await api.every("/cinemas", most=MOST_CINEMAS)


def cinema_or_first(cinemas: Sequence[dict[str, Any]], cinema_id: str | None) -> dict[str, Any] | None:
    """The cinema with this id, else the first; None if there are no cinemas."""
    return next((each for each in cinemas if str(each["id"]) == cinema_id), cinemas[0] if cinemas else None)


def zones_differ(cinemas: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a time needs its zone, since the cinemas are in several."""
    return len({each["timezone"] for each in cinemas}) > 1


async def home_timezone(api: ApiClient) -> str:
    """The time zone of times that belong to no cinema: the first cinema's."""
    found = (await api.get("/cinemas", limit=1))["items"]
    return str(found[0]["timezone"]) if found else "UTC"
