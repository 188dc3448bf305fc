"""Lists in pages. A page begins after the sort key of the last row, so that no page costs more than the first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from marshmallow import Schema, ValidationError, fields

from ..runtime.fields import Input, IntegerParameter
from ..runtime.instants import parse_instant
from .app_keys import QUERY
from .output.responses import SingleWriteResponse, encode, json_response
from .replica_reads import read as read_from_replica

if TYPE_CHECKING:
    from ..db.pool import Connection

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


class PageByIdQuery(PageQuery):
    """A page of a list in the order of its ids."""

    cursor = Cursor(int, load_default=(0,))


async def page_response(
    request: web.Request,
    read: "Callable[[Connection, int], Awaitable[Sequence[Item]]]",
    sort_key: Callable[[Item], Sequence[object]],
    shown: Callable[[Item], object] = lambda row: row,
) -> SingleWriteResponse:
    """A page with its Link header. `read` gets the number of rows to return: one more than the page has items.

    `shown` makes an item of a row.
    """
    limit: int = request[QUERY]["limit"]
    rows = await read_from_replica(request, lambda conn: read(conn, limit + 1))
    items = [shown(row) for row in rows[:limit]]
    return page_with_key(request, items, sort_key(rows[limit - 1]) if len(rows) > limit else None)


def page_with_key(
    request: web.Request, items: Sequence[Item], next_key: Sequence[object] | None
) -> SingleWriteResponse:
    """A page with its Link header; the next one begins after a sort key, None on the last page."""
    member, headers = next_page(request, next_key)
    return json_response({"items": items, **member}, headers=headers)


def next_page(
    request: web.Request, next_key: Sequence[object] | None
) -> tuple[dict[str, str | None], dict[str, str] | None]:
    """The member `next_cursor` and the Link header of a page, as for page_with_key."""
    if next_key is None:
        return {"next_cursor": None}, None
    cursor = cursor_text(next_key)
    next_url = request.rel_url.update_query({"cursor": cursor, "limit": str(request[QUERY]["limit"])})
    return {"next_cursor": cursor}, {"Link": f'<{next_url}>; rel="next"'}


def cursor_text(key: Sequence[object]) -> str:
    """A sort key as the opaque text that a Cursor reads."""
    return urlsafe_b64encode(encode(list(key))).decode()


async def page_by_id(request: web.Request, read: Callable[..., Awaitable[Sequence[Any]]]) -> SingleWriteResponse:
    """A page in the order of ids, for a PageByIdQuery. `read` takes a connection, `after` and `row_limit`."""
    [after] = request[QUERY]["cursor"]
    return await page_response(
        request, lambda conn, rows: read(conn, after=after, row_limit=rows), lambda row: [row.id]
    )


def page_schema(item: Schema) -> Schema:
    """The schema that documents a page of `item`: MovieListOutput for MovieOutput."""
    name = type(item).__name__.removesuffix("Output") + "ListOutput"
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"}),
    }
    return Schema.from_dict(members, name=name)()


def _part(kind: PartType, part: Any) -> Any:
    if kind is datetime:
        return parse_instant(part)
    if kind is UUID:
        return UUID(str(part))
    if not isinstance(part, kind) or isinstance(part, bool) or (isinstance(part, int) and not 0 <= part < 2**63):
        raise ValueError
    if isinstance(part, str) and "\0" in part:
        raise ValueError
    return part
