"""Lists in pages. A page begins after the sort key of the last row, so that no page costs more than the first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from marshmallow import Schema, ValidationError, fields

from ..runtime.fields import Input, IntegerParameter
from .output.responses import SingleWriteResponse, encode, json_response

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR_CHARS = 512

Item = TypeVar("Item")
PartType = type[int] | type[str] | type[datetime] | type[UUID]


class Cursor(fields.Field[tuple[Any, ...]]):
    """The sort key of the last row of the page before, opaque to clients; `parts` are the types of its parts."""

    def __init__(self, *parts: PartType, **rest: Any) -> None:
        super().__init__(**rest)
        self._parts = parts

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any
    ) -> tuple[Any, ...]:
        try:
            if len(value) > MAX_CURSOR_CHARS:
                raise ValueError
            parts = orjson.loads(urlsafe_b64decode(value.encode("ascii")))
            return tuple(_part(kind, part) for kind, part in zip(self._parts, parts, strict=True))
        except (ValueError, TypeError, OverflowError):
            raise ValidationError("Not a cursor of this list: use next_cursor as you got it.") from None


class PageQuery(Input):
    """`limit`; subclasses add `cursor` and the list's filters."""

    limit = IntegerParameter(1, MAX_LIMIT, load_default=DEFAULT_LIMIT, metadata={"description": "Most items to answer"})


def page_response(
    request: web.Request, rows: Sequence[Item], limit: int, sort_key: Callable[[Item], Sequence[object]]
) -> SingleWriteResponse:
    """A page with its Link header. `rows` has one row more than `limit` if there is another page."""
    items, more = rows[:limit], len(rows) > limit
    return page_with_key(request, items, limit, sort_key(items[-1]) if more else None)


def page_with_key(
    request: web.Request, items: Sequence[Item], limit: int, next_key: Sequence[object] | None
) -> SingleWriteResponse:
    """A page with its Link header; the next one begins after a sort key, None on the last page."""
    cursor = None if next_key is None else urlsafe_b64encode(encode(list(next_key))).decode()
    headers = {}
    if cursor is not None:
        next_url = request.rel_url.update_query({"cursor": cursor, "limit": str(limit)})
        headers["Link"] = f'<{next_url}>; rel="next"'
    return json_response({"items": items, "next_cursor": cursor}, headers=headers)


def page_schema(item: Schema, name: str) -> Schema:
    """The schema that documents a page of `item`."""
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"}),
    }
    return Schema.from_dict(members, name=name)()


def _part(kind: PartType, part: Any) -> Any:
    if kind is datetime:
        instant = datetime.fromisoformat(part)
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)  # raises OverflowError here, and not in PostgreSQL, beyond the years 1 to 9999
    if kind is UUID:
        return UUID(str(part))
    if not isinstance(part, kind) or isinstance(part, bool) or (isinstance(part, int) and not 0 <= part < 2**63):
        raise ValueError
    if isinstance(part, str) and "\0" in part:
        raise ValueError
    return part
