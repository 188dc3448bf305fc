"""Accounts: the list with a search, and for one of them its role and whether it is disabled."""

from typing import Any

from aiohttp import web

from ....errors import DomainError, Invalid, NotFound
from ....http.output.problems import STATUS_AND_CODE
from ....http.output.schemas import ACCOUNT_ROLES, ROLES
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import FormState, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/users"
ONE = LIST + r"/{user_id:\d+}"
A_PAGE = 50


@pages.get(LIST)
async def list_users(request: web.Request) -> web.StreamResponse:
    """Accounts, of one role or with one e-mail address; guests only if they are asked for."""
    api, asked = ApiClient(request), {name: request.query.get(name, "").strip() for name in ("email", "role")}
    try:
        found = await api.get("/admin/users", **asked, cursor=request.query.get("cursor"), limit=A_PAGE)
    except Invalid:  # what no address or role can be is that of nobody
        found = {"items": [], "next_cursor": None}
    return render(
        request,
        "manage/users.html",
        users=found["items"],
        asked=asked,
        roles=ROLES,
        timezone=await home_timezone(api),
        cursor=request.query.get("cursor"),
        next_cursor=found["next_cursor"],
    )


@pages.get(ONE)
async def show_user(request: web.Request) -> web.StreamResponse:
    """One account or guest."""
    return await _user_page(request, FormState())


@pages.post(f"{ONE}/role")
async def set_role(request: web.Request) -> web.StreamResponse:
    """Give the account another role."""
    return await _change(request, "role", {"role": text_of(request, "role")})


@pages.post(f"{ONE}/disabled")
async def set_disabled(request: web.Request) -> web.StreamResponse:
    """Disable the account, or enable it again."""
    return await _change(request, "disabled", {"disabled": text_of(request, "disabled") == "yes"})


async def _change(request: web.Request, what: str, body: dict[str, Any]) -> web.StreamResponse:
    user_id, etag = request.match_info["user_id"], text_of(request, "etag") or None
    try:
        await ApiClient(request).put(f"/admin/users/{user_id}/{what}", body, etag=etag)
    except NotFound:
        raise
    except DomainError as error:
        return await _user_page(request, refused_form(request, error), status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"{LIST}/{user_id}?done=saved")


async def _user_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api = ApiClient(request)
    answer = await api.call("GET", f"/admin/users/{request.match_info['user_id']}")
    return render(
        request,
        "manage/user.html",
        status=status,
        form=form,
        account=answer.json,
        etag=answer.etag or "",
        roles=ACCOUNT_ROLES,
        timezone=await home_timezone(api),
    )
