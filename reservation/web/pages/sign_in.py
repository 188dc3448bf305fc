"""Sign in and out."""

from aiohttp import web

from ...errors import DomainError
from ...identity.tokens import TokenPair
from .. import browser_sessions
from ..addresses import own_path
from ..api_client import ApiClient
from ..forms import FormState, refused_form
from ..page_table import PageTable, see_other
from ..rendering import render
from ..request_keys import FORM

pages = PageTable()


@pages.get("/sign-in")
async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form; `next` is the path to go on at."""
    return render(request, "sign_in.html", form=FormState({"next": own_path(request.query.get("next", ""))}))


@pages.post("/sign-in")
async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session in this browser."""
    form = request[FORM]
    try:
        tokens = await ApiClient(request).post(
            "/auth/login", {"email": form.get("email", ""), "password": form.get("password", "")}
        )
    except DomainError as error:
        return render(request, "sign_in.html", status=422, form=refused_form(request, error))
    await browser_sessions.sign_in(request, TokenPair(**tokens))
    return see_other(own_path(form.get("next", "")))


@pages.post("/sign-out")
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session of this browser."""
    await browser_sessions.sign_out(request)
    return see_other("/")
