"""Sign in and out."""

from aiohttp import web

from ....errors import DomainError
from ....identity.tokens import TokenPair
from ...addresses import own_path
from ...api_client import ApiClient
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...sessions import browser_sessions
from ...texts.marking import mark as _

pages = PageTable()

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
    try:
        tokens = await ApiClient(request).post(
            "/auth/login", {"email": form.get("email", ""), "password": form.get("password", "")}
        )
    except DomainError as error:
        return _form(request, refused_form(request, error), status=422)
    await browser_sessions.sign_in(request, TokenPair(**tokens))
    return see_other(own_path(form.get("next", "")))


@pages.post("/sign-out")
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session of this browser."""
    await browser_sessions.sign_out(request)
    return see_other("/")


def _form(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    done = DONE.get(request.query.get("done", ""))
    said = None if done is None else request[LANGUAGE].gettext(done)
    return render(request, "sign_in.html", status=status, form=form, done=said)
