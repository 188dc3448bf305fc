"""The log of all administrative changes."""

from datetime import datetime

from aiohttp import web
from marshmallow import Schema, fields

from ...db.repository import change_log
from ...runtime.fields import EARLIEST, LATEST, MAX_ID, Id, Instant, IntegerParameter, JsonObject, Text
from ..app_keys import QUERY
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..routes import Access, Routes

routes = Routes("Administration: change log", Access.ADMIN)

MAX_SUBJECT_CHARS = 100


class ChangeLogQuery(PageQuery):
    """Filters of the changes; those given all apply."""

    cursor = Cursor(datetime, int, load_default=(LATEST, MAX_ID))
    user_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only changes that this account made"})
    subject = Text(
        MAX_SUBJECT_CHARS,
        metadata={"description": "Only changes of this thing: kind and id", "examples": ["movie/12", "showtime/5"]},
    )
    made_from = Instant(data_key="from", metadata={"description": "Only changes since then"})
    made_to = Instant(data_key="to", metadata={"description": "Only changes before then"})


class ChangeOutput(Schema):
    """A change of one thing."""

    at = Instant(required=True)
    user_id = Id(required=True, allow_none=True, metadata={"description": "Who; null: a command of the operator"})
    action = fields.String(
        required=True, metadata={"description": "The operation (operationId) or command", "examples": ["replace_movie"]}
    )
    subject = fields.String(required=True, metadata={"examples": ["movie/12"]})
    before = JsonObject(
        required=True,
        allow_none=True,
        metadata={"description": "As it was; null: it was not there, or its person was erased"},
    )
    after = JsonObject(
        required=True,
        allow_none=True,
        metadata={"description": "As it became; null: it was deleted, or its person was erased"},
    )
    request_id = fields.String(
        required=True, allow_none=True, metadata={"description": "X-Request-ID of the request; null for a command"}
    )


@routes.add("GET", "/admin/change-log", query=ChangeLogQuery(), output=page_schema(ChangeOutput()))
async def list_changes(request: web.Request) -> web.StreamResponse:
    """The changes that staff and administrators made, newest first: one for each thing that a request changed.

    `before` and `after` have the fields of the database, without passwords and keys.
    """
    query = {**request[QUERY]}
    (before, before_id), _ = query.pop("cursor"), query.pop("limit")
    return await page_response(
        request,
        lambda conn, rows: change_log.list_changes(
            conn,
            user_id=query.get("user_id"),
            subject=query.get("subject"),
            made_from=query.get("made_from", EARLIEST),
            made_to=query.get("made_to", LATEST),
            before=before,
            before_id=before_id,
            row_limit=rows,
        ),
        lambda change: [change.at, change.id],
        shown=lambda change: change.members,
    )
