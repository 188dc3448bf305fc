"""Which of the media types that an operation has the client prefers (RFC 9110, 12.5.1)."""

from collections.abc import Sequence
from functools import lru_cache

from aiohttp import web

CSV = "text/csv"
DEFAULT = "application/json"


def wants_csv(request: web.Request) -> bool:
    """Whether the client accepts CSV and does not prefer JSON; without `Accept`, JSON."""
    return _prefers_csv(request.headers.get("Accept", ""))


@lru_cache(maxsize=64)
def _prefers_csv(accept: str) -> bool:
    ranges = [_media_range(part) for part in accept.lower().split(",")]
    of_csv = _quality(ranges, (CSV, "text/*"))
    return of_csv > 0 and of_csv >= _quality(ranges, (DEFAULT, "application/*"))


def _media_range(text: str) -> tuple[str, float]:
    """A type and its weight; 0 for a weight that is none."""
    name, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter.removeprefix("q="))
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(ranges: Sequence[tuple[str, float]], names: Sequence[str]) -> float:
    """The weight of the first of these names that is given."""
    given = dict(reversed(ranges))
    return next((given[name] for name in names if name in given), 0.0)
