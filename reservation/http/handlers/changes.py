"""The feed of what happened: the events that webhooks are told."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...db.repository import events
from ...errors import CursorExpired
from ...outbox.event_members import event_members
from ...outbox.event_types import EVENT_TYPES
from ...runtime.fields import MAX_ID, Instant, JsonObject
from ..app_keys import DATABASE, QUERY, SETTINGS
from ..output.responses import json_response
from ..paging import Cursor, PageQuery, cursor_text
from ..routes import REPORTS, Access, Routes

routes = Routes("Changes", Access.ADMIN, read_scopes=REPORTS)

NO_EVENT = ""


class ChangesQuery(PageQuery):
    """Where the page begins."""

    after = Cursor(
        int,
        str,
        metadata={"description": "`next_cursor` of the page before; without it, the feed from its beginning"},
    )


class EventOutput(Schema):
    """An event."""

    id = fields.UUID(required=True, metadata={"description": "The same in every repeat, and in calls of webhooks"})
    type = fields.String(required=True, validate=validate.OneOf(EVENT_TYPES))
    timestamp = Instant(required=True, metadata={"description": "When it happened"})
    data = JsonObject(required=True, metadata={"description": "What happened: docs/client/changes.md"})


class ChangesOutput(Schema):
    """A page of the feed."""

    items = fields.List(fields.Nested(EventOutput()), required=True)
    next_cursor = fields.String(
        required=True, metadata={"description": "`after` of the next request, also where there is no more yet"}
    )
    has_more = fields.Boolean(required=True, metadata={"description": "Whether there are more events already"})


@routes.add("GET", "/changes", query=ChangesQuery(), output=ChangesOutput(), raises=(CursorExpired,))
async def list_changes(request: web.Request) -> web.StreamResponse:
    """The events of the last 30 days, the oldest first, without a gap and without a repeat.

    Store `next_cursor` with what you make of the items, and send it as `after` in the next request, again and again.
    An event is there some 0.3 seconds after it happened. Events of one reservation are in the order in which they
    happened.
    """
    query = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        position, last_id = query.get("after") or (0, NO_EVENT)
        # Before the events: what is deleted in between is noticed the next time.
        feed = await events.find_feed(conn, position=position)
        if "after" not in query:
            position = feed.deleted_through
        elif position < feed.deleted_through or (
            # After a restore of the database, another event has this place, or none has yet.
            position > feed.deleted_through and last_id != str(feed.event_id)
        ):
            raise CursorExpired
        found = await events.list_events(conn, after_id=position, last_id=MAX_ID, row_limit=query["limit"] + 1)
    page = found[: query["limit"]]
    if page:
        position, last_id = page[-1].position, str(page[-1].event_id)
    return json_response(
        {
            "items": [event_members(each, request.app[SETTINGS].currency) for each in page],
            "next_cursor": cursor_text([position, last_id]),
            "has_more": len(found) > len(page),
        }
    )
