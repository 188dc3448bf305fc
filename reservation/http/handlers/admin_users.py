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
from ..input.path_ids import path_id
from ..output.schemas import ROLES, UserOutput
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import Access, Routes

routes = Routes("Administration: users")


class UsersQuery(PageQuery):
    """A page of accounts."""

    cursor = Cursor(int, load_default=(0,))


@dataclass(frozen=True, slots=True)
class Role:
    """An account's role."""

    role: str


class RoleInput(Input):
    """An account's role."""

    loads_as = Role
    role = fields.String(required=True, validate=validate.OneOf(ROLES))


@routes.add(
    "GET", "/admin/users", access=Access.ADMIN, query=UsersQuery(), output=page_schema(UserOutput(), "UserListOutput")
)
async def list_users(request: web.Request) -> web.StreamResponse:
    """All accounts."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await accounts.list_users(conn, after=query["cursor"][0], row_limit=query["limit"] + 1)
    return page_response(request, rows, query["limit"], lambda user: [user.id])


@routes.add("GET", "/admin/users/{user_id}", access=Access.ADMIN, output=UserOutput(), etag=True)
async def get_user(request: web.Request) -> web.StreamResponse:
    """One account; its ETag is for changes of its role."""
    async with request.app[DATABASE].connection() as conn:
        account = await accounts.find_user(conn, user_id=path_id(request, "user_id"))
    if account is None:
        raise NotFound("There is no such user.")
    return conditional_response(request, account.user, version=account)


@routes.add(
    "PUT",
    "/admin/users/{user_id}/role",
    access=Access.ADMIN,
    body=RoleInput(),
    output=UserOutput(),
    raises=(LastAdmin,),
    etag=True,
)
async def set_role(request: web.Request) -> web.StreamResponse:
    """Change an account's role; the last administrator's cannot be changed."""
    body: Role = request[BODY]
    user_id = path_id(request, "user_id")
    account = await service.set_role(
        request.app[ACCOUNTS], user_id=user_id, role=body.role, check=precondition(request)
    )
    return response_with_etag(account.user, version=account)
