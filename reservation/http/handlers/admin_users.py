"""Administration of accounts."""

from functools import partial

from aiohttp import web
from marshmallow import fields, validate

from ...db.repository import accounts
from ...errors import LastAdmin, ReauthenticationRequired
from ...identity import accounts as service
from ...identity.email_addresses import MAX_EMAIL_CHARS
from ...runtime.fields import Input, StrictBoolean, Text
from ..app_keys import ACCOUNTS, BODY, QUERY
from ..authentication import require_recent_password
from ..input.path_ids import find_row, path_id
from ..output.schemas import ACCOUNT_ROLES, ROLES, ListedUserOutput
from ..paging import PageByIdQuery, page_by_id, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import Access, Routes
from ..security_events import record_event

routes = Routes("Administration: users", Access.ADMIN)


class UsersQuery(PageByIdQuery):
    """Filters of the users."""

    role = fields.String(
        validate=validate.OneOf(ROLES),
        metadata={"description": "Only users with this role; if not given, all accounts, but no guests"},
    )

    email = Text(
        MAX_EMAIL_CHARS,
        metadata={"description": "Only the account and the guests with this address, in any spelling"},
    )


class DisabledInput(Input):
    """Whether an account may not log in."""

    disabled = StrictBoolean(required=True)


class RoleInput(Input):
    """An account's role."""

    role = fields.String(required=True, validate=validate.OneOf(ACCOUNT_ROLES))


@routes.add("GET", "/admin/users", query=UsersQuery(), output=page_schema(ListedUserOutput()))
async def list_users(request: web.Request) -> web.StreamResponse:
    """All accounts, or all users with one role or address; guests are listed with the role guest or an address only."""
    role, email = request[QUERY].get("role"), request[QUERY].get("email")
    if email is not None:
        roles = ROLES if role is None else (role,)
        return await page_by_id(request, partial(accounts.list_by_email, email=email, roles=roles))
    return await page_by_id(request, partial(accounts.list_users, roles=ACCOUNT_ROLES if role is None else (role,)))


@routes.add("GET", "/admin/users/{user_id}", output=ListedUserOutput(), etag=True)
async def get_user(request: web.Request) -> web.StreamResponse:
    """One account or guest; its ETag is for its changes."""
    account = await find_row(request, "user", lambda conn, user_id: accounts.find_user(conn, user_id=user_id))
    return conditional_response(request, account.user, version=account)


@routes.add(
    "PUT",
    "/admin/users/{user_id}/role",
    body=RoleInput(),
    output=ListedUserOutput(),
    raises=(LastAdmin, ReauthenticationRequired),
    etag=True,
)
async def set_role(request: web.Request) -> web.StreamResponse:
    """Change an account's role; the last administrator's cannot be changed, and a guest has no account."""
    user_id = path_id(request, "user_id")
    await require_recent_password(request)
    account = await service.set_role(
        request.app[ACCOUNTS], user_id=user_id, role=request[BODY]["role"], check=precondition(request)
    )
    record_event(request, "role_changed", subject_id=user_id, role=request[BODY]["role"])
    return response_with_etag(account.user, version=account)


@routes.add(
    "PUT",
    "/admin/users/{user_id}/disabled",
    body=DisabledInput(),
    output=ListedUserOutput(),
    raises=(LastAdmin,),
    etag=True,
)
async def set_disabled(request: web.Request) -> web.StreamResponse:
    """Disable an account or a guest, or enable it again.

    Its sessions end and its API keys stop working at once; a login with the right password is 403 `account_disabled`.
    Its reservations stay. Enabled again, it can log in, and its API keys work. The last administrator who is not
    disabled cannot be disabled.
    """
    user_id = path_id(request, "user_id")
    account = await service.set_disabled(
        request.app[ACCOUNTS], user_id=user_id, disabled=request[BODY]["disabled"], check=precondition(request)
    )
    record_event(request, "account_disabled" if request[BODY]["disabled"] else "account_enabled", subject_id=user_id)
    return response_with_etag(account.user, version=account)
