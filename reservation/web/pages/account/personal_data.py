"""What is kept about a person: the copy of it, and the erasure of the account."""

from aiohttp import web

from ....errors import DomainError, InvalidCredentials
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE, SET_COOKIES, USER
from ...sessions import browser_sessions
from ...texts.marking import mark as _
from .my_account import WRONG_PASSWORD

pages = PageTable(Access.SIGNED_IN, lane=Lane.ACCOUNT)

EXPORT = "/my/account/export"
ERASE = "/my/account/erase"

OTHER_ADDRESS = _("Type the e-mail address of your account, to show that you mean it.")


@pages.get(EXPORT)
async def export(request: web.Request) -> web.StreamResponse:
    """The copy, as a file; it is sent while it is read, so cookies that are due are set by a redirect before."""
    if request[SET_COOKIES]:
        return see_other(EXPORT)
    return await ApiClient(request).respond(request.method, "/auth/me/export")


@pages.get(ERASE)
async def erase_page(request: web.Request) -> web.StreamResponse:
    """What the erasure does, and its form."""
    return render(request, "erase_account.html", form=FormState())


@pages.post(ERASE)
async def erase(request: web.Request) -> web.StreamResponse:
    """Erase the account of a person who types its address and knows its password."""
    form, user, language = request[FORM], request[USER], request[LANGUAGE]
    if user is None or form.get("email", "").strip().casefold() != user.email.casefold():
        state = FormState(dict(form.items()), errors={"email": language.gettext(OTHER_ADDRESS)})
        return render(request, "erase_account.html", status=422, form=state)
    try:
        await ApiClient(request).delete("/auth/me", body={"password": form.get("password", "")})
    except InvalidCredentials:
        state = FormState(dict(form.items()), errors={"password": language.gettext(WRONG_PASSWORD)})
        return render(request, "erase_account.html", status=422, form=state)
    except DomainError as error:
        return render(request, "erase_account.html", status=422, form=refused_form(request, error))
    browser_sessions.forget(request)
    return see_other("/sign-in?done=erased")
