"""Lists: a page at a time by the key of the last row, so that no page costs more than the first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from marshmallow import Schema, ValidationError, fields

from ..runtime.fields import Input, WholeText
from .responses import answer, encode

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR_CHARS = 512

Row = TypeVar("Row")
KeyPart = type[int] | type[str] | type[datetime] | type[UUID]


class Cursor(fields.Field[tuple[Any, ...]]):
    """The opaque key of the last row of a page, as the answer before gave it; `parts` are the key's types."""

    def __init__(self, *parts: KeyPart, **rest: Any) -> None:
        super().__init__(**rest)
        self._parts = parts

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any
    ) -> tuple[Any, ...]:
        try:
            if len(value) > MAX_CURSOR_CHARS:
                raise ValueError
            key = orjson.loads(urlsafe_b64decode(value.encode("ascii")))
            return tuple(_part(kind, part) for kind, part in zip(self._parts, key, strict=True))
        except (ValueError, TypeError, OverflowError):
            raise ValidationError("Not a cursor of this list: use next_cursor as it was answered.") from None


class PageQuery(Input):
    """`limit`, and in subclasses the `cursor` of the list's key and its filters."""

    limit = WholeText(1, MAX_LIMIT, load_default=DEFAULT_LIMIT, metadata={"description": "Most items to answer"})


def page(
    request: web.Request, rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[object]]
) -> web.StreamResponse:
    """A page out of `limit + 1` rows, the last of which only tells that there are more; with its Link header."""
    items, more = rows[:limit], len(rows) > limit
    cursor = urlsafe_b64encode(encode(list(key(items[-1])))).decode() if more else None
    headers = {}
    if cursor is not None:
        following = request.rel_url.update_query({"cursor": cursor, "limit": str(limit)})
        headers["Link"] = f'<{following}>; rel="next"'
    return answer({"items": items, "next_cursor": cursor}, headers=headers)


def listing(item: Schema, name: str) -> Schema:
    """The schema that documents a page of `item`."""
    made: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"}),
    }
    return Schema.from_dict(made, name=name)()


def _part(kind: KeyPart, part: Any) -> Any:
    if kind is datetime:
        instant = datetime.fromisoformat(part)
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)  # what is then beyond the years 1 to 9999 overflows here, not in PostgreSQL
    if kind is UUID:
        return UUID(str(part))
    if not isinstance(part, kind) or isinstance(part, bool) or (isinstance(part, int) and not 0 <= part < 2**63):
        raise ValueError
    if isinstance(part, str) and "\0" in part:
        raise ValueError
    return part
