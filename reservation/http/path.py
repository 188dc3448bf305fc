"""Ids in paths."""

from uuid import UUID

from aiohttp import web

from ..errors import NotFound
from .fields import MAX_ID


def path_id(request: web.Request, name: str) -> int:
    """A positive 64-bit id from the path; anything else cannot exist, so it raises NotFound."""
    raw = request.match_info[name]
    if not (raw.isascii() and raw.isdigit() and len(raw) <= len(str(MAX_ID)) and 0 < int(raw) <= MAX_ID):
        raise NotFound
    return int(raw)


def path_uuid(request: web.Request, name: str) -> UUID:
    """A UUID from the path; anything else cannot exist, so it raises NotFound."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound from None
