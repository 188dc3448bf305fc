"""My account: the name, the e-mail address, the password, and the login sessions."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ....errors import DomainError, InvalidCredentials, NotFound
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE, USER
from ...sessions import browser_sessions
from ...texts.marking import mark as _

pages = PageTable(Access.SIGNED_IN, lane=Lane.ACCOUNT)

PATH = "/my/account"
LISTED = 50  # sessions that are shown
MOST_ENDED = 10_000

DONE = {
    "signed_up": _("Your account has been created."),
    "name": _("Your name has been changed."),
    "password": _("Your password has been changed. All other sessions have ended."),
    "verified": _("Your e-mail address is confirmed."),
    "mailed": _("A mail is on its way to you."),
    "session": _("The session has ended."),
}
WRONG_PASSWORD = _("This is not your password.")


@pages.get(PATH)
async def account(request: web.Request) -> web.StreamResponse:
    """The account; `done` is what has just been changed."""
    return await _account_page(request)


@pages.post(PATH + "/name")
async def rename(request: web.Request) -> web.StreamResponse:
    """Change the name."""
    try:
        await ApiClient(request).put("/auth/me", {"name": request[FORM].get("name", "")})
    except DomainError as error:
        return await _account_page(request, status=422, name=refused_form(request, error))
    return see_other(f"{PATH}?done=name")


@pages.post(PATH + "/password")
async def change_password(request: web.Request) -> web.StreamResponse:
    """Change the password; this session goes on, all others end."""
    sent = {name: request[FORM].get(name, "") for name in ("current_password", "new_password")}
    try:
        await ApiClient(request).post("/auth/password", sent)
    except InvalidCredentials:
        state = FormState(errors={"current_password": request[LANGUAGE].gettext(WRONG_PASSWORD)})
        return await _account_page(request, status=422, password=state)
    except DomainError as error:
        return await _account_page(request, status=422, password=refused_form(request, error))
    return see_other(f"{PATH}?done=password")


@pages.post(PATH + "/verification")
async def send_verification(request: web.Request) -> web.StreamResponse:
    """Send another mail that confirms the address."""
    try:
        await ApiClient(request).post("/auth/email/verify/resend")
    except DomainError as error:
        return await _account_page(request, status=422, verification=refused_form(request, error))
    return see_other(f"{PATH}?done=mailed")


@pages.post(PATH + "/sessions/{session_id:[0-9a-fA-F-]{36}}/end")
async def end_session(request: web.Request) -> web.StreamResponse:
    """End one of the sessions; the own one is a sign-out."""
    session_id, api = request.match_info["session_id"], ApiClient(request)
    is_own = any(each["id"] == session_id and each["current"] for each in await _sessions(api, LISTED))
    with suppress(NotFound):  # it has ended already
        await api.delete(f"/auth/sessions/{session_id}")
    if is_own:
        browser_sessions.forget(request)
        return see_other("/sign-in")
    return see_other(f"{PATH}?done=session")


@pages.post(PATH + "/sign-out-everywhere")
async def sign_out_everywhere(request: web.Request) -> web.StreamResponse:
    """End all sessions; that of this browser last, since it ends the others."""
    api = ApiClient(request)
    for session in sorted(await _sessions(api, MOST_ENDED), key=lambda each: bool(each["current"])):
        with suppress(NotFound):
            await api.delete(f"/auth/sessions/{session['id']}")
    browser_sessions.forget(request)
    return see_other("/sign-in?done=everywhere")


async def _sessions(api: ApiClient, most: int) -> list[Any]:
    return await api.every("/auth/sessions", most=most)


async def _account_page(request: web.Request, *, status: int = 200, **refused: FormState) -> web.StreamResponse:
    api, user = ApiClient(request), request[USER]
    done, config = DONE.get(request.query.get("done", "")), await api.get("/config")
    return render(
        request,
        "account.html",
        status=status,
        forms={
            "name": FormState({"name": None if user is None else user.name}),
            "password": FormState(),
            "verification": FormState(),
        }
        | refused,
        sessions=await _sessions(api, LISTED),
        timezone=await home_timezone(api),
        now=datetime.now(UTC),
        shortest=config["password_min_length"],
        done=None if done is None or refused else request[LANGUAGE].gettext(done),
    )
