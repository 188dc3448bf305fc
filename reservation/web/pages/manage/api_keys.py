"""API keys: the list, a new one, which is shown once, and the end of one."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ....errors import DomainError, Invalid, NotFound
from ....http.app_keys import SETTINGS
from ....http.output.problems import STATUS_AND_CODE
from ....http.routes import Access
from ....identity.api_key_format import Scope
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import FormState, optional, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...showtimes.form import instant_of
from ...texts.marking import mark as _

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/api-keys"
ONE = LIST + r"/{api_key_id:\d+}"
A_PAGE = 50
LIMITS = ("max_holds_per_user", "max_seats_per_user_per_showtime", "holds_per_minute")
FIELDS = {"user_id": "email", **{f"limits/{name}": name for name in LIMITS}}
NO_ACCOUNT = _("There is no account with this e-mail address.")
NOT_A_TIME = _("Choose a date and a time.")


@pages.get(LIST)
async def list_keys(request: web.Request) -> web.StreamResponse:
    """All API keys, the revoked and the expired ones as well."""
    api = ApiClient(request)
    found = await api.get("/admin/api-keys", cursor=request.query.get("cursor"), limit=A_PAGE)
    return render(
        request,
        "manage/api_keys.html",
        keys=found["items"],
        timezone=await home_timezone(api),
        cursor=request.query.get("cursor"),
        next_cursor=found["next_cursor"],
    )


@pages.get(f"{LIST}/new")
async def new_key(request: web.Request) -> web.StreamResponse:
    """The empty form."""
    return await _form(request, FormState())


@pages.post(f"{LIST}/new")
async def create_key(request: web.Request) -> web.StreamResponse:
    """Create an API key, and show it; it cannot be shown again."""
    api, language, zone = ApiClient(request), request[LANGUAGE], await home_timezone(ApiClient(request))
    state = FormState(dict(request[FORM].items()))
    expires_at = instant_of(text_of(request, "expires_at"), zone)
    if expires_at is None and text_of(request, "expires_at"):
        state.errors["expires_at"] = language.gettext(NOT_A_TIME)
    user_id = await _account_of(api, text_of(request, "email"))
    if user_id is None:
        state.errors["email"] = language.gettext(NO_ACCOUNT)
    if state.errors:
        return await _form(request, state, status=422)
    body: dict[str, Any] = {"name": text_of(request, "name"), "user_id": user_id}
    if expires_at is not None:
        body["expires_at"] = expires_at
    body["scopes"] = request[FORM].getall("scopes", [])
    body["limits"] = {name: optional(request, name, int) for name in LIMITS}
    try:
        made = await api.post("/admin/api-keys", body)
    except DomainError as error:
        state = refused_form(request, error, FIELDS)
        if "scopes" not in request[FORM] and state.error:
            state.errors["scopes"], state.error = state.error.removeprefix("scopes: "), None
        return await _form(request, state, status=STATUS_AND_CODE[type(error)][0])
    owner = await _owner(api, made)
    return render(
        request, "manage/api_key.html", status=201, key=made, owner=owner, etag="", form=FormState(), timezone=zone
    )


@pages.get(ONE)
async def show_key(request: web.Request) -> web.StreamResponse:
    """One key without the key itself."""
    return await _key_page(request, FormState())


@pages.post(f"{ONE}/revoke")
async def revoke_key(request: web.Request) -> web.StreamResponse:
    """Revoke it at once and for ever."""
    key_id, etag = request.match_info["api_key_id"], text_of(request, "etag") or None
    try:
        await ApiClient(request).delete(f"/admin/api-keys/{key_id}", etag=etag)
    except NotFound:
        raise
    except DomainError as error:
        return await _key_page(request, refused_form(request, error), status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"{LIST}/{key_id}?done=saved")


async def _key_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api = ApiClient(request)
    answer = await api.call("GET", f"/admin/api-keys/{request.match_info['api_key_id']}")
    zone = await home_timezone(api)
    return render(
        request,
        "manage/api_key.html",
        status=status,
        key=answer.json,
        owner=await _owner(api, answer.json),
        etag=answer.etag or "",
        form=form,
        timezone=zone,
    )


async def _owner(api: ApiClient, key: Mapping[str, Any]) -> Any:
    """The account that a key acts for; None if it was erased."""
    try:
        return await api.get(f"/admin/users/{key['user_id']}")
    except NotFound:
        return None


async def _form(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    ticked = request[FORM].getall("scopes", []) if FORM in request else []
    zone = await home_timezone(ApiClient(request))
    return render(
        request,
        "manage/api_key_new.html",
        status=status,
        form=form,
        scopes=[scope.value for scope in Scope],
        ticked=ticked,
        timezone=zone,
        days=request.app[SETTINGS].api_key_ttl_s // 86_400,
    )


async def _account_of(api: ApiClient, email: str) -> int | None:
    """The id of the account with an e-mail address; None for a guest's or nobody's."""
    try:
        found = (await api.get("/admin/users", email=email))["items"] if email else []
    except Invalid:
        return None
    return next((int(each["id"]) for each in found if each["role"] != "guest"), None)
