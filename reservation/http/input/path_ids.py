"""Ids in the path. One that no row can have is answered like one that no row has: NotFound."""

from uuid import UUID

from aiohttp import web

from ...errors import NotFound
from ...runtime.fields import MAX_ID


def path_id(request: web.Request, name: str) -> int:
    """A positive 64-bit id; raises NotFound for anything else."""
    raw = request.match_info[name]
    if not (raw.isascii() and raw.isdigit() and len(raw) <= len(str(MAX_ID)) and 0 < int(raw) <= MAX_ID):
        raise NotFound
    return int(raw)


def path_uuid(request: web.Request, name: str) -> UUID:
    """A UUID; raises NotFound for anything else."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound from None
