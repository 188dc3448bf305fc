"""Administration of accounts."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from marshmallow import fields, validate

from ...db.repository import accounts
from ...errors import LastAdmin, NotFound
from ...identity import accounts as service
from ...runtime.fields import Input
from ..app_keys import ACCOUNTS, BODY, DATABASE, QUERY
from ..paging import Cursor, PageQuery, listing, page
from ..preconditions import current, precondition, replaced
from ..routes import Access, Routes, path_id
from .accounts import ROLES, UserOutput

routes = Routes("Administration: users")


class UsersQuery(PageQuery):
    """A page of accounts."""

    cursor = Cursor(int, load_default=(0,))


@dataclass(frozen=True, slots=True)
class Role:
    """What an account may do."""

    role: str


class RoleInput(Input):
    """What an account may do."""

    makes = Role
    role = fields.String(required=True, validate=validate.OneOf(ROLES))


@routes.add(
    "GET", "/admin/users", access=Access.ADMIN, query=UsersQuery(), answer=listing(UserOutput(), "UserListOutput")
)
async def list_users(request: web.Request) -> web.StreamResponse:
    """All accounts."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await accounts.list_users(conn, after=query["cursor"][0], row_limit=query["limit"] + 1)
    return page(request, rows, query["limit"], lambda user: [user.id])


@routes.add("GET", "/admin/users/{user_id}", access=Access.ADMIN, answer=UserOutput(), etag=True)
async def get_user(request: web.Request) -> web.StreamResponse:
    """One account; its ETag is good for the change of its role."""
    async with request.app[DATABASE].connection() as conn:
        account = await accounts.find_user(conn, user_id=path_id(request, "user_id"))
    if account is None:
        raise NotFound("There is no such user.")
    return current(request, account.user, version=account)


@routes.add(
    "PUT",
    "/admin/users/{user_id}/role",
    access=Access.ADMIN,
    body=RoleInput(),
    answer=UserOutput(),
    raises=(LastAdmin,),
    etag=True,
)
async def set_role(request: web.Request) -> web.StreamResponse:
    """Give an account another role; the last administrator keeps theirs."""
    body: Role = request[BODY]
    user_id = path_id(request, "user_id")
    account = await service.set_role(
        request.app[ACCOUNTS], user_id=user_id, role=body.role, check=precondition(request)
    )
    return replaced(account.user, version=account)
