"""The login sessions of the caller's account."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from aiohttp import web
from marshmallow import Schema, fields

from ...db.repository import sessions
from ...identity import accounts as service
from ...identity.verifiers import SessionIdentity
from ...runtime.fields import Instant
from ..app_keys import ACCOUNTS, CALLER, QUERY
from ..input.path_ids import path_uuid
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..routes import Access, Routes
from ..security_events import record_event
from .reservations import FAR_AHEAD, HIGHEST

routes = Routes("Accounts", Access.SIGNED_IN)


class SessionsQuery(PageQuery):
    """A page of login sessions, newest first."""

    cursor = Cursor(datetime, UUID, load_default=(FAR_AHEAD, HIGHEST))


class LoginSessionOutput(Schema):
    """A login session that has not ended."""

    id = fields.UUID(required=True)
    created_at = Instant(required=True, metadata={"description": "When the person logged in"})
    refreshed_at = Instant(
        required=True, allow_none=True, metadata={"description": "Of the last refresh; null before the first"}
    )
    expires_at = Instant(required=True, metadata={"description": "Its end, if it is not refreshed before"})
    current = fields.Boolean(
        required=True, metadata={"description": "Whether the access token of this request belongs to it"}
    )


@routes.add("GET", "/auth/sessions", query=SessionsQuery(), output=page_schema(LoginSessionOutput()))
async def list_sessions(request: web.Request) -> web.StreamResponse:
    """Your login sessions that have not ended, newest first."""
    caller, (before, before_id) = request[CALLER], request[QUERY]["cursor"]
    current = caller.session_id if isinstance(caller, SessionIdentity) else None
    return await page_response(
        request,
        lambda conn, rows: sessions.list_sessions(
            conn, user_id=caller.user_id, before=before, before_id=before_id, row_limit=rows
        ),
        lambda session: [session.created_at, session.id],
        shown=lambda session: asdict(session) | {"current": session.id == current},
    )


@routes.add("DELETE", "/auth/sessions", status=204)
async def end_all_sessions(request: web.Request) -> web.StreamResponse:
    """End all your login sessions at once, with their access tokens; the current one, too."""
    await service.end_all_sessions(request.app[ACCOUNTS], user_id=request[CALLER].user_id)
    record_event(request, "sessions_ended")
    return web.Response(status=204)


@routes.add("DELETE", "/auth/sessions/{session_id}", status=204)
async def end_session(request: web.Request) -> web.StreamResponse:
    """End one of your login sessions at once, with its access tokens; the current one, too."""
    session_id = path_uuid(request, "session_id")
    await service.end_session(request.app[ACCOUNTS], session_id=session_id, user_id=request[CALLER].user_id)
    record_event(request, "session_ended", session_id=str(session_id))
    return web.Response(status=204)
