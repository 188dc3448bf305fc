"""Sign in and out."""

from aiohttp import web

from ....errors import DomainError, InvalidCredentials, TotpRequired
from ....http.routes import Access
from ....identity.tokens import TokenPair
from ....runtime.lanes import Lane
from ...addresses import own_path
from ...api_client import ApiClient
from ...forms import FormState, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...sessions import browser_sessions
from ...texts.marking import mark as _

pages = PageTable(lane=Lane.ACCOUNT)

CODE = "totp_code"
WRONG = _("The password or the code is wrong.")
# What has ended a session, and is said where the next one begins.
DONE = {
    "password": _("Your password has been changed, and you have been signed out everywhere. Please sign in again."),
    "everywhere": _("You have been signed out everywhere."),
    "erased": _("Your account has been erased."),
}


@pages.get("/sign-in")
async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form; `next` is the path to go on at."""
    return _form(request, FormState({"next": own_path(request.query.get("next", ""))}))


@pages.post("/sign-in")
async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session in this browser."""
    form = request[FORM]
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        tokens = await ApiClient(request).post("/auth/login", sent | {"totp_code": text_of(request, CODE) or None})
    except TotpRequired as error:
        return _form(request, refused_form(request, error), status=422, asks_code=True)
    except DomainError as error:
        return _form(request, refused_form(request, error), status=422, asks_code=CODE in form)
    await browser_sessions.sign_in(request, TokenPair(**tokens))
    return see_other(own_path(form.get("next", "")))


@pages.post("/sign-out")
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session of this browser."""
    await browser_sessions.sign_out(request)
    return see_other("/")


@pages.get("/confirm-password", access=Access.SIGNED_IN)
async def confirm_password_page(request: web.Request) -> web.StreamResponse:
    """Where a change leads that needs a password given lately; `next` is the page to go on at."""
    return await _confirmation(request, FormState({"next": own_path(request.query.get("next", ""))}))


@pages.post("/confirm-password", access=Access.SIGNED_IN)
async def confirm_password(request: web.Request) -> web.StreamResponse:
    """Confirm the password in this session."""
    form = request[FORM]
    sent = {"password": form.get("password", ""), CODE: text_of(request, CODE) or None}
    try:
        await ApiClient(request).post("/auth/reauthenticate", sent)
    except InvalidCredentials:
        state = FormState(dict(form.items()), error=request[LANGUAGE].gettext(WRONG))
        return await _confirmation(request, state, status=422)
    except DomainError as error:
        return await _confirmation(request, refused_form(request, error), status=422)
    return see_other(own_path(form.get("next", "")))


async def _confirmation(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    totp = await ApiClient(request).get("/auth/totp")
    return render(request, "confirm_password.html", status=status, form=form, asks_code=totp["enrolled"])


def _form(request: web.Request, form: FormState, *, status: int = 200, asks_code: bool = False) -> web.StreamResponse:
    done = DONE.get(request.query.get("done", ""))
    said = None if done is None else request[LANGUAGE].gettext(done)
    return render(request, "sign_in.html", status=status, form=form, done=said, asks_code=asks_code)
