"""Administration of accounts."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from marshmallow import fields, validate

from .. import accounts as service
from ..errors import LastAdmin
from ..repository import accounts
from .accounts import ROLES, UserOutput
from .fields import Input
from .keys import ACCOUNTS, BODY, DATABASE, QUERY
from .paging import Cursor, PageQuery, listing, page
from .responses import answer
from .routes import Access, Routes, path_id

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


@routes.add(
    "PUT",
    "/admin/users/{user_id}/role",
    access=Access.ADMIN,
    body=RoleInput(),
    answer=UserOutput(),
    raises=(LastAdmin,),
)
async def set_role(request: web.Request) -> web.StreamResponse:
    """Give an account another role; the last administrator keeps theirs."""
    body: Role = request[BODY]
    user_id = path_id(request, "user_id")
    return answer(await service.set_role(request.app[ACCOUNTS], user_id=user_id, role=body.role))
